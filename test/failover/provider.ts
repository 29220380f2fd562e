/**
 * A provider of models that misbehaves on request. It stands behind the gateway as several back ends, each under a path
 * of its own; a back end is told by its behaviour how to act at each call, and notes what came and when.
 *
 * Assistant prefill is honoured only when the last message is an assistant turn that is an exact beginning of the
 * answer: then just the rest is sent. Every other conversation gets the whole answer from its first word.
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text as readText } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { answerText, piecesOf, question } from './answer-text.ts'

/** What a back end does at one call. Times in milliseconds. */
export type Act =
  | ({ readonly kind: 'answer' } & AnswerAct)
  | {
      readonly kind: 'refuse'
      readonly status: number
      readonly error: Readonly<Record<string, unknown>>
      readonly headers?: Readonly<Record<string, string>>
    }
  /** The connection is reset before any header. */
  | { readonly kind: 'reset' }
  /** Not a byte for so long, then the connection closes. */
  | { readonly kind: 'silence'; readonly ms: number }

export interface AnswerAct {
  /** The role at once, the first word after this. */
  readonly firstWordMs?: number
  /** Between two words. */
  readonly wordMs?: number
  /** A comment each so often while it is silent: alive, but not a word. */
  readonly pingMs?: number
  /** After so many words: the end of the connection without an end of the answer. */
  readonly cut?: { readonly afterWords: number; readonly how: 'close' | 'reset' }
  /** After so many words: silence, then the end of the connection. */
  readonly stall?: { readonly afterWords: number; readonly ms: number }
  /** After so many words: an event that is no JSON; not streamed, the body breaks off in the middle of a word. */
  readonly malformedAfterWords?: number
  /** How a stream ends; `no-mark` leaves out `[DONE]`, `held-open` also keeps the connection. */
  readonly end?: 'mark' | 'no-mark' | 'held-open'
  /** Instead of the sixty words: the pieces of another answer, an event each. */
  readonly pieces?: readonly string[]
}

/** One call as the back end saw it. */
export interface SeenCall {
  /** On the clock of `performance.now`. */
  readonly atMs: number
  readonly isStream: boolean
  /** The assistant turn at the end of the conversation. */
  readonly prefill: string | null
  /** Answered with this status; null when it was not answered. */
  status: number | null
  wordCount: number
  /** The gateway hung up before the end. */
  isLeft: boolean
}

export type Behaviour = (call: SeenCall, number: number) => Act

export interface BackEndOptions {
  /** Calls by number, from 1. */
  readonly behaviour: Behaviour
  /** Refuses an assistant turn at the end, in Anthropic's words. */
  readonly refusesPrefill?: boolean
  /** Calls at once. Those beyond are sent away with 503 and Retry-After, or wait without a word. */
  readonly places?: { readonly count: number; readonly beyond: 'refuse' | 'wait' }
  /** While it is down, connections are reset, whatever is asked. */
  readonly isDown?: () => boolean
}

interface ChatRequest {
  readonly stream?: boolean
  readonly stream_options?: { readonly include_usage?: boolean }
  readonly messages?: readonly { readonly role: string; readonly content: unknown }[]
}

const defaultWordMs = 4
const promptTokens = 12
/** So that what was written has left before the connection goes. */
const flushMs = 30
const prefillRefusal = {
  type: 'invalid_request_error',
  message: 'This model does not support assistant message prefill. The conversation must end with a user message.',
}

export class BackEnd {
  /** The name of the model it says that it is. */
  readonly model: string
  readonly calls: SeenCall[] = []
  /** Calls that were not the caller's question: the gateway asked something for itself. */
  probeCount = 0
  #options: BackEndOptions
  #liveCount = 0
  #waiting: (() => void)[] = []

  constructor(model: string, options: BackEndOptions) {
    this.model = model
    this.#options = options
  }

