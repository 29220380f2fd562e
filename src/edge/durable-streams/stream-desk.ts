/** What the handlers of streams have in hand, and one request on its way through them. */
import type { IncomingMessage } from 'node:http'
import { Fault } from '../../fault/fault.ts'
import type { Clock } from '../../ground/clock.ts'
import type { Random } from '../../ground/random.ts'
import type { StreamStore } from '../../store/stream-store.ts'
import { type BodyPurse, readBody } from '../body.ts'
import { type Readable, readOnlyStream, storedStream } from './readable.ts'
import type { ReadOnlySource } from './read-only-source.ts'
import type { StreamAnswer } from './stream-answer.ts'
import { storeKey } from './stream-target.ts'
import type { StreamsOptions } from './streams-options.ts'
import type { Waiters } from './waiter.ts'

export interface StreamDesk {
  readonly store: StreamStore
  readonly clock: Clock
  readonly random: Random
  readonly options: StreamsOptions
  readonly waiters: Waiters
  /** Bodies of requests under way. */
  readonly bodyPurse: BodyPurse
  /** What readers have not taken yet. */
  readonly readerPurse: BodyPurse
  /** How long a reader may take nothing of what waits for it. */
  readonly stalledMs: number
  readonly readOnly: ReadOnlySource | null
  /** Something was appended to a caller's stream. */
  readonly onAppend: (caller: string, name: string) => void
}

export interface StreamVisit {
  readonly request: IncomingMessage
  readonly answer: StreamAnswer
  readonly caller: string
  readonly name: string
  readonly query: URLSearchParams
}

/** The one value of a header; null when it was not sent. */
export function headerOf({ request }: Pick<StreamVisit, 'request'>, name: string): string | null {
  const value = request.headers[name]
  return typeof value === 'string' ? value : null
}

/** Only `true` counts, in any case. */
export function isTrue(value: string | null): boolean {
  return value?.toLowerCase() === 'true'
}

/** The body, up to `appendBytesMax`. @throws {Fault} HF_BODY_TOO_LARGE, HF_QUEUE_FULL, HF_CLIENT_GONE */
export function bodyOf(desk: StreamDesk, { request, answer }: StreamVisit): Promise<Buffer> {
  if ((request.headers['content-encoding'] ?? 'identity') !== 'identity')
    throw new Fault('HF_STREAM_REQUEST', { detail: 'bodies are taken as they are, without Content-Encoding' })
  return new Promise((resolve, reject) => {
    readBody(request, desk.options.appendBytesMax, desk.bodyPurse, (fault, body) => {
      if (fault) return reject(fault)
      answer.response.on('close', () => desk.bodyPurse.give(body.length))
      resolve(body)
    })
  })
}

export async function readableOf({ store, readOnly }: StreamDesk, { caller, name }: StreamVisit): Promise<Readable> {
  const elsewhere = readOnly && (await readOnly(caller, name))
  return elsewhere ? readOnlyStream(elsewhere) : storedStream(store, storeKey(caller, name))
}

/** @throws {Fault} HF_STREAM_READ_ONLY */
export async function needWritable({ readOnly }: StreamDesk, { caller, name }: StreamVisit): Promise<void> {
  if (readOnly && (await readOnly(caller, name))) throw new Fault('HF_STREAM_READ_ONLY', { param: 'GET, HEAD' })
}

/** Where callers reach this gateway, without a slash at the end. */
export function publicUrl({ options }: StreamDesk, request: IncomingMessage): string {
  return (options.publicUrl ?? `http://${request.headers.host ?? 'localhost'}`).replace(/\/$/, '')
}
