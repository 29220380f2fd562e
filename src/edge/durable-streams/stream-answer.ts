/** Answers about streams: the headers that all of them bear, and how a fault is told. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Fault } from '../../fault/fault.ts'
import { type FaultContext, faultHeaders } from '../fault-answer.ts'
import { problem } from '../fault-words.ts'

const everyHeader = {
  'access-control-expose-headers':
    'Stream-Next-Offset, Stream-Cursor, Stream-Up-To-Date, Stream-Closed, Stream-TTL, Stream-Expires-At, Stream-SSE-Data-Encoding, Producer-Epoch, Producer-Seq, Producer-Expected-Seq, Producer-Received-Seq, ETag, Location, Retry-After, Holdfast-Ray',
  'x-content-type-options': 'nosniff',
  'cross-origin-resource-policy': 'cross-origin',
} as const

const preflightHeader = {
  'access-control-allow-methods': 'GET, HEAD, POST, PUT, DELETE, OPTIONS',
  'access-control-allow-headers':
    'Authorization, X-Api-Key, Content-Type, If-None-Match, Stream-Seq, Stream-TTL, Stream-Expires-At, Stream-Closed, Producer-Id, Producer-Epoch, Producer-Seq, Stream-Forked-From, Stream-Fork-Offset, Stream-Fork-Sub-Offset',
  'access-control-max-age': '86400',
} as const

export type Headers = Record<string, string | undefined>

/** What the door knows of a request. */
export interface StreamTelling {
  /** Names and values in turn, for every answer. */
  readonly headers: readonly string[]
  /** What a fault's answer tells beside the fault. */
  readonly context: () => Omit<FaultContext, 'family'>
  /** It was refused so, and is accounted for. */
  readonly refused: (fault: Fault) => void
}

export class StreamAnswer {
  readonly response: ServerResponse
  #telling: StreamTelling
  #request: IncomingMessage
  #headers: readonly string[]

  /** `origin`: of the pages that may read it, or `*`. */
  constructor(request: IncomingMessage, response: ServerResponse, telling: StreamTelling, origin: string) {
    this.response = response
    this.#request = request
    this.#telling = telling
    this.#headers = [...telling.headers, 'access-control-allow-origin', origin]
  }

  /** Writes the head only; the body, of unknown length, is up to the caller. */
  begin(status: number, headers: Headers): void {
    const all = [...this.#headers]
    for (const [name, value] of Object.entries({ ...everyHeader, ...headers })) {
      if (value !== undefined) all.push(name, value)
    }
    this.response.writeHead(status, all)
  }

  send(status: number, headers: Headers, body: Buffer | string = ''): void {
    if (this.response.destroyed) return
    const bytes = typeof body === 'string' ? Buffer.from(body) : body
    // Of what a GET would have had nothing is known at a HEAD.
    const hasLength = status !== 204 && status !== 304 && (bytes.length > 0 || this.#request.method !== 'HEAD')
    this.begin(status, { ...headers, ...(hasLength && { 'content-length': String(bytes.length) }) })
    this.response.end(this.#request.method === 'HEAD' ? undefined : bytes)
  }

  sendJson(status: number, value: unknown, headers: Headers = {}): void {
    this.send(status, { 'content-type': 'application/json', ...headers }, JSON.stringify(value))
  }

  preflight(): void {
    this.send(204, preflightHeader)
  }

  /** `headers`: what the protocol says beside the status; `words`: in the body, ours where it says nothing. */
  fail(fault: Fault, headers: Headers = {}, words?: Readonly<Record<string, unknown>>): void {
    const { response } = this
    const { context, refused } = this.#telling
    refused(fault)
    // Once the head is out, a broken connection is the only way to say that this is not the end.
    if (response.headersSent || response.destroyed) return void response.destroy()
    const extra = faultHeaders(fault)
    const told: Headers = {
      ...Object.fromEntries(extra.flatMap((name, i) => (i % 2 === 0 ? [[name, extra[i + 1]]] : []))),
      'content-type': words ? 'application/json' : 'application/problem+json',
      'cache-control': 'no-store',
      ...headers,
    }
    if (fault.code === 'HF_STREAM_READ_ONLY' || fault.code === 'HF_METHOD_UNKNOWN') told['allow'] = fault.param
    // A request that was not read to its end cannot be followed by another on the same connection.
    if (!this.#request.complete) told['connection'] = 'close'
    const { ray } = context()
    const ours = { ray, cause: fault.code, retryable: fault.kind.shouldCallerRetry }
    this.send(
      fault.status,
      told,
      words ? JSON.stringify({ error: { ...words, ...ours } }) : problem({ fault, ...context() }),
    )
  }
}
