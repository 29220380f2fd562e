/** The contract of what is served beside the models, as the door sees it. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Fault } from '../../fault/fault.ts'
import type { Ray } from '../../fault/ray.ts'
import type { Portions } from '../../ground/portions.ts'
import type { Peer } from '../address/visitors.ts'
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
  /** Answers with a fault, and accounts for it. */
  readonly fail: (fault: Fault, headers?: readonly string[]) => void
}

/** The same on its way through the site. */
export interface SiteVisit extends WebVisit {
  /** By which all large bodies are written. */
  readonly pieces: Portions
}

export interface Web extends AsyncDisposable {
  /** Answers it, now or later; false where no route has this address. */
  take(visit: WebVisit): boolean
}
