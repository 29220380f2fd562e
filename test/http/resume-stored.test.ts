// Chat completions that the caller asked to store, with the official client.
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import OpenAI from 'openai'
import { errorOf } from './client-stage.ts'
import { openTestHouse, type TestHouse, type UpstreamCall } from './harness.ts'
import { callStream, hi, rayIn, readAgain, sayWords, urlOf, words } from './resume-rig.ts'

let house: TestHouse
let client: OpenAI
before(async () => {
  house = await openTestHouse()
  client = new OpenAI({ baseURL: `${urlOf(house)}/v1`, apiKey: 'k', maxRetries: 0 })
})
after(async () => await house[Symbol.asyncDispose]())
beforeEach(async () => await house.isWell())

const messages = [{ role: 'user' as const, content: 'hi' }]
/** Ids are the model server's; each call has its own. */
let lastId = 0

function answer(call: UpstreamCall): void {
  const id = `chatcmpl-${++lastId}`
  const said = { role: 'assistant', content: words(3) }
  if (!call.body.stream) {
    const choices = [{ index: 0, message: said, finish_reason: 'stop' }]
    return call.answer({ id, object: 'chat.completion', created: 7, model: 'm', choices })
  }
  call.beginStream()
  const say = (delta: object, reason: string | null): void => {
    const choices = [{ index: 0, delta, finish_reason: reason }]
    call.response.write(
      `data: ${JSON.stringify({ id, object: 'chat.completion.chunk', created: 7, model: 'm', choices })}\n\n`,
    )
  }
  say({ role: 'assistant', content: '' }, null)
  for (let i = 0; i < 3; i++) say({ content: `w${i} ` }, null)
  say({}, 'stop')
  call.response.end('data: [DONE]\n\n')
}

test('one in one piece is retrieved as it was, by its id and by its ray', async () => {
  house.upstream.script = answer
  const metadata = { topic: 'a test' }
  const { data, response } = await client.chat.completions
    .create({ model: 'm', messages, store: true, metadata })
    .withResponse()
  assert.deepEqual(await client.chat.completions.retrieve(data.id), data)
  assert.deepEqual(await client.chat.completions.retrieve(response.headers.get('holdfast-ray') ?? ''), data)
  const sent = (await house.upstream.call(0)).body as { metadata?: object; store?: boolean }
  assert.deepEqual([sent.metadata, sent.store], [metadata, true])
})

test('a streamed one is retrieved whole and as a stream', async () => {
  house.upstream.script = answer
  const first = await (await callStream(urlOf(house), { messages: hi, store: true })).ended()
  const id = `chatcmpl-${lastId}`
  const whole = await client.chat.completions.retrieve(id)
  assert.deepEqual(
    [whole.id, whole.object, whole.choices[0]?.message.content, whole.choices[0]?.finish_reason],
    [id, 'chat.completion', words(3), 'stop'],
  )
  for (const path of [`chat/completions/${id}?stream=true`, `answers/${id}?stream=true`]) {
    const again = await (await readAgain(urlOf(house), path, { headers: { accept: 'application/json' } })).ended()
    assert.deepEqual([again.bytes, rayIn(again)], [first.bytes, rayIn(first)])
  }
  const rest = await (
    await readAgain(urlOf(house), `chat/completions/${id}`, { headers: { 'last-event-id': '2' } })
  ).ended()
  assert.deepEqual(rest.events, first.events.slice(3))
})

test('its stream is found by its id while it is under way', async () => {
  house.upstream.script = (call) => {
    call.beginStream()
    sayWords(call, 0, 2)
  }
  const first = await callStream(urlOf(house), { messages: hi, store: true })
  await first.heard(2)
  first.leave()
  await using again = await readAgain(urlOf(house), 'chat/completions/c')
  await again.heard(2)
  ;(await house.upstream.call(0)).endStream()
  await again.ended()
  assert.deepEqual([again.text, again.ending], [words(2), 'end'])
})

test('one is deleted by its id', async () => {
  house.upstream.script = answer
  const { id } = await client.chat.completions.create({ model: 'm', messages, store: true })
  assert.deepEqual(await client.chat.completions.delete(id), { id, object: 'chat.completion.deleted', deleted: true })
  await errorOf(OpenAI.NotFoundError, () => client.chat.completions.retrieve(id))
})

test('what nobody asked to store is found by its ray only', async () => {
  house.upstream.script = answer
  const { data, response } = await client.chat.completions.create({ model: 'm', messages }).withResponse()
  await errorOf(OpenAI.NotFoundError, () => client.chat.completions.retrieve(data.id))
  assert.deepEqual(await client.chat.completions.retrieve(response.headers.get('holdfast-ray') ?? ''), data)
})
