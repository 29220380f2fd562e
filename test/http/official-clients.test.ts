// The clients that people really use, each in its own language, through the house to a model server that speaks it.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import Anthropic from '@anthropic-ai/sdk'
import { embed, generateText, jsonSchema, streamText, tool } from 'ai'
import OpenAI from 'openai'
import { expectedAnswer, expectedToolArguments } from '../../lab/answer.ts'
import { embeddingOf } from '../../lab/sim/embedding.ts'
import type { ProfileName } from '../../lab/profile.ts'
import { anthropicStories, openaiStories } from './client-stories.ts'
import { assertRay, errorOf, type LabStage, openLabStage } from './client-stage.ts'

/** Opens a stage for the tests of one `describe`; its faults are taken back between tests by whoever gave them. */
function stageOf(profile: ProfileName, settings: Parameters<typeof openLabStage>[1] = {}): () => LabStage {
  let stage: LabStage | undefined
  before(async () => void (stage = await openLabStage(profile, settings)))
  after(async () => await stage?.[Symbol.asyncDispose]())
  return () => stage ?? assert.fail('the stage is not open')
}

for (const profile of ['vllm', 'llamacpp', 'ollama', 'openai'] as const) {
  describe(`the openai client through the house to ${profile}`, () => openaiStories(stageOf(profile)))
}
for (const profile of ['anthropic', 'vllm', 'llamacpp'] as const) {
  describe(`the anthropic client through the house to ${profile}`, () => anthropicStories(stageOf(profile)))
}

describe('the openai client’s other routes', () => {
  const stage = stageOf('openai')
  const prompt = 'Once upon a time'

  test('completions, whole and streamed', async () => {
    const { completions } = stage().openai()
    const whole = await completions.create({ model: 'lab-model', prompt })
    assert.equal(whole.choices[0]?.text, expectedAnswer(prompt))
    let text = ''
    for await (const chunk of await completions.create({ model: 'lab-model', prompt, stream: true }))
      text += chunk.choices[0]?.text ?? ''
    assert.equal(text, expectedAnswer(prompt))
  })

  test('several choices of one call, each whole', async () => {
    const messages = [{ role: 'user' as const, content: 'tokens:9 twice' }]
    const { completions } = stage().openai().chat
    const whole = await completions.create({ model: 'lab-model', messages, n: 2 })
    assert.deepEqual(
      whole.choices.map(({ message }) => message.content),
      Array(2).fill(expectedAnswer('tokens:9 twice')),
    )
    const texts = ['', '']
    const finishes = new Set<number>()
    for await (const { choices } of await completions.create({ model: 'lab-model', messages, n: 2, stream: true })) {
      for (const { index, delta, finish_reason } of choices) {
        texts[index] += delta.content ?? ''
        if (finish_reason) finishes.add(index)
      }
    }
    assert.deepEqual([texts, finishes.size], [Array(2).fill(expectedAnswer('tokens:9 twice')), 2])
  })

  test('embeddings, as floats and as the base64 that the client asks for by itself', async () => {
    const { embeddings } = stage().openai()
    for (const format of [undefined, 'float'] as const) {
      const { data, usage } = await embeddings.create({
        model: 'lab-model',
        input: ['one', 'two'],
        ...(format && { encoding_format: format }),
      })
      for (const [i, text] of ['one', 'two'].entries()) {
        const expected = embeddingOf(text, 32)
        assert.equal(data[i]?.embedding.length, 32)
        assert.ok(data[i]?.embedding.every((value, at) => Math.abs(value - expected[at]!) < 1e-6))
      }
      assert.ok(usage.prompt_tokens > 0)
    }
  })

  test('models, listed and one by one', async () => {
    const { models } = stage().openai()
    const ids: string[] = []
    for await (const { id } of models.list()) ids.push(id)
    assert.deepEqual(ids, ['lab-model'])
    assert.equal((await models.retrieve('lab-model')).id, 'lab-model')
    const error = await errorOf(OpenAI.NotFoundError, () => models.retrieve('no/such'))
    assertRay(error.requestID)
  })

  test('responses, whole and streamed', async () => {
    const { responses } = stage().openai()
    const whole = await responses.create({ model: 'lab-model', input: prompt, instructions: 'Be brief.' })
    assert.deepEqual([whole.output_text, whole.status], [expectedAnswer(prompt), 'completed'])
    let text = ''
    const numbers: number[] = []
    let last = ''
    for await (const event of await responses.create({ model: 'lab-model', input: prompt, stream: true })) {
      numbers.push(event.sequence_number)
      if (event.type === 'response.output_text.delta') text += event.delta
      last = event.type
    }
    assert.deepEqual([text, last], [expectedAnswer(prompt), 'response.completed'])
    assert.deepEqual(
      numbers,
      numbers.map((_, i) => i),
    )
    const final = await responses.stream({ model: 'lab-model', input: prompt }).finalResponse()
    assert.equal(final.output_text, expectedAnswer(prompt))
  })
})

