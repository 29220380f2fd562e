/** Deliveries that fail are tried again after a while, no more often than that, and one at a time. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from '../ground/random.ts'
import { silentLog } from '../observe/log.ts'
import { AlertBook } from './alert-book.ts'
import { Courier } from './courier.ts'
import type { Notice } from './mailbox.ts'
import { DeliveryError } from './delivery-error.ts'

const condition = { name: 'Test', severity: 'critical', labels: {}, summary: 's', cure: 'c' } as const

interface Stage {
  readonly courier: Courier
  readonly tries: number[]
  readonly lines: string[]
  nowMs: number
  /** A day of tending, each second. */
  tendFor(ms: number): Promise<void>
}

function open(deliver: (notice: Notice, nowMs: number) => Promise<void>): Stage {
  const book = new AlertBook({ resolveAfterMs: 0 })
  book.look([condition], 0)
  const mailbox = { severityMin: 'warning', sendResolved: true, groupWaitMs: 0 } as const
  const lines: string[] = []
  const log = { ...silentLog, error: (facts: object) => void lines.push(JSON.stringify(facts)) }
  const stage: Stage = {
    courier: new Courier(
      {
        name: 'r',
        mailbox,
        deliver: (notice, nowMs) => {
          stage.tries.push(nowMs)
          return deliver(notice, nowMs)
        },
      },
      {},
      { log, random: seededRandom(7), onTold: () => {} },
    ),
    tries: [],
    lines,
    nowMs: 0,
    tendFor: async (ms) => {
      for (const endMs = stage.nowMs + ms; stage.nowMs < endMs; stage.nowMs += 1000)
        await stage.courier.tend(book, () => stage.nowMs)
    },
  }
  return stage
}

test('a receiver that refuses for a day is asked some hundred times, and the log told once', async () => {
  const stage = open(() => Promise.reject(new Error('no')))
  await stage.tendFor(86_400_000)
  assert.ok(stage.tries.length > 200 && stage.tries.length < 1000, String(stage.tries.length))
  assert.equal(stage.lines.length, 1)
  assert.equal(stage.courier.trouble, 'no')
})

test('once it takes the message it is not asked again', async () => {
  let left = 3
  const stage = open(() => (left-- > 0 ? Promise.reject(new Error('no')) : Promise.resolve()))
  await stage.tendFor(3_600_000)
  assert.equal(stage.tries.length, 4)
  assert.deepEqual(stage.courier.counts, { delivered: 1, failed: 3 })
  assert.equal(stage.courier.trouble, null)
})

test('one that asks for patience is given it, within reason', async () => {
  const stage = open(() => Promise.reject(new DeliveryError('later', { retryAfterMs: 60_000 })))
  await stage.tendFor(59_000)
  assert.equal(stage.tries.length, 1)
  const patient = open(() => Promise.reject(new DeliveryError('tomorrow', { retryAfterMs: 86_400_000 })))
  await patient.tendFor(3_600_000)
  assert.ok(patient.tries.length >= 4)
})

test('while one message is on its way no other begins', async () => {
  const { promise, resolve } = Promise.withResolvers<void>()
  const stage = open(() => promise)
  const first = stage.tendFor(1000)
  await stage.tendFor(30_000)
  assert.equal(stage.tries.length, 1)
  resolve()
  await first
})

test('a clock that steps back a year holds nothing up for a year', async () => {
  let left = 1
  const stage = open(() => (left-- > 0 ? Promise.reject(new Error('no')) : Promise.resolve()))
  stage.nowMs = 365 * 86_400_000
  await stage.tendFor(1000)
  stage.nowMs = 3_600_000
  await stage.tendFor(901_000)
  assert.deepEqual(stage.courier.counts, { delivered: 1, failed: 1 })
})
