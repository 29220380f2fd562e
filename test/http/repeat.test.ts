// A call that comes again is the same call: by its Idempotency-Key, or by what the official clients say of repeating.
import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import Anthropic from '@anthropic-ai/sdk'
import OpenAI from 'openai'
import { type FaultProxy, openFaultProxy } from '../../lab/fault-proxy.ts'
import { goodBody, openTestHouse, post, rayOf, sayHello, type TestHouse, until } from './harness.ts'
import { callStream, codeOf, hi, rayIn, readAgain, sayWords, urlOf, words } from './resume-rig.ts'

const settings = { continuation: { enabled: false }, timeouts: { patienceMs: 0 } }

let house: TestHouse
before(async () => void (house = await openTestHouse(settings)))
after(async () => await house[Symbol.asyncDispose]())
beforeEach(async () => await house.isWell())

const retry = { 'x-stainless-retry-count': '1' }

function whole(body: object, headers: Readonly<Record<string, string>>): Promise<Response> {
  const all = { 'content-type': 'application/json', ...headers }
  return fetch(`${urlOf(house)}/v1/chat/completions`, {
    method: 'POST',
    headers: all,
    body: JSON.stringify({ model: 'm', messages: hi, ...body }),
  })
}

/** Begins to answer; the rest is the test's. */
function begin(): void {
  house.upstream.script = (call) => {
    call.beginStream()
    sayWords(call, 0, 2)
  }
}

describe('an Idempotency-Key', () => {
  test('makes one call of many, under way and when it is over', async () => {
    begin()
    const key = { 'idempotency-key': 'order-17' }
    const first = await callStream(urlOf(house), { messages: hi }, key)
    await first.heard(2)
    const second = await callStream(urlOf(house), { messages: hi }, key)
    await second.heard(2)
    const call = await house.upstream.call(0)
    sayWords(call, 2, 5)
    call.endStream()
    await first.ended()
    await second.ended()
    const third = await (await callStream(urlOf(house), { messages: hi }, key)).ended()
    assert.equal(first.text, words(5))
    assert.deepEqual([second.bytes, third.bytes], [first.bytes, first.bytes])
    assert.deepEqual([rayIn(second), rayIn(third)], [rayIn(first), rayIn(first)])
    assert.equal(house.upstream.calls.length, 1)
  })

  test('is of one call only, however large that is', async () => {
    const key = { 'idempotency-key': 'large' }
    const large = (word: string): object => ({ messages: [{ role: 'user', content: word.repeat(300_000) }] })
    const first = await whole(large('a'), key)
    assert.equal(first.status, 200)
    const other = await whole(large('b'), key)
    assert.deepEqual([other.status, await codeOf(other)], [422, 'HF_KEY_REUSED'])
    const same = await whole(large('a'), key)
    assert.deepEqual([same.status, rayIn({ answer: same })], [200, rayIn({ answer: first })])
    assert.equal(house.upstream.calls.length, 1)
  })

  test('makes one call of those that come at the same moment', async () => {
    const key = { 'idempotency-key': 'at-once' }
    house.upstream.script = (call) => void setTimeout(() => sayHello(call), 30)
    const answers = await Promise.all(Array.from({ length: 8 }, () => whole({}, key)))
    const texts = await Promise.all(answers.map((answer) => answer.text()))
    assert.equal(house.upstream.calls.length, 1)
    assert.equal(new Set(texts).size, 1)
    assert.equal(new Set(answers.map((answer) => rayIn({ answer }))).size, 1)
    assert.ok(answers.every(({ status }) => status === 200))
  })

  test('with another body is refused, and the first call is not disturbed', async () => {
    const key = { 'idempotency-key': 'reused' }
    assert.equal((await whole({}, key)).status, 200)
    const other = await whole({ temperature: 0.5 }, key)
    assert.deepEqual([other.status, await codeOf(other)], [422, 'HF_KEY_REUSED'])
    const { code, route, model } = await house.account(rayIn({ answer: other }))
    assert.deepEqual([code, route, model], ['HF_KEY_REUSED', 'chat', 'm'])
    assert.equal((await whole({}, key)).status, 200)
    assert.equal(house.upstream.calls.length, 1)
    const large = { 'idempotency-key': 'reused-by-large' }
    const long = 'x'.repeat(2 ** 20)
    assert.equal((await whole({ user: `${long}1${long}` }, large)).status, 200)
    assert.equal((await whole({ user: `${long}2${long}` }, large)).status, 422)
    assert.equal((await whole({ user: `${long}1${long}` }, large)).status, 200)
    assert.equal(house.upstream.calls.length, 2)
  })

  test('of a call that failed begins it anew', async () => {
    const key = { 'idempotency-key': 'failed' }
    house.upstream.script = (call) => call.answer({ error: { message: 'no', type: 'server_error' } }, 400)
    assert.equal((await whole({}, key)).status, 400)
    house.upstream.script = sayHello
    assert.equal((await whole({}, key)).status, 200)
    assert.equal(house.upstream.calls.length, 2)
  })

  test('who attached to a call that fails is told so like the first', async () => {
    const key = { 'idempotency-key': 'fails-for-both' }
    house.upstream.script = () => {}
    for (const stream of [true, false]) {
      const count = house.upstream.calls.length
      const first = whole({ stream }, { 'idempotency-key': `${key['idempotency-key']}-${stream}` })
      const call = await house.upstream.call(count)
      const second = whole({ stream }, { 'idempotency-key': `${key['idempotency-key']}-${stream}` })
      await until('the second to hang on it', () => house.upstream.calls.length === count + 1)
      await new Promise((resolve) => setTimeout(resolve, 30))
      call.answer({ error: { message: 'no', type: 'invalid_request_error' } }, 400)
      for (const answer of [await first, await second])
        assert.deepEqual([answer.status, await codeOf(answer)], [400, 'HF_CALL_REFUSED'])
      const rays = [await first, await second].map((answer) => rayIn({ answer }))
      assert.equal(rays[0], rays[1], 'under the ray that has a story')
    }
  })

  test('that makes no sense is refused by its name', async () => {
    for (const key of ['', 'ü', 'two words', 'x'.repeat(256)]) {
      const answer = await whole({}, { 'idempotency-key': key })
      assert.deepEqual([key, answer.status], [key, 400])
      const { error } = (await answer.json()) as { error: { param: string } }
      assert.equal(error.param, 'idempotency-key')
    }
    assert.equal((await whole({}, { 'idempotency-key': '~'.repeat(255) })).status, 200)
  })
})

