/** Readers for the stories of resuming: one that reads events with their numbers, and whoever makes answers for it. */
import assert from 'node:assert/strict'
import { type TestHouse, until, type UpstreamCall } from './harness.ts'

export interface SseEvent {
  /** Null for an event without a number. */
  readonly id: number | null
  readonly name: string
  readonly data: string
}

/** One connection that reads a stream. */
export class EventReader implements AsyncDisposable {
  readonly answer: Response
  readonly events: SseEvent[] = []
  /** Frames that are no events. */
  readonly comments: string[] = []
  /** All bytes, comments left out. */
  bytes = ''
  /** How the connection ended; null while it has not. */
  ending: 'end' | 'broken' | null = null
  #abort: AbortController
  #done: Promise<void>

  constructor(answer: Response, abort: AbortController) {
    this.answer = answer
    this.#abort = abort
    // What is no stream is left to the test.
    this.#done = answer.headers.get('content-type')?.startsWith('text/event-stream') ? this.#read() : Promise.resolve()
  }

  get ids(): (number | null)[] {
    return this.events.map(({ id }) => id)
  }

  get datas(): string[] {
    return this.events.map(({ data }) => data)
  }

  /** The text of a chat stream. */
  get text(): string {
    const chunks = this.datas.filter((data) => data.startsWith('{')).map((data) => JSON.parse(data) as ChatChunk)
    return chunks.map(({ choices }) => choices?.[0]?.delta?.content ?? '').join('')
  }

  /** Once so many events have come. */
  async heard(count: number): Promise<void> {
    await until(`${count} events`, () => this.events.length >= count || this.ending !== null)
    assert.ok(this.events.length >= count, `only ${this.events.length} events came, then: ${this.ending}`)
  }

  /** Reads to the end of the connection. */
  async ended(): Promise<this> {
    await this.#done
    return this
  }

  leave(): void {
    this.#abort.abort()
  }

  async #read(): Promise<void> {
    const decoder = new TextDecoder()
    let rest = ''
    try {
      for await (const bytes of (this.answer.body ?? []) as AsyncIterable<Uint8Array>) {
        rest += decoder.decode(bytes, { stream: true })
        for (let end = rest.indexOf('\n\n'); end !== -1; end = rest.indexOf('\n\n')) {
          this.#take(rest.slice(0, end + 2))
          rest = rest.slice(end + 2)
        }
      }
      this.ending = 'end'
    } catch {
      this.ending = 'broken'
    }
  }

  #take(frame: string): void {
    if (frame.startsWith(':')) return void this.comments.push(frame)
    this.bytes += frame
    const field = (name: string): string | undefined => new RegExp(`^${name}: ?(.*)$`, 'm').exec(frame)?.[1]
    const id = field('id')
    this.events.push({
      id: id === undefined ? null : Number(id),
      name: field('event') ?? 'message',
      data: field('data') ?? '',
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.leave()
    await this.#done
  }
}

interface ChatChunk {
  readonly choices?: readonly { readonly delta?: { readonly content?: string } }[]
}

export interface AskOptions {
  readonly headers?: Readonly<Record<string, string>>
  readonly method?: string
}

/** The base URL of a house. */
export function urlOf({ house }: TestHouse): string {
  return house.urls[0] ?? ''
}

/** A call with this body, whose answer is read as a stream. */
export async function callStream(
  url: string,
  body: object,
  headers: Readonly<Record<string, string>> = {},
  path = '/v1/chat/completions',
): Promise<EventReader> {
  const abort = new AbortController()
  const answer = await fetch(`${url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ model: 'm', stream: true, ...body }),
    signal: abort.signal,
  })
  return new EventReader(answer, abort)
}

/** Reads an answer again, from `path` on, which is what stands behind `/v1/`. */
export async function readAgain(url: string, path: string, options: AskOptions = {}): Promise<EventReader> {
  const abort = new AbortController()
  const headers = { accept: 'text/event-stream', ...options.headers }
  const answer = await fetch(`${url}/v1/${path}`, { method: options.method ?? 'GET', headers, signal: abort.signal })
  return new EventReader(answer, abort)
}

export function rayIn({ answer }: { readonly answer: Response }): string {
  return answer.headers.get('holdfast-ray') ?? assert.fail('an answer without a ray')
}

/** The words that `sayWords` says, as one text. */
export function words(count: number): string {
  return Array.from({ length: count }, (_, i) => `w${i} `).join('')
}

/** Says the words from number `from` on, `to` not included. */
export function sayWords(call: UpstreamCall, from: number, to: number): void {
  for (let i = from; i < to; i++) call.say(`w${i} `)
}

export const hi = [{ role: 'user', content: 'hi' }]

/** The code of an error answer in OpenAI's shape. */
export async function codeOf(answer: Response): Promise<string> {
  const { error } = (await answer.json()) as { error: { cause: string } }
  return error.cause
}
