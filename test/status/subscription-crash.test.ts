/** A gateway that is killed while it tells its subscribers: nobody misses an update, nobody gets one as two. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { systemClock } from '../../src/ground/clock.ts'
import { systemRandom } from '../../src/ground/random.ts'
import { SqliteSubscriptions, subscriptionsFileName } from '../../src/store/sqlite-subscriptions.ts'
import { MailServer } from '../alerts/mail-server.ts'
import { until } from '../crash/until.ts'
import { crashUpdates } from './crash-view.ts'
import { headerOf } from './subscription-stage.ts'

const child = fileURLToPath(new URL('teller-child.ts', import.meta.url))
const readers = Array.from({ length: 8 }, (_, i) => `reader${i}@example.com`)
/** Beyond the time for which a delivery is claimed. */
const claimMs = 60_000
const damaged = (cause: unknown): never => assert.fail(String(cause))
const limits = { perPersonMax: 10, perHourMax: 1000, subscribersMax: 1000 }

async function subscribeAll(path: string): Promise<void> {
  await using store = SqliteSubscriptions.open(path, systemClock, systemRandom, damaged)
  for (const [i, address] of readers.entries()) {
    const id = i.toString(16).padStart(32, '0')
    const askedMs = systemClock.nowMs()
    const asked = { id, channel: 'email', address, person: address, components: null, askedMs } as const
    assert.equal(await store.ask(asked, limits), 'asked')
    assert.ok(await store.confirm(id, 0))
  }
}

async function queued(path: string): Promise<number> {
  await using store = SqliteSubscriptions.open(path, systemClock, systemRandom, damaged)
  return (await store.counts()).ways.values().reduce((sum, { waiting }) => sum + waiting, 0)
}

test('killed again and again in the middle of its letters', { timeout: 60_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-teller-'))
  const path = join(folder, subscriptionsFileName)
  await using server = await MailServer.open()
  let process: ChildProcess | null = null
  const start = (aheadMs: number): ChildProcess =>
    spawn(globalThis.process.execPath, [child, folder, String(server.port), String(aheadMs)], { stdio: 'ignore' })
  const exited = (one: ChildProcess): Promise<unknown> => new Promise((resolve) => one.once('exit', resolve))
  try {
    await subscribeAll(path)
    const killsAt = [1, 4, 9, 15]
    let kills = 0
    // The letter is taken, and whoever sent it never hears so.
    server.onTaken = () => {
      const at = killsAt[kills]
      if (at === undefined || server.letters.length < at || !process) return true
      kills++
      process.kill('SIGKILL')
      return false
    }
    for (let run = 0; kills < killsAt.length; run++) {
      assert.ok(run < 20, 'it gets on')
      process = start(run * claimMs)
      await exited(process)
    }
    process = start(20 * claimMs)
    await until('all to be told', async () => (await queued(path)) === 0)
    const gone = exited(process)
    process.kill('SIGKILL')
    await gone

    const byReader = Map.groupBy(server.letters, ({ to }) => to[0] ?? '')
    assert.deepEqual([...byReader.keys()].toSorted(), readers)
    for (const [reader, letters] of byReader) {
      const byText = Map.groupBy(letters, ({ text }) => /Update (\d)\./.exec(text)?.[1])
      assert.equal(byText.size, crashUpdates, `${reader} was told all`)
      for (const [text, same] of byText)
        assert.equal(
          new Set(same.map((letter) => headerOf(letter, 'message-id'))).size,
          1,
          `${reader} got update ${text} as one`,
        )
    }
    const repeated = server.letters.length - readers.length * crashUpdates
    // At least the one at which it was killed, at most all that were under way.
    assert.ok(repeated >= killsAt.length && repeated <= killsAt.length * 4, `${repeated} came twice`)
  } finally {
    process?.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  }
})
