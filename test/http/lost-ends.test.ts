/**
 * Answers whose end cannot be kept, or not be taken: the journal refuses the last events, the answer grows too large,
 * the
 * house closes on a slow reader. Each must end, with a word, and leave nobody inside.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, describe, test } from 'node:test'
import { assertRefused, goodBody, openTestHouse, pause, post, streamBody, type TestHouse, until } from './harness.ts'

const limit = { timeout: 60_000 }
const folders: string[] = []
after(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
})

/** A house with its journal on a disk, and a way to let that disk refuse events from now on. */
async function openOnDisk(): Promise<{ house: TestHouse; fill: () => void }> {
  const stateDir = mkdtempSync(join(tmpdir(), 'holdfast-lost-'))
  folders.push(stateDir)
  const house = await openTestHouse({ stateDir, journal: { engine: 'sqlite' } })
  const fill = (): void => {
    const outside = new DatabaseSync(join(stateDir, 'journal.db'))
    outside.exec("CREATE TRIGGER full BEFORE INSERT ON piece BEGIN SELECT RAISE(ABORT, 'disk is full'); END")
    outside.close()
  }
  return { house, fill }
}

describe('a journal whose disk is full', limit, () => {
  test('at a whole answer: the caller gets an error in its place', async () => {
    const { house, fill } = await openOnDisk()
    await using _ = house
    fill()
    assertRefused(await house.ask(post(goodBody)), 507, 'HF_JOURNAL_FULL')
    await until('the call to be over', () => house.house.callsLive() === 0)
    assert.deepEqual([house.accounts[0]?.outcome, house.accounts[0]?.code], ['failed', 'HF_JOURNAL_FULL'])
  })

  test('at the end of a stream: what was kept is followed by an error, and by no end mark', async () => {
    const { house, fill } = await openOnDisk()
    await using _ = house
    house.upstream.script = (call) => {
      call.beginStream()
      call.say('first')
    }
    await using client = await house.visit()
    client.write(post(streamBody))
    await client.heard('first')
    fill()
    const call = await house.upstream.call(0)
    call.say('last')
    call.endStream()
    const text = await client.ended()
    assert.match(text, /HF_JOURNAL_FULL/)
    assert.doesNotMatch(text, /last|\[DONE\]|"stop"|\r\n0\r\n/)
    await until('the call to be over', () => house.house.callsLive() === 0)
    assert.equal(house.accounts[0]?.outcome, 'failed')
  })
})

test('a stream that grows too large ends with an error, though that error would still fit', limit, async () => {
  await using house = await openTestHouse({ journal: { engine: 'memory', answerBytesMax: 4096 } })
  house.upstream.script = (call) => {
    call.beginStream()
    call.say('first')
  }
  await using client = await house.visit()
  client.write(post(streamBody))
  await client.heard('first')
  ;(await house.upstream.call(0)).say('x'.repeat(5000))
  const text = await client.ended()
  assert.match(text, /HF_UPSTREAM_TOO_LARGE/)
  assert.doesNotMatch(text, /xxx|\[DONE\]|\r\n0\r\n/)
  await house.isWell()
})

test('nothing of an answer follows the error that broke it, though it came in the same read', limit, async () => {
  await using house = await openTestHouse({ journal: { engine: 'memory', answerBytesMax: 4096 } })
  house.upstream.script = (call) => {
    call.beginStream()
    call.response.cork()
    for (const text of ['first', 'x'.repeat(5000), 'second']) call.say(text)
    call.response.uncork()
  }
  await using client = await house.visit()
  client.write(post(streamBody))
  const text = await client.ended()
  assert.match(text, /first[^]*HF_UPSTREAM_TOO_LARGE/)
  assert.doesNotMatch(text, /xxx|second/)
  await house.isWell()
})

for (const isWhole of [true, false]) {
  test(
    `a house that closes does not wait for a slow reader (${isWhole ? 'the answer is whole' : 'it flows on'})`,
    limit,
    async () => {
      const house = await openTestHouse({ limits: { drainMs: 200 } })
      await using _ = house.upstream
      house.upstream.script = (call) => {
        call.beginStream()
        let left = isWhole ? 600 : Number.POSITIVE_INFINITY
        const go = (): void => {
          while (left-- > 0) if (!call.say('x'.repeat(16_384))) return
          call.endStream()
        }
        call.response.on('drain', go)
        go()
      }
      const socket = connect({ port: house.port, host: '127.0.0.1' }).pause()
      socket.on('error', () => {})
      socket.write(post(streamBody))
      await house.upstream.call(0)
      await pause(500)
      const trickle = setInterval(() => socket.read(1000), 50)
      try {
        const late = new Promise((resolve) => setTimeout(resolve, 20_000, 'still open').unref())
        assert.equal(await Promise.race([house.house.drain(1000).then(() => 'closed'), late]), 'closed')
        assert.equal(house.house.callsLive(), 0)
      } finally {
        clearInterval(trickle)
        socket.destroy()
      }
    },
  )
}