describe('a repetition without a key', () => {
  test('gets the answer that lost its reader', async () => {
    begin()
    const first = await callStream(urlOf(house), { messages: hi })
    await first.heard(2)
    first.leave()
    await first.ended()
    const second = await callStream(urlOf(house), { messages: hi }, retry)
    await second.heard(2)
    const call = await house.upstream.call(0)
    sayWords(call, 2, 4)
    call.endStream()
    await second.ended()
    assert.deepEqual([second.text, second.ending, rayIn(second)], [words(4), 'end', rayIn(first)])
    assert.equal(house.upstream.calls.length, 1)
  })

  test('gets it also when it has been finished meanwhile, but only once', async () => {
    begin()
    const first = await callStream(urlOf(house), { messages: hi })
    await first.heard(2)
    first.leave()
    await first.ended()
    const call = await house.upstream.call(0)
    sayWords(call, 2, 4)
    call.endStream()
    await until('the first to be over', () => house.house.callsLive() === 0)
    const second = await (await callStream(urlOf(house), { messages: hi }, retry)).ended()
    assert.deepEqual([second.text, rayIn(second)], [words(4), rayIn(first)])
    house.upstream.script = (again) => {
      again.beginStream()
      sayWords(again, 0, 1)
      again.endStream()
    }
    const third = await (await callStream(urlOf(house), { messages: hi }, retry)).ended()
    assert.deepEqual([third.text, house.upstream.calls.length], [words(1), 2])
  })

  test('is another call when the lost answer has been resumed to its end meanwhile', async () => {
    begin()
    const first = await callStream(urlOf(house), { messages: hi })
    await first.heard(2)
    first.leave()
    await first.ended()
    const resumed = await readAgain(urlOf(house), `answers/${rayIn(first)}?after=1`)
    const call = await house.upstream.call(0)
    sayWords(call, 2, 4)
    call.endStream()
    await resumed.ended()
    assert.equal(resumed.ending, 'end')
    house.upstream.script = (again) => {
      again.beginStream()
      sayWords(again, 0, 1)
      again.endStream()
    }
    const other = await (await callStream(urlOf(house), { messages: hi }, retry)).ended()
    assert.deepEqual([other.text, house.upstream.calls.length], [words(1), 2])
  })

  test('is another call while the one that looks alike has its reader', async () => {
    begin()
    await using first = await callStream(urlOf(house), { messages: hi })
    await first.heard(2)
    await using second = await callStream(urlOf(house), { messages: hi }, retry)
    await second.heard(2)
    assert.equal(house.upstream.calls.length, 2)
    assert.notEqual(rayIn(first), rayIn(second))
    for (const call of house.upstream.calls) call.endStream()
    await first.ended()
    await second.ended()
  })

  test('is another call when a byte of it differs, or the way, or when it does not say that it repeats', async () => {
    begin()
    const first = await callStream(urlOf(house), { messages: hi })
    await first.heard(2)
    first.leave()
    await first.ended()
    const others = [
      await callStream(urlOf(house), { messages: hi, seed: 1 }, retry),
      await callStream(urlOf(house), { messages: hi }),
    ]
    for (const other of others) {
      await other.heard(2)
      assert.notEqual(rayIn(other), rayIn(first))
    }
    for (const call of house.upstream.calls) call.endStream()
    for (const other of others) await other.ended()
    assert.equal(house.upstream.calls.length, 3)
  })

  test('is another call when the first has arrived: its connection went on to something else', async () => {
    house.upstream.script = sayHello
    const body = '{"model":"m","messages":[{"role":"user","content":"did it arrive?"}]}'
    await using client = await house.visit()
    client.write(post(body))
    const first = await client.answer()
    client.write(post(goodBody))
    await client.answer()
    client.reset()
    await until('both to be over', () => house.house.callsLive() === 0)
    const headers = ['content-type: application/json', 'x-stainless-retry-count: 1']
    const again = await house.ask(post(body, { headers }))
    assert.notEqual(rayOf(again), rayOf(first))
    assert.equal(house.upstream.calls.length, 3)
  })

  test('gets the whole answer whose connection broke right behind its end', async () => {
    house.upstream.script = sayHello
    const body = '{"model":"m","messages":[{"role":"user","content":"did it?"}]}'
    await using client = await house.visit()
    client.write(post(body))
    const first = await client.answer()
    client.reset()
    const headers = ['content-type: application/json', 'x-stainless-retry-count: 1']
    // The gateway hears of the reset within moments; the clients wait half a second before they come again.
    await new Promise((resolve) => setTimeout(resolve, 200))
    const again = await house.ask(post(body, { headers }))
    assert.deepEqual([again.headers['holdfast-ray'], again.body], [rayOf(first), first.body])
    assert.equal(house.upstream.calls.length, 1)
  })
})

