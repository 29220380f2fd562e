// A message that was taken is not sent again because it could not be struck out of the queue.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { ManualClock } from '../../ground/manual-clock.ts'
import { seededRandom } from '../../ground/random.ts'
import { silentLog } from '../../observe/log.ts'
import { SqliteSubscriptions } from '../../store/sqlite-subscriptions.ts'
import { DeliveryError } from '../../alert/delivery-error.ts'
import { Lane } from './lane.ts'

const hourMs = 3_600_000
const id = '0'.repeat(32)

async function open(carry: () => Promise<'told'>) {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-lane-'))
  const clock = new ManualClock()
  const store = SqliteSubscriptions.open(join(folder, 'subscribers.db'), clock, seededRandom(1), (cause) => {
    throw cause
  })
  const asked = { id, channel: 'email', address: 'a@example.com', person: 'a', components: null } as const
  await store.ask({ ...asked, askedMs: clock.nowMs() }, { perHourMax: 9, perPersonMax: 9, subscribersMax: 9 })
  await store.confirm(id, 0)
  const news = [{ key: 'n', atMs: clock.nowMs(), components: [], body: '{}' }]
  await store.publish(news, { queueMax: 9, perSubscriberMax: 9 }, clock.nowMs())
  const limits = { parallelMax: 2, timeoutMs: 1000, giveUpMs: 24 * hourMs, dropMs: 72 * hourMs }
  const base = { store, clock, random: seededRandom(2), log: silentLog, limits, onConfirmed: async () => {} }
  const lane = new Lane('email', { ...base, carry })
  return {
    ...{ store, clock, lane },
    pass: async (ms: number): Promise<void> => {
      clock.advance(ms)
      await lane.tend()
      await lane.settle()
    },
    [Symbol.asyncDispose]: async (): Promise<void> => {
      await lane.close()
      await store[Symbol.asyncDispose]()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

test('a disk that is full for a while after a delivery repeats nothing', async () => {
  let sent = 0
  await using stage = await open(async () => {
    sent++
    return 'told'
  })
  const { store } = stage
  const done = store.done.bind(store)
  store.done = () => Promise.reject(new Error('the disk is full'))
  for (let i = 0; i < 5; i++) await stage.pass(60_000)
  store.done = done
  for (let i = 0; i < 5; i++) await stage.pass(60_000)
  assert.equal(sent, 1)
  const { ways } = await store.counts()
  for (const { waiting } of ways.values()) assert.equal(waiting, 0)
})

test('a clock that is set back by a day stops no deliveries', async () => {
  let [sent, isAway] = [0, true]
  await using stage = await open(async () => {
    if (isAway) throw new DeliveryError('away', { isOurs: true })
    sent++
    return 'told'
  })
  await stage.pass(0)
  stage.clock.jumpMs(-24 * hourMs)
  isAway = false
  for (let i = 0; i < 3; i++) await stage.pass(300_000)
  assert.equal(sent, 1)
})