  get isDown(): boolean {
    return this.#options.isDown?.() ?? false
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = JSON.parse(await readText(request)) as ChatRequest
    const { messages = [] } = body
    const last = messages.at(-1)
    const prefill = last?.role === 'assistant' && typeof last.content === 'string' ? last.content : null
    const atMs = performance.now()
    const seen = { atMs, isStream: body.stream === true, prefill, status: null, wordCount: 0, isLeft: false }
    if (JSON.stringify(messages).includes(question)) this.calls.push(seen)
    else this.probeCount++
    response.once('close', () => (seen.isLeft = !response.writableFinished))
    if (prefill !== null && this.#options.refusesPrefill)
      return sendJson(response, seen, 400, { error: prefillRefusal })
    if (!(await this.#enter(response)))
      return sendJson(response, seen, 503, { error: busyError }, { 'retry-after': '1' })
    if (response.destroyed) return
    const act = this.#options.behaviour(seen, this.calls.length)
    if (act.kind === 'reset') return void request.socket.resetAndDestroy()
    if (act.kind === 'refuse') return sendJson(response, seen, act.status, { error: act.error }, act.headers)
    if (act.kind === 'silence') {
      await pause(act.ms, response)
      return void request.socket.destroy()
    }
    const saying = new Saying(act, { seen, response, body, model: this.model })
    await (seen.isStream ? saying.stream() : saying.whole())
  }

  /** Takes a place until the connection closes or the answer is sent; false when there is none to be had. */
  async #enter(response: ServerResponse): Promise<boolean> {
    const { count = Number.POSITIVE_INFINITY, beyond = 'refuse' } = this.#options.places ?? {}
    if (this.#liveCount >= count && beyond === 'refuse') return false
    if (this.#liveCount >= count) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    if (response.destroyed) {
      this.#waiting.shift()?.()
      return true
    }
    this.#liveCount++
    response.once('close', () => {
      this.#liveCount--
      this.#waiting.shift()?.()
    })
    return true
  }
}

const busyError = { message: 'The engine is overloaded.', type: 'server_error', code: 'overloaded' }

interface SayingParts {
  readonly seen: SeenCall
  readonly response: ServerResponse
  readonly body: ChatRequest
  readonly model: string
}

/** One answer, said well or badly. */
class Saying {
  #act: AnswerAct
  #parts: SayingParts
  #pieces: readonly string[]
  #id = `chatcmpl-${Math.random().toString(36).slice(2)}`

  constructor(act: AnswerAct, parts: SayingParts) {
    const { prefill } = parts.seen
    const { pieces = piecesOf(answerText) } = act
    const text = prefill ? pieces.join('') : ''
    this.#act = act
    this.#parts = parts
    this.#pieces = prefill && text.startsWith(prefill) ? piecesOf(text.slice(prefill.length)) : pieces
  }

  async stream(): Promise<void> {
    const { seen, response } = this.#parts
    const { firstWordMs = 0, wordMs = defaultWordMs, cut, stall, malformedAfterWords, end = 'mark' } = this.#act
    seen.status = 200
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    await this.#chunk({ delta: { role: 'assistant', content: '' }, finish_reason: null })
    await this.#silence(firstWordMs)
    for (const [i, piece] of this.#pieces.entries()) {
      if (response.destroyed) return
      if (cut?.afterWords === i) return this.#cut(cut.how)
      if (stall?.afterWords === i) {
        await this.#silence(stall.ms)
        return this.#cut('close')
      }
      if (malformedAfterWords === i) await this.#write(`data: {"id":"${this.#id}","choices":[{"delta":{"con\n\n`)
      await this.#chunk({ delta: { content: piece }, finish_reason: null })
      seen.wordCount++
      if (wordMs > 0) await pause(wordMs, response)
    }
    await this.#chunk({ delta: {}, finish_reason: 'stop' })
    if (this.#parts.body.stream_options?.include_usage) await this.#event({ choices: [], usage: this.#usage })
    if (end === 'mark') await this.#write('data: [DONE]\n\n')
    if (end !== 'held-open') response.end()
  }

  async whole(): Promise<void> {
    const { seen, response, model } = this.#parts
    const { firstWordMs = 0, wordMs = defaultWordMs, cut, stall, malformedAfterWords } = this.#act
    await pause(firstWordMs + wordMs * this.#pieces.length, response)
    const message = { role: 'assistant', content: this.#pieces.join('') }
    const choices = [{ index: 0, message, finish_reason: 'stop' }]
    const value = { id: this.#id, object: 'chat.completion', created: 1, model, choices, usage: this.#usage }
    const bytes = Buffer.from(JSON.stringify(value))
    const brokenAt = cut?.afterWords ?? stall?.afterWords ?? malformedAfterWords ?? null
    const part = brokenAt === null ? bytes : bytes.subarray(0, bytes.length * (brokenAt / this.#pieces.length))
    const length = malformedAfterWords === undefined ? bytes.length : part.length
    seen.status = 200
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': String(length) })
    response.write(part)
    if (stall) await pause(stall.ms, response)
    if (cut ?? stall) return this.#cut(cut?.how ?? 'close')
    seen.wordCount = this.#pieces.length
    response.end()
  }

  get #usage(): Record<string, number> {
    const completion = this.#pieces.length
    return { prompt_tokens: promptTokens, completion_tokens: completion, total_tokens: promptTokens + completion }
  }

  async #silence(ms: number): Promise<void> {
    const { pingMs } = this.#act
    const { response } = this.#parts
    const endMs = performance.now() + ms
    for (;;) {
      const leftMs = endMs - performance.now()
      if (leftMs <= 0 || response.destroyed) return
      await pause(Math.min(leftMs, pingMs ?? leftMs), response)
      if (pingMs !== undefined && leftMs > pingMs) await this.#write(': still here\n\n')
    }
  }

  async #cut(how: 'close' | 'reset'): Promise<void> {
    await sleep(flushMs)
    const { socket } = this.#parts.response
    if (how === 'reset') socket?.resetAndDestroy()
    else socket?.destroy()
  }

  #chunk(choice: Record<string, unknown>): Promise<void> {
    return this.#event({ choices: [{ index: 0, ...choice }] })
  }

  #event(fields: Record<string, unknown>): Promise<void> {
    const { model } = this.#parts
    const value = { id: this.#id, object: 'chat.completion.chunk', created: 1, model, ...fields }
    return this.#write(`data: ${JSON.stringify(value)}\n\n`)
  }

  async #write(text: string): Promise<void> {
    const { response } = this.#parts
    if (response.destroyed || response.write(text)) return
    const gone = new AbortController()
    const abort = (): void => gone.abort()
    response.once('close', abort)
    await once(response, 'drain', { signal: gone.signal }).catch(() => {})
    response.off('close', abort)
  }
}

function sendJson(
  response: ServerResponse,
  seen: SeenCall,
  status: number,
  value: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  seen.status = status
  const body = JSON.stringify(value)
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    ...headers,
  })
  response.end(body)
}

/** Ends early when the gateway hangs up. */
async function pause(ms: number, response: ServerResponse): Promise<void> {
  if (ms <= 0 || response.destroyed) return
  const gone = new AbortController()
  const abort = (): void => gone.abort()
  response.once('close', abort)
  await sleep(ms, null, { signal: gone.signal }).catch(() => {})
  response.off('close', abort)
}

/** The name under which every back end offers its model to the gateway. */
export const offeredModel = (pair: string): string => `lighthouse-${pair}`

export class Provider implements AsyncDisposable {
  #backEnds = new Map<string, BackEnd>()
  #server: Server

  private constructor() {
    this.#server = createServer((request, response) => {
      this.#take(request, response).catch(() => request.socket.destroy())
    })
    // A server that closes idle connections is one more fault; here only those that were asked for.
    this.#server.keepAliveTimeout = 0
  }

