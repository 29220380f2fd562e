/** What lab servers say beyond words, what they go on with and how they are asked to, and answers at random. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { expectedAnswer, expectedJson, expectedThought, expectedToolArguments } from '../../lab/answer.ts'
import { openSimServer, type SimServer, type SimServerOptions } from '../../lab/sim-server.ts'
import { at, call, chat, eventsOf, pick, pickList, streamedText } from './plain-client.ts'

const engine = { speed: 10 }
const headers = { authorization: 'Bearer k' }

/** Runs with a server of its own. */
async function withSim<T>(options: SimServerOptions, run: (sim: SimServer) => Promise<T>): Promise<T> {
  await using own = await openSimServer({ engine, ...options })
  return await run(own)
}

/** A chat whose answer has come so far already. */
function begun(prompt: string, given: string, more: object = {}): object {
  const messages = [
    { role: 'user', content: prompt },
    { role: 'assistant', content: given, ...more },
  ]
  return { model: 'lab-model', messages }
}

const tools = ['f', 'g'].map((name) => ({ type: 'function', function: { name, parameters: {} } }))

test('a thought comes before the answer, by every door that knows thoughts', async () => {
  const prompt = 'think:3 tokens:4'
  const thought = expectedThought(prompt, 3)
  await withSim({}, async ({ url }) => {
    const whole = await call(url, '/v1/chat/completions', chat(prompt))
    assert.equal(at(whole, 'choices.0.message.reasoning_content'), thought)
    assert.equal(at(whole, 'choices.0.message.content'), expectedAnswer(prompt))
    assert.equal(at(whole, 'usage.completion_tokens'), 7)
    const message = await call(url, '/v1/messages', chat(prompt, { max_tokens: 99 }))
    assert.deepEqual(
      [at(message, 'content.0.thinking'), at(message, 'content.1.text')],
      [thought, expectedAnswer(prompt)],
    )
    const response = await call(url, '/v1/responses', { model: 'lab-model', input: prompt })
    assert.deepEqual(
      [at(response, 'output.0.content.0.text'), at(response, 'output.1.content.0.text')],
      [thought, expectedAnswer(prompt)],
    )
    const cut = await call(url, '/v1/chat/completions', chat(prompt, { max_tokens: 2 }))
    assert.deepEqual(
      [at(cut, 'choices.0.message.reasoning_content'), at(cut, 'choices.0.finish_reason')],
      [expectedThought(prompt, 2), 'length'],
    )
  })
})

test('words and several tool calls are one answer, streamed and whole', async () => {
  const prompt = 'words:2 call:g call:f'
  await withSim({}, async ({ url }) => {
    const whole = await call(url, '/v1/chat/completions', chat(prompt, { tools }))
    assert.equal(at(whole, 'choices.0.message.content'), expectedAnswer(prompt, 2))
    const calls = pickList(JSON.parse(whole.text), 'choices.0.message.tool_calls')
    assert.deepEqual(
      calls.map((each) => [pick(each, 'function.name'), pick(each, 'function.arguments')]),
      ['g', 'f'].map((name) => [name, expectedToolArguments(`${prompt}\n${name}`)]),
    )
    const { text } = await call(url, '/v1/chat/completions', chat(prompt, { tools, stream: true }))
    const pieces = eventsOf(text).flatMap((event) => pickList(event, 'choices.0.delta.tool_calls'))
    const joined = [0, 1].map((index) =>
      pieces.map((piece) => (pick(piece, 'index') === index ? String(pick(piece, 'function.arguments')) : '')).join(''),
    )
    assert.deepEqual(
      joined,
      ['g', 'f'].map((name) => expectedToolArguments(`${prompt}\n${name}`)),
    )
  })
})

