// The clients that people really use, in front of model servers that speak another language: they must not notice.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import Anthropic from '@anthropic-ai/sdk'
import { generateText, streamText } from 'ai'
import OpenAI from 'openai'
import { expectedAnswer } from '../../lab/answer.ts'
import type { ProfileName } from '../../lab/profile.ts'
import { anthropicStories, openaiStories } from './client-stories.ts'
import { assertRay, errorOf, type LabStage, openLabStage } from './client-stage.ts'

function stageOf(profile: ProfileName): () => LabStage {
  let stage: LabStage | undefined
  before(async () => void (stage = await openLabStage(profile)))
  after(async () => await stage?.[Symbol.asyncDispose]())
  return () => stage ?? assert.fail('the stage is not open')
}

const messages = [{ role: 'user' as const, content: 'hello' }]

describe('the openai client in front of a server that speaks only messages', () => {
  const stage = stageOf('anthropic')
  openaiStories(stage)

  test('what cannot be said in the other language is refused by the field’s name', async () => {
    const error = await errorOf(OpenAI.BadRequestError, () =>
      stage().openai().chat.completions.create({ model: 'lab-model', messages, n: 2 }),
    )
    assert.equal(error.param, 'n')
    assertRay(error.requestID)
  })

  test('an error of the server comes in the client’s own shape', async () => {
    stage().sim.order({ kind: '429', count: 1 })
    const limit = await errorOf(OpenAI.RateLimitError, () =>
      stage().openai().chat.completions.create({ model: 'lab-model', messages }),
    )
    assert.equal(limit.type, 'rate_limit_error')
    stage().sim.order({ kind: 'context-length', count: 1 })
    const refused = await errorOf(OpenAI.BadRequestError, () =>
      stage().openai().chat.completions.create({ model: 'lab-model', messages }),
    )
    assert.match(refused.message, /context|long/)
  })

  test('the Vercel AI SDK gets its text too', async () => {
    const ask = { model: stage().vercel()('lab-model'), prompt: 'hello', maxRetries: 0 }
    assert.equal((await generateText(ask)).text, expectedAnswer('hello'))
    let text = ''
    for await (const piece of streamText(ask).textStream) text += piece
    assert.equal(text, expectedAnswer('hello'))
  })

  for (const kind of ['cut', 'truncate', 'error-event'] as const) {
    test(`a stream that breaks (${kind}) is an error after what came, and has no finish`, async () => {
      stage().sim.order({ kind, afterTokens: 5, count: 1 })
      let text = ''
      await errorOf(OpenAI.APIError, async () => {
        for await (const { choices } of await stage()
          .openai()
          .chat.completions.create({ model: 'lab-model', messages, stream: true })) {
          text += choices[0]?.delta.content ?? ''
          assert.equal(choices[0]?.finish_reason ?? null, null)
        }
      })
      assert.equal(text, expectedAnswer('hello', 5))
    })
  }
})

for (const profile of ['openai', 'ollama'] as const) {
  describe(`the anthropic client in front of ${profile}, which speaks only OpenAI’s languages`, () => {
    const stage = stageOf(profile)
    const ask = { model: 'lab-model', max_tokens: 300, messages }
    anthropicStories(stage)

    test('an error of the server comes in the client’s own shape', async () => {
      stage().sim.order({ kind: '429', count: 1 })
      const limit = await errorOf(Anthropic.RateLimitError, () => stage().anthropic().messages.create(ask))
      assert.equal(limit.type, 'rate_limit_error')
      stage().sim.order({ kind: 'context-length', count: 1 })
      const refused = await errorOf(Anthropic.BadRequestError, () => stage().anthropic().messages.create(ask))
      assert.match(refused.message, /context|long/)
      assertRay(refused.requestID)
    })

    for (const kind of ['cut', 'truncate', 'error-event'] as const) {
      test(`a stream that breaks (${kind}) is an error after what came`, async () => {
        stage().sim.order({ kind, afterTokens: 5, count: 1 })
        let text = ''
        const said = stage()
          .anthropic()
          .messages.stream(ask)
          .on('text', (piece) => (text += piece))
        await errorOf(Anthropic.APIError, () => said.finalMessage())
        assert.equal(text, expectedAnswer('hello', 5))
      })
    }
  })
}

describe('the openai client’s responses in front of a server that speaks only chat', () => {
  const stage = stageOf('ollama')

  test('whole and streamed, events numbered from 0', async () => {
    const { responses } = stage().openai()
    const whole = await responses.create({ model: 'lab-model', input: 'hello', instructions: 'Be brief.' })
    assert.deepEqual([whole.output_text, whole.status], [expectedAnswer('hello'), 'completed'])
    const kinds: string[] = []
    let text = ''
    let number = 0
    for await (const event of await responses.create({ model: 'lab-model', input: 'hello', stream: true })) {
      assert.equal(event.sequence_number, number++)
      if (kinds.at(-1) !== event.type) kinds.push(event.type)
      if (event.type === 'response.output_text.delta') text += event.delta
    }
    assert.equal(text, expectedAnswer('hello'))
    const begin = [
      'response.created',
      'response.in_progress',
      'response.output_item.added',
      'response.content_part.added',
      'response.output_text.delta',
    ]
    const end = [
      'response.output_text.done',
      'response.content_part.done',
      'response.output_item.done',
      'response.completed',
    ]
    assert.deepEqual(kinds, [...begin, ...end])
    assert.equal(
      (await responses.stream({ model: 'lab-model', input: 'hello' }).finalResponse()).output_text,
      expectedAnswer('hello'),
    )
  })

  test('what needs a memory of earlier answers is refused by the field’s name', async () => {
    const error = await errorOf(OpenAI.BadRequestError, () =>
      stage().openai().responses.create({ model: 'lab-model', input: 'hello', previous_response_id: 'resp_1' }),
    )
    assert.equal(error.param, 'previous_response_id')
  })
})