  static async open(): Promise<Provider> {
    const provider = new Provider()
    provider.#server.listen(0, '127.0.0.1')
    await once(provider.#server, 'listening')
    return provider
  }

  /** The base URL of one back end, as a gateway is configured with it. */
  url(name: string): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/${name}/v1`
  }

  /** @param name `<pair>/primary` or `<pair>/fallback`. */
  add(name: string, options: BackEndOptions): BackEnd {
    const backEnd = new BackEnd(name.replace('/', '-'), options)
    this.#backEnds.set(name, backEnd)
    return backEnd
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [, pair = '', role = '', path] = /^\/([\w-]+)\/(\w+)\/v1\/([\w/]+)$/.exec(request.url ?? '') ?? []
    const backEnd = this.#backEnds.get(`${pair}/${role}`)
    if (backEnd?.isDown) return void request.socket.resetAndDestroy()
    if (backEnd && path === 'chat/completions' && request.method === 'POST') return backEnd.answer(request, response)
    const isList = backEnd !== undefined && path === 'models'
    const list = { object: 'list', data: [{ id: offeredModel(pair), object: 'model', created: 1, owned_by: 'nobody' }] }
    const error = { message: `Not found: ${request.url}`, type: 'invalid_request_error', code: 'unknown_url' }
    response.writeHead(isList ? 200 : 404, { 'content-type': 'application/json' })
    response.end(JSON.stringify(isList ? list : { error }))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close()
    this.#server.closeAllConnections()
    await once(this.#server, 'close')
  }
}
