/** Asks a model server a golden prompt by itself, past the gateway: streaming, as most callers do, and timed. */
import type { GatePrompt, GoldenAnswer, GoldenPrompt } from '../control/deploy/golden-prompt.ts'

const answerMs = 60_000
/** Of an answer that does not end. */
const textMax = 200_000

interface Delta {
  readonly content?: string | null
  readonly refusal?: string | null
  readonly tool_calls?: readonly { readonly function?: { readonly name?: string; readonly arguments?: string } }[]
}

interface Chunk {
  readonly choices?: readonly { readonly delta?: Delta; readonly finish_reason?: string | null }[]
  readonly usage?: { readonly completion_tokens?: number } | null
  readonly error?: unknown
}

export async function askGolden(
  at: { readonly url: string; readonly model: string | null },
  prompt: GatePrompt,
  signal: AbortSignal,
): Promise<GoldenAnswer> {
  const taker = new Taker()
  try {
    const patience = AbortSignal.any([signal, AbortSignal.timeout(answerMs)])
    const model = at.model ?? (await firstModel(at.url, patience))
    const answer = await fetch(`${at.url}/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(prompt.body ? shadowOf(prompt.body, prompt.tokensMax, model) : bodyOf(prompt, model)),
      signal: patience,
    })
    if (!answer.ok || !answer.body) {
      await answer.body?.cancel()
      return taker.answer(`HTTP ${answer.status}`)
    }
    const decoder = new TextDecoder()
    for await (const bytes of answer.body as AsyncIterable<Uint8Array>)
      if (!taker.take(decoder.decode(bytes, { stream: true }))) break
    return taker.answer(null)
  } catch (error) {
    return taker.answer(error instanceof Error ? error.name : String(error))
  }
}

async function firstModel(url: string, signal: AbortSignal): Promise<string> {
  const answer = await fetch(`${url}/models`, { signal })
  const { data } = (await answer.json()) as { data?: readonly { id?: string }[] }
  const id = data?.[0]?.id
  if (id === undefined) throw new Error('it offers no model')
  return id
}

/** The tools that its checks ask for are offered. */
function bodyOf({ prompt, tokensMax, checks }: GoldenPrompt, model: string): object {
  const tools = checks.flatMap((check) =>
    check.is === 'tool'
      ? [{ type: 'function', function: { name: check.name, parameters: check.schema ?? { type: 'object' } } }]
      : [],
  )
  return {
    ...{ model, messages: [{ role: 'user', content: prompt }], max_tokens: tokensMax, temperature: 0 },
    ...{ stream: true, stream_options: { include_usage: true }, ...(tools.length > 0 && { tools }) },
  }
}

/** As the caller asked it, but for what would be kept of it there, and streamed. */
function shadowOf(body: NonNullable<GatePrompt['body']>, tokensMax: number, model: string): object {
  const { user: _, metadata: __, store: ___, n: ____, max_completion_tokens: newer, ...asked } = body
  const limit = Number(newer ?? asked['max_tokens'] ?? tokensMax)
  return {
    ...{ ...asked, model, max_tokens: limit > 0 ? Math.min(limit, tokensMax) : tokensMax },
    ...{ stream: true, stream_options: { include_usage: true } },
  }
}

/** Puts an answer together from its events. */
class Taker {
  #beganMs = performance.now()
  #firstMs: number | null = null
  #lastMs = 0
  #text = ''
  #pieces = 0
  #told: number | null = null
  #finish: string | null = null
  #isRefused = false
  #error = false
  #call: { name: string; arguments: string } | null = null
  #pending = ''

  /** False where more is of no use. */
  take(text: string): boolean {
    this.#pending += text
    const events = this.#pending.split(/\r?\n\r?\n/)
    this.#pending = events.pop() ?? ''
    for (const event of events) {
      const data = /^data: ?(.*)$/m.exec(event)?.[1]
      if (data !== undefined && data !== '[DONE]') this.#chunk(JSON.parse(data) as Chunk)
    }
    return this.#text.length + this.#pending.length < textMax
  }

  answer(fault: string | null): GoldenAnswer {
    const tokens = this.#told ?? this.#pieces
    const firstMs = this.#firstMs ?? 0
    const interTokenMs = this.#pieces > 1 ? (this.#lastMs - firstMs) / (this.#pieces - 1) : 0
    const whole = this.#error ? 'an error event' : this.#finish === null ? 'no finish reason' : null
    return {
      ...{ text: this.#text, tokens, interTokenMs, toolCall: this.#call, fault: fault ?? whole },
      finish: this.#isRefused ? 'refused' : finishOf(this.#finish),
      ttftMs: this.#firstMs === null ? 0 : firstMs - this.#beganMs,
    }
  }

  #chunk({ choices, usage, error }: Chunk): void {
    if (error !== undefined) this.#error = true
    if (usage?.completion_tokens !== undefined) this.#told = usage.completion_tokens
    const [choice] = choices ?? []
    if (choice?.finish_reason) this.#finish = choice.finish_reason
    const { content, refusal, tool_calls: calls } = choice?.delta ?? {}
    if (refusal) this.#isRefused = true
    const [call] = calls ?? []
    if (call?.function) {
      this.#call ??= { name: '', arguments: '' }
      this.#call.name += call.function.name ?? ''
      this.#call.arguments += call.function.arguments ?? ''
    }
    if (!content && !call) return
    this.#text += content ?? ''
    this.#pieces++
    this.#lastMs = performance.now()
    this.#firstMs ??= this.#lastMs
  }
}

function finishOf(reason: string | null): GoldenAnswer['finish'] {
  if (reason === 'length') return 'length'
  if (reason === 'tool_calls' || reason === 'function_call') return 'tool'
  return reason === 'content_filter' ? 'refused' : 'stop'
}
