// Calls that ask the same at the same time are one call of the model server, and each caller gets every event once; a
// caller that leaves ends it for nobody else, and a break is told to all.
import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { openTestHouse, patienceMs, type TestHouse, until } from './harness.ts'
import { callStream, type EventReader, hi, sayWords, urlOf, words } from './resume-rig.ts'

let house: TestHouse
beforeEach(async () => {
  house = await openTestHouse({
    continuation: { enabled: false },
    timeouts: { patienceMs: 0 },
    limits: { callsLiveMax: 10 },
    onDisconnect: 'cancel',
  })
})
afterEach(async () => {
  await until('all calls to be over', () => house.house.callsLive() === 0)
  await house[Symbol.asyncDispose]()
})

const use = { 'holdfast-cache': 'use' }
const ask = () => callStream(urlOf(house), { messages: hi }, use)

function begin(): void {
  house.upstream.script = (call) => {
    call.beginStream()
    sayWords(call, 0, 2)
  }
}

/** The fault that a stream ends with. */
async function errorIn(reader: EventReader): Promise<string> {
  await reader.ended()
  assert.equal(reader.ending, 'broken')
  return (JSON.parse(reader.datas.at(-1) ?? '') as { error: { cause: string } }).error.cause
}

describe('calls that ask the same at the same time', () => {
  test('a thousand are one call, and all of them whole', { timeout: 4 * patienceMs }, async () => {
    house.upstream.script = (call) => {
      setTimeout(() => {
        call.beginStream()
        sayWords(call, 0, 20)
        setTimeout(() => call.endStream(), 50)
      }, 100)
    }
    const url = `${urlOf(house)}/v1/chat/completions`
    const body = JSON.stringify({ model: 'm', stream: true, messages: hi })
    const headers = { 'content-type': 'application/json', ...use }
    const answers = await Promise.all(
      Array.from({ length: 1000 }, async () => {
        const answer = await fetch(url, { method: 'POST', headers, body })
        return { status: answer.status, state: answer.headers.get('holdfast-cache'), text: await answer.text() }
      }),
    )
    assert.equal(house.upstream.calls.length, 1)
    const [first] = answers
    assert.match(first?.text ?? '', /data: \[DONE\]\n\n$/)
    assert.equal(new Set(answers.map(({ text }) => text)).size, 1)
    assert.equal(new Set(answers.map(({ status }) => status)).size, 1)
    const states = answers.map(({ state }) => /^\w+/.exec(state ?? '')?.[0])
    assert.equal(states.filter((state) => state === 'miss').length, 1)
    assert.ok(states.every((state) => state === 'miss' || state === 'collapsed' || state === 'hit'))
    await until('their accounts', () => house.accounts.length === 1000)
    assert.ok(house.accounts.every(({ outcome }) => outcome === 'complete'))
  })

  test('who comes late gets what was said before, too', async () => {
    begin()
    const first = await ask()
    await first.heard(2)
    const second = await ask()
    await second.heard(2)
    const call = await house.upstream.call(0)
    sayWords(call, 2, 5)
    call.endStream()
    await Promise.all([first.ended(), second.ended()])
    assert.equal(first.text, words(5))
    assert.deepEqual(second.bytes, first.bytes)
    assert.equal(second.answer.headers.get('holdfast-cache'), 'collapsed; age=0')
    assert.equal(second.answer.headers.get('cache-status'), 'holdfast; fwd=miss; collapsed')
    assert.equal(house.upstream.calls.length, 1)
  })

  test('the first caller may leave: it goes on for the others', async () => {
    begin()
    const first = await ask()
    await first.heard(2)
    const second = await ask()
    await second.heard(2)
    first.leave()
    const call = await house.upstream.call(0)
    sayWords(call, 2, 4)
    await second.heard(4)
    assert.equal(call.leftMs, null)
    call.endStream()
    await second.ended()
    assert.equal(second.text, words(4))
    const third = await (await ask()).ended()
    assert.match(third.answer.headers.get('holdfast-cache') ?? '', /^hit/)
  })

  test('when the last one leaves, the model server is let go', async () => {
    begin()
    const first = await ask()
    const second = await ask()
    await second.heard(2)
    first.leave()
    second.leave()
    const call = await house.upstream.call(0)
    await until('the model server to be left', () => call.leftMs !== null)
  })

  test('a break is one for all, and each is told', async () => {
    begin()
    const readers = [await ask(), await ask(), await ask()]
    for (const reader of readers) await reader.heard(2)
    const call = await house.upstream.call(0)
    call.response.destroy()
    for (const reader of readers) assert.match(await errorIn(reader), /^HF_/)
    assert.equal(house.upstream.calls.length, 1)
    // And nobody gets it afterwards.
    begin()
    const next = await ask()
    await next.heard(2)
    const again = await house.upstream.call(1)
    again.endStream()
    await next.ended()
  })

  test('a failure before the first word is an error answer for all', async () => {
    house.upstream.script = () => {}
    const asked = [ask(), ask(), ask()]
    const call = await house.upstream.call(0)
    await until('all to have come', () => house.house.callsLive() === 1)
    await new Promise((resolve) => setTimeout(resolve, 100))
    call.answer({ error: { message: 'no' } }, 400)
    for (const each of asked) {
      const { answer } = await each
      assert.equal(answer.status, 400)
    }
    assert.equal(house.upstream.calls.length, 1)
  })

  test('one in a hurry waits with the others, but none waits for it', async () => {
    house.upstream.script = () => {}
    const hurried = callStream(urlOf(house), { messages: hi }, { ...use, 'x-request-timeout': '15' })
    await house.upstream.call(0)
    const calm = ask()
    await house.upstream.call(1)
    const second = callStream(urlOf(house), { messages: hi }, { ...use, 'x-request-timeout': '15' })
    await new Promise((resolve) => setTimeout(resolve, 100))
    assert.equal(house.upstream.calls.length, 2)
    for (const call of house.upstream.calls) {
      call.beginStream()
      sayWords(call, 0, 3)
      call.endStream()
    }
    for (const each of [hurried, calm, second]) assert.equal((await (await each).ended()).text, words(3))
  })
})