describe('the Vercel AI SDK through the house', () => {
  const stage = stageOf('vllm')
  const prompt = 'What is a gateway for?'
  const lookup = tool({
    description: 'Looks something up.',
    inputSchema: jsonSchema<Record<string, unknown>>({ type: 'object', properties: { query: { type: 'string' } } }),
    execute: async (input) => `found ${JSON.stringify(input)}`,
  })

  test('generateText', async () => {
    const { text, finishReason, usage } = await generateText({
      model: stage().vercel()('lab-model'),
      prompt,
      maxRetries: 0,
    })
    assert.deepEqual([text, finishReason], [expectedAnswer(prompt), 'stop'])
    assert.ok((usage.outputTokens ?? 0) > 0)
  })

  test('streamText', async () => {
    const result = streamText({ model: stage().vercel()('lab-model'), prompt, maxRetries: 0 })
    let text = ''
    for await (const piece of result.textStream) text += piece
    assert.deepEqual([text, await result.finishReason], [expectedAnswer(prompt), 'stop'])
    assert.ok(((await result.usage).inputTokens ?? 0) > 0)
  })

  test('a tool that is called, run, and answered with', async () => {
    const question = 'please call:lookup it'
    const { toolCalls, toolResults } = await generateText({
      model: stage().vercel()('lab-model'),
      prompt: question,
      tools: { lookup },
      maxRetries: 0,
    })
    const input: unknown = JSON.parse(expectedToolArguments(question))
    assert.deepEqual(
      toolCalls.map((call) => [call.toolName, call.input]),
      [['lookup', input]],
    )
    assert.equal(toolResults[0]?.output, `found ${JSON.stringify(input)}`)
  })

  test('embed', async () => {
    const { embedding } = await embed({
      model: stage().vercel().embeddingModel('lab-model'),
      value: 'one',
      maxRetries: 0,
    })
    assert.ok(embedding.every((value, at) => Math.abs(value - embeddingOf('one', 32)[at]!) < 1e-6))
  })

  test('an answer that breaks off is an error, not an end', async () => {
    stage().sim.order({ kind: 'cut', afterTokens: 4, count: 1 })
    const errors: unknown[] = []
    const note = (error: unknown): void => void errors.push(error)
    const result = streamText({
      model: stage().vercel()('lab-model'),
      prompt,
      maxRetries: 0,
      onError: ({ error }) => note(error),
    })
    let text = ''
    try {
      for await (const piece of result.textStream) text += piece
    } catch (thrown) {
      note(thrown)
    }
    assert.equal(text, expectedAnswer(prompt, 4))
    assert.ok(errors.length > 0)
    assert.notEqual(await Promise.resolve(result.finishReason).catch(() => 'error'), 'stop')
  })
})