test('JSON is gone on with where it stopped, but not while a schema holds: that begins at its root', async () => {
  const prompt = 'answer:json'
  const json = expectedJson(prompt)
  const given = json.slice(0, 30)
  const asked = { ...begun(prompt, given), continue_final_message: true, add_generation_prompt: false }
  await withSim({}, async ({ url }) => {
    const free = await call(url, '/v1/chat/completions', asked)
    assert.equal(given + String(at(free, 'choices.0.message.content')), json)
    const held = await call(url, '/v1/chat/completions', { ...asked, response_format: { type: 'json_object' } })
    assert.equal(at(held, 'choices.0.message.content'), json)
  })
})

test('mistral and deepseek go on with a message marked as prefix, echo or not, and each refuses in its own way', async () => {
  const prompt = 'tokens:6'
  const given = expectedAnswer(prompt, 2)
  for (const echoesPrefix of [false, true]) {
    await withSim({ profile: 'deepseek', echoesPrefix }, async ({ url }) => {
      const path = '/v1/chat/completions'
      const marked = await call(url, path, begun(prompt, given, { prefix: true }), { headers })
      const text = String(at(marked, 'choices.0.message.content'))
      assert.equal(echoesPrefix ? text : given + text, expectedAnswer(prompt))
      const unmarked = await call(url, path, begun(prompt, given), { headers })
      assert.equal(at(unmarked, 'choices.0.message.content'), expectedAnswer(prompt))
    })
  }
  await withSim({ profile: 'mistral' }, async ({ url }) => {
    const path = '/v1/chat/completions'
    assert.equal((await call(url, path, begun(prompt, given), { headers })).status, 400)
    const marked = await call(url, path, begun(prompt, given, { prefix: true }), { headers })
    assert.equal(given + String(at(marked, 'choices.0.message.content')), expectedAnswer(prompt))
  })
})

test('sglang takes ids in place of messages, and tells those of the answer only', async () => {
  const prompt = 'tokens:6'
  const ids = await withSim({}, async ({ url }) => {
    const { text } = await call(url, '/v1/chat/completions', chat(prompt, { stream: true, return_token_ids: true }))
    const answer = eventsOf(text).flatMap((event) => pickList(event, 'choices.0.token_ids'))
    return [...pickList(eventsOf(text)[0], 'prompt_token_ids'), ...answer.slice(0, 2)]
  })
  await withSim({ profile: 'sglang' }, async ({ url }) => {
    const asked = chat('anything', { stream: true, return_token_ids: true, input_ids: ids })
    const { text } = await call(url, '/v1/chat/completions', asked)
    assert.equal(expectedAnswer(prompt, 2) + streamedText(text).text, expectedAnswer(prompt))
    assert.equal(streamedText(text).ids.length, 4)
    assert.ok(!text.includes('prompt_token_ids'))
  })
})

test('a user who quotes the beginning of an answer gets the rest of it, from its last word on', async () => {
  const prompt = 'tokens:8'
  const quote = `It broke off here: ${expectedAnswer(prompt, 4)}. Go on.`
  await withSim({ profile: 'openai' }, async ({ url }) => {
    const messages = [prompt, quote].map((content) => ({ role: 'user', content }))
    const rest = await call(url, '/v1/chat/completions', { model: 'lab-model', messages }, { headers })
    const text = String(at(rest, 'choices.0.message.content'))
    assert.equal(expectedAnswer(prompt, 3) + text, expectedAnswer(prompt))
  })
})

test('answers at random have other words at every asking, under the same numbers', async () => {
  const prompt = 'tokens:12'
  await withSim({ answersAtRandom: true }, async ({ url }) => {
    const ask = async (body: object): Promise<string> =>
      String(at(await call(url, '/v1/chat/completions', body), 'choices.0.message.content'))
    const [one, other] = [await ask(chat(prompt)), await ask(chat(prompt))]
    assert.notEqual(one, other)
    const given = one.split(' ').slice(0, 5).join(' ')
    const rest = await ask({ ...begun(prompt, given), continue_final_message: true, add_generation_prompt: false })
    const numbers = [...(given + rest).matchAll(/w(\d+)-/g)].map(([, number]) => Number(number))
    assert.deepEqual(
      numbers,
      numbers.map((_, index) => index),
    )
    assert.equal(numbers.length, 12)
  })
})
