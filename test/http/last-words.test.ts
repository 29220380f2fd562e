// An answer that cannot be completed ends with a word that says why, for whoever reads it and whenever.
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { openTestHouse, type TestHouse } from './harness.ts'
import { callStream, hi, rayIn, readAgain, sayWords, urlOf } from './resume-rig.ts'

let house: TestHouse
before(async () => {
  const settings = { continuation: { enabled: false }, timeouts: { patienceMs: 0 } }
  house = await openTestHouse({ ...settings, journal: { engine: 'memory', answerBytesMax: 2000 } })
})
after(async () => await house[Symbol.asyncDispose]())
beforeEach(async () => await house.isWell())

const causeOf = (data: string | undefined): string =>
  (JSON.parse(data ?? '{}') as { error: { cause: string } }).error.cause

test('an answer that grew too large says so again to those who resume it', async () => {
  house.upstream.script = (call) => {
    call.beginStream()
    sayWords(call, 0, 100)
    call.endStream()
  }
  const first = await (await callStream(urlOf(house), { messages: hi })).ended()
  assert.deepEqual([first.ending, causeOf(first.datas.at(-1))], ['broken', 'HF_UPSTREAM_TOO_LARGE'])
  assert.deepEqual(first.ids, [...first.ids.keys()], 'its last word is an event with a number')
  const again = await (await readAgain(urlOf(house), `answers/${rayIn(first)}`)).ended()
  assert.deepEqual([again.ending, again.datas], ['broken', first.datas])
  const behind = await readAgain(urlOf(house), `answers/${rayIn(first)}?after=${first.ids.length - 1}`)
  assert.equal(behind.answer.status, 204)
})

test('an answer that is removed while it is read ends with a word, which is no event of it', async () => {
  house.upstream.script = (call) => {
    call.beginStream()
    sayWords(call, 0, 3)
  }
  const first = await callStream(urlOf(house), { messages: hi })
  await first.heard(3)
  const second = await readAgain(urlOf(house), `answers/${rayIn(first)}`)
  await second.heard(3)
  const removal = await readAgain(urlOf(house), `answers/${rayIn(first)}`, { method: 'DELETE' })
  assert.equal(removal.answer.status, 200)
  for (const reader of [first, second]) {
    await reader.ended()
    assert.deepEqual([reader.ending, reader.ids.at(-1), causeOf(reader.datas.at(-1))], ['broken', null, 'HF_CANCELLED'])
  }
  const again = await readAgain(urlOf(house), `answers/${rayIn(first)}?after=2`)
  assert.equal(again.answer.status, 404)
})