describe('what the clients make of errors', () => {
  const keys = [{ name: 'ann', key: 'sk-ann-0123456789', models: ['lab-model', 'other'] }]
  const stage = stageOf('openai', { keys })
  const anthropicStage = stageOf('anthropic', { keys })
  before(() => void (stage().key = anthropicStage().key = 'sk-ann-0123456789'))
  const messages = [{ role: 'user' as const, content: 'hello' }]
  const ask = (client: OpenAI, more: object = {}) =>
    client.chat.completions.create({ model: 'lab-model', messages, ...more })
  const say = (client: Anthropic, more: object = {}) =>
    client.messages.create({ model: 'lab-model', max_tokens: 200, messages, ...more })

  test('an unknown key: AuthenticationError', async () => {
    const wrong = { apiKey: 'sk-wrong-0123456789' }
    assertRay((await errorOf(OpenAI.AuthenticationError, () => ask(stage().openai().withOptions(wrong)))).requestID)
    assertRay(
      (await errorOf(Anthropic.AuthenticationError, () => say(anthropicStage().anthropic().withOptions(wrong))))
        .requestID,
    )
  })

  test('a model that is not for this key: PermissionDeniedError', async () => {
    assertRay((await errorOf(OpenAI.PermissionDeniedError, () => ask(stage().openai(), { model: 'secret' }))).requestID)
    assertRay(
      (await errorOf(Anthropic.PermissionDeniedError, () => say(anthropicStage().anthropic(), { model: 'secret' })))
        .requestID,
    )
  })

  test('an unknown model: NotFoundError, with the field', async () => {
    const error = await errorOf(OpenAI.NotFoundError, () => ask(stage().openai(), { model: 'other' }))
    assertRay(error.requestID)
    assert.deepEqual([error.code, error.param, error.type], ['model_not_found', 'model', 'invalid_request_error'])
    const other = await errorOf(Anthropic.NotFoundError, () => say(anthropicStage().anthropic(), { model: 'other' }))
    assertRay(other.requestID)
    assert.equal(other.type, 'not_found_error')
  })

  test('a call that the model server finds wrong: BadRequestError in its own words', async () => {
    const error = await errorOf(OpenAI.BadRequestError, () =>
      ask(stage().openai(), { max_completion_tokens: 10_000_000 }),
    )
    assert.match(error.message, /maximum context length/)
    assert.equal(error.code, 'context_length_exceeded')
    const other = await errorOf(Anthropic.BadRequestError, () =>
      say(anthropicStage().anthropic(), { ignore_eos: true }),
    )
    assert.match(other.message, /ignore_eos: Extra inputs are not permitted/)
    assertRay(error.requestID)
    assertRay(other.requestID)
  })

  test('a call that the house finds wrong: BadRequestError with the field', async () => {
    const error = await errorOf(OpenAI.BadRequestError, () => ask(stage().openai(), { messages: [] }))
    assert.deepEqual([error.code, error.param], ['invalid_value', 'messages'])
    assertRay(
      (await errorOf(Anthropic.BadRequestError, () => say(anthropicStage().anthropic(), { messages: 'hello' })))
        .requestID,
    )
  })

  test('a limit of the provider: RateLimitError that says when to come back', async () => {
    stage().sim.order({ kind: '429', count: 1, retryAfterMs: 2000 })
    const error = await errorOf(OpenAI.RateLimitError, () => ask(stage().openai()))
    assert.equal(error.headers.get('retry-after'), '2')
    anthropicStage().sim.order({ kind: '429', count: 1, retryAfterMs: 2000 })
    await errorOf(Anthropic.RateLimitError, () => say(anthropicStage().anthropic()))
  })

  test('a web page in place of an answer: InternalServerError without a word of HTML', async () => {
    for (const stream of [false, true]) {
      stage().sim.order({ kind: '502-html', count: 1 })
      const error = await errorOf(OpenAI.InternalServerError, () => ask(stage().openai(), { stream }))
      assert.equal(error.status, 502)
      assert.doesNotMatch(error.message, /</)
      assertRay(error.requestID)
    }
  })

  test('the clients’ own retries rescue a call that failed once, and spare one that would fail again', async () => {
    stage().sim.order({ kind: '503', count: 1 })
    assert.equal((await ask(stage().openai({ maxRetries: 2 }))).choices[0]?.message.content, expectedAnswer('hello'))
    anthropicStage().sim.order({ kind: '503', count: 1 })
    await say(anthropicStage().anthropic({ maxRetries: 2 }))
    const before = stage().sim.calls.total
    await errorOf(OpenAI.BadRequestError, () =>
      ask(stage().openai({ maxRetries: 2 }), { max_completion_tokens: 10_000_000 }),
    )
    assert.equal(stage().sim.calls.total, before + 1)
  })

  for (const kind of ['cut', 'truncate', 'error-event'] as const) {
    test(`a stream that breaks (${kind}): the clients throw after what came, and nothing looks whole`, async () => {
      stage().sim.order({ kind, afterTokens: 5, count: 1 })
      let text = ''
      let isFinished = false
      const error = await errorOf(OpenAI.APIError, async () => {
        for await (const { choices } of await stage()
          .openai()
          .chat.completions.create({ model: 'lab-model', messages, stream: true })) {
          text += choices[0]?.delta.content ?? ''
          isFinished ||= choices[0]?.finish_reason != null
        }
      })
      assert.deepEqual([text, isFinished], [expectedAnswer('hello', 5), false])
      assert.match(error.message, /not complete|failed|error/)
      anthropicStage().sim.order({ kind, afterTokens: 5, count: 1 })
      let said = ''
      await errorOf(Anthropic.APIError, () =>
        anthropicStage()
          .anthropic()
          .messages.stream({ model: 'lab-model', max_tokens: 200, messages })
          .on('text', (piece) => (said += piece))
          .finalMessage(),
      )
      assert.equal(said, expectedAnswer('hello', 5))
    })
  }

  test('a responses stream that breaks: the client throws', async () => {
    stage().sim.order({ kind: 'cut', afterTokens: 5, count: 1 })
    await errorOf(OpenAI.APIError, async () => {
      for await (const event of await stage()
        .openai()
        .responses.create({ model: 'lab-model', input: 'hello', stream: true })) {
        assert.notEqual(event.type, 'response.completed')
      }
    })
  })

  test('a model server that is gone: one clean error, and good answers once it is back', async () => {
    stage().sim.order({ kind: 'reset', count: 1 })
    // One upstream, one call, broken before the head: the house may have tried again by itself, which is as good.
    const answer = await ask(stage().openai()).catch((error: unknown) => error)
    if (answer instanceof Error) assert.ok(answer instanceof OpenAI.InternalServerError, String(answer))
    assert.equal((await ask(stage().openai({ maxRetries: 3 }))).choices[0]?.message.content, expectedAnswer('hello'))
  })
})