describe('the official clients behind a link that breaks', () => {
  let proxy: FaultProxy
  beforeEach(async () => void (proxy = await openFaultProxy({ target: urlOf(house) })))
  const openai = (): OpenAI => new OpenAI({ baseURL: `${proxy.url}/v1`, apiKey: 'k', maxRetries: 2 })
  const anthropic = (): Anthropic => new Anthropic({ baseURL: proxy.url, apiKey: 'k', maxRetries: 2 })

  /** The call is at the model server; the link breaks; the answer is given; the client has come again by itself. */
  async function breakBeforeHead<T>(answer: Promise<T>): Promise<T> {
    const call = await house.upstream.call(0)
    proxy.cut('rst')
    await until('the gateway to miss its caller', () => house.house.callsLive() === 1)
    sayHello(call)
    const value = await answer
    assert.equal(house.upstream.calls.length, 1)
    await proxy.close()
    return value
  }

  test('openai, streamed and whole: one call of the model server', async () => {
    for (const stream of [true, false]) {
      await house.isWell()
      await proxy.close()
      proxy = await openFaultProxy({ target: urlOf(house) })
      house.upstream.script = () => {}
      const asked = openai().chat.completions.create({
        model: 'm',
        messages: [{ role: 'user', content: 'hi' }],
        stream,
      })
      const answer = await breakBeforeHead(asked as Promise<unknown>)
      let text = ''
      if (stream)
        for await (const { choices } of answer as AsyncIterable<OpenAI.ChatCompletionChunk>)
          text += choices[0]?.delta.content ?? ''
      else text = (answer as OpenAI.ChatCompletion).choices[0]?.message.content ?? ''
      assert.equal(text, 'hello')
    }
  })

  test('anthropic: one call of the model server', async () => {
    house.upstream.script = () => {}
    const asked = anthropic().messages.create({
      model: 'm',
      max_tokens: 9,
      messages: [{ role: 'user', content: 'hi' }],
    })
    const { content } = await breakBeforeHead(asked as Promise<Anthropic.Message>)
    assert.deepEqual(content, [{ type: 'text', text: 'hello' }])
  })

  test('openai, the answer given but never arrived: it arrives with the repetition', async () => {
    proxy.add({ kind: 'cut', direction: 'down', afterBytes: 10, how: 'rst' })
    house.upstream.script = sayHello
    const asked = openai().chat.completions.create({ model: 'm', messages: [{ role: 'user', content: 'hi' }] })
    await house.upstream.call(0)
    await until('the link to be cut in the middle of the answer', () => proxy.openCount === 0)
    proxy.remove()
    const { choices } = await asked
    assert.equal(choices[0]?.message.content, 'hello')
    assert.equal(house.upstream.calls.length, 1)
    await proxy.close()
  })

  test('openai in the background: one run', async () => {
    house.upstream.script = (call) => call.beginStream()
    const asked = openai().responses.create({ model: 'm', input: 'hi', background: true })
    const { id, status } = await asked
    assert.equal(status, 'queued')
    const again = await fetch(`${urlOf(house)}/v1/responses`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...retry },
      body: JSON.stringify({ model: 'm', input: 'hi', background: true }),
    })
    assert.equal(((await again.json()) as { id: string }).id, id)
    await house.upstream.call(0)
    assert.equal(house.upstream.calls.length, 1)
    const stopped = await readAgain(urlOf(house), `responses/${id}/cancel`, { method: 'POST' })
    assert.equal(stopped.answer.status, 200)
    await proxy.close()
  })
})
