/** The contract of what is served beside the models, as the door sees it. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Fault } from '../../fault/fault.ts'
import type { Ray } from '../../fault/ray.ts'

/** One request that is none of the gateway's own. */
export interface WebVisit {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly ray: Ray
  /** Monotonic. */
  readonly beganMs: number
  /** Of every answer, names and values in turn. */
  readonly headers: readonly string[]
  /** Answers with a fault, and accounts for it. */
  readonly fail: (fault: Fault, headers?: readonly string[]) => void
}

export interface Web extends AsyncDisposable {
  /** Answers it, now or later; false where no route has this address. */
  take(visit: WebVisit): boolean
}
