/** The contract of what is served beside the models, as the door sees it. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Fault } from '../../fault/fault.ts'
import type { Ray } from '../../fault/ray.ts'
import type { Portions } from '../../ground/portions.ts'
import type { Peer } from '../address/visitors.ts'
import { redact } from '../../ground/redact.ts'
import type { Kind } from '../realtime/kind.ts'
import type { Answering } from '../visitor.ts'

/** What every answer can do, over HTTP/1.1 as over HTTP/2; and what only some can. */
export interface WebAnswer extends Answering, Partial<Early> {
  once(event: 'close' | 'drain', run: () => void): unknown
  off(event: 'close' | 'drain', run: () => void): unknown
  setMaxListeners(count: number): unknown
  /** Handed over in full. */
  readonly writableFinished?: boolean
  /** Bytes that wait for the reader. */
  readonly writableLength?: number
}

type Early = Pick<ServerResponse, 'writeContinue' | 'writeProcessing' | 'writeEarlyHints'>

/** One request that is none of the gateway's own. */
export interface WebVisit {
  readonly request: IncomingMessage
  readonly response: WebAnswer
  readonly ray: Ray
  readonly peer: Peer
  /** Monotonic. */
  readonly beganMs: number
  /** Of every answer, names and values in turn. */
  readonly headers: readonly string[]
  /** Asks for a proof of work where one is due. @throws {Fault} HF_CHALLENGE */
  readonly prove: () => void
  /** Answers with a fault, and accounts for it. */
  readonly fail: (fault: Fault, headers?: readonly string[]) => void
}

/** The account of a request that was none of the gateway's own. */
export interface WebFact {
  readonly ray: string
  /** Path of the route, as the configuration has it. */
  readonly route: string
  readonly method: string
  /** Without its query, which may hold secrets. */
  readonly path: string
  /** Sent, or 499 where the reader left before its end. */
  readonly status: number
  /** What the cache did: `hit`, why it asked, or nothing where there is none. */
  readonly cache: string
  readonly durationMs: number
}

/** Of a path in the log. */
const pathLengthMax = 200

/** An address as it is written down. */
export const toldPath = (url: string): string => redact(url.split('?', 1)[0]?.slice(0, pathLengthMax) ?? '')

/** The same on its way through the site. */
export interface SiteVisit extends WebVisit {
  /** By which all large bodies are written. */
  readonly pieces: Portions
}

export interface Web extends AsyncDisposable {
  /** WebSockets of its applications. */
  readonly sockets: Kind & { isMeant(request: IncomingMessage): boolean }
  /** Answers it, now or later; false where no route has this address. */
  take(visit: WebVisit): boolean
}
