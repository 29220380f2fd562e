// The main job: official clients through the house to a real engine that runs the real small model.
import assert from 'node:assert/strict'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { generateText, streamText } from 'ai'
import { startTinyModel, type TinyModelServer } from '../../lab/start-tiny-model.ts'
import { assertRay, openStage, type Stage } from './client-stage.ts'

const cacheDir = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'holdfast')
/** To fetch and unpack the engine, where it is not there yet. */
const startMs = 180_000
const prompt = 'Tell me about the sea.'
const messages = [{ role: 'user' as const, content: prompt }]
/** Greedy, so that two answers to one question can be compared word for word. */
const greedy = { temperature: 0, max_tokens: 40 }

let server: TinyModelServer | null = null
let stage: Stage | null = null
let reason = ''

before(
  async () => {
    try {
      server = await startTinyModel({ cacheDir, noise: 4, signal: AbortSignal.timeout(startMs) })
    } catch (error) {
      reason = `no real engine here: ${(error as Error).message}`
      return
    }
    stage = await openStage({ url: `${server.url}/v1` }, server.model)
  },
  { timeout: startMs + 10_000 },
)
after(async () => {
  await stage?.[Symbol.asyncDispose]()
  await server?.stop()
})

/** A test on the real model; skipped, with the reason, where no engine can be had. */
function onRealModel(name: string, run: (stage: Stage) => Promise<void>): void {
  test(name, { timeout: 60_000 }, async (t) => (stage ? run(stage) : t.skip(reason)))
}

async function streamedText(on: Stage): Promise<{ text: string; pieces: number; reasons: string[] }> {
  const found = { text: '', pieces: 0, reasons: [] as string[] }
  for await (const { choices } of await on
    .openai()
    .chat.completions.create({ model: on.model, messages, ...greedy, stream: true })) {
    const [choice] = choices
    if (choice?.delta.content) found.pieces++
    found.text += choice?.delta.content ?? ''
    if (choice?.finish_reason) found.reasons.push(choice.finish_reason)
  }
  return found
}

describe('the real small model through the house', () => {
  onRealModel('is found by asking the server, which says what kind it is', async (on) => {
    const ids: string[] = []
    for await (const { id } of on.openai().models.list()) ids.push(id)
    assert.deepEqual(ids, ['tiny'])
    assert.equal(on.house.fleet.upstreams[0]?.kind, 'llamacpp')
  })

  onRealModel('answers the openai client, whole', async (on) => {
    const { data, request_id } = await on
      .openai()
      .chat.completions.create({ model: on.model, messages, ...greedy })
      .withResponse()
    assert.ok((data.choices[0]?.message.content ?? '').length > 10)
    assert.match(data.choices[0]?.finish_reason ?? '', /^(stop|length)$/)
    assert.ok((data.usage?.completion_tokens ?? 0) > 0)
    assertRay(request_id)
  })

  onRealModel('streams to the openai client, token by token, the same words again and again', async (on) => {
    const [first, second] = [await streamedText(on), await streamedText(on)]
    assert.ok(first.pieces > 3, `${first.pieces} pieces`)
    assert.equal(first.text, second.text)
    assert.equal(first.reasons.length, 1)
  })

  onRealModel('says through the house what it says directly, to the last byte', async (on) => {
    const direct = await fetch(`${server?.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: on.model, messages, ...greedy }),
    })
    const { choices } = (await direct.json()) as { choices: { message: { content: string } }[] }
    assert.equal((await streamedText(on)).text, choices[0]?.message.content)
  })

  onRealModel('answers the openai client’s completions', async (on) => {
    const { choices } = await on.openai().completions.create({ model: on.model, prompt: 'The sea', ...greedy })
    assert.ok((choices[0]?.text ?? '').length > 0)
  })

  onRealModel('answers the anthropic client, whole and streamed', async (on) => {
    const ask = { model: on.model, messages, ...greedy }
    const whole = await on.anthropic().messages.create(ask)
    const text = whole.content.map((block) => (block.type === 'text' ? block.text : '')).join('')
    assert.ok(text.length > 10)
    assert.match(whole.stop_reason ?? '', /^(end_turn|max_tokens)$/)
    let streamed = ''
    const final = await on
      .anthropic()
      .messages.stream(ask)
      .on('text', (piece) => (streamed += piece))
      .finalMessage()
    assert.equal(streamed, text)
    assert.ok(final.usage.output_tokens > 0)
    assert.equal((await streamedText(on)).text, text)
  })

  onRealModel('answers the Vercel AI SDK, whole and streamed', async (on) => {
    const ask = { model: on.vercel()(on.model), prompt, temperature: 0, maxOutputTokens: 40, maxRetries: 0 }
    const { text } = await generateText(ask)
    let streamed = ''
    for await (const piece of streamText(ask).textStream) streamed += piece
    assert.ok(text.length > 10)
    assert.equal(streamed, text)
  })

  onRealModel('is stopped when the caller leaves', async (on) => {
    const call = await on.openai().chat.completions.create({
      model: on.model,
      messages,
      max_tokens: 1500,
      stream: true,
      seed: 1,
      ...{ ignore_eos: true },
    })
    for await (const { choices } of call) if (choices[0]?.delta.content) break
    call.controller.abort()
    const endMs = performance.now() + 10_000
    while (on.house.callsLive() > 0) {
      assert.ok(performance.now() < endMs, 'the call goes on although nobody is there')
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  })

  onRealModel('answers 24 calls at once, more than it has slots for, each whole', async (on) => {
    const texts = await Promise.all(Array.from({ length: 24 }, () => streamedText(on)))
    for (const { text, reasons } of texts) assert.ok(text.length > 0 && reasons.length === 1)
  })
})
