/** Facts of the processes of this gateway, and of those that it runs. */
import type { Base } from './fact-base.ts'

/** How a process of ours or of a model server ended. */
export interface ExitTold {
  readonly exitCode: number | null
  readonly signal: string | null
  /** The last that it wrote to its standard error; at most some KiB, control characters escaped. */
  readonly stderrTail: string
  readonly ageMs: number
}

/**
 * The life of a worker process. `failed`: it could not start; `hung`: it said nothing for too long and is killed;
 * `exited`: by itself, or by the `signal`.
 */
export interface WorkerFact extends Base {
  readonly kind: 'worker'
  readonly state: 'started' | 'ready' | 'draining' | 'failed' | 'hung' | 'exited'
  readonly number: number
  readonly pid: number | null
  /** Whether it was to end: the house closes, or others stand in its place. */
  readonly isExpected: boolean
  /** Null until it has ended. */
  readonly exit: ExitTold | null
  readonly detail: string
}

/** The life of a model server that this gateway supervises. */
export interface EngineFact extends Base {
  readonly kind: 'engine'
  readonly upstream: string
  readonly state: 'started' | 'ready' | 'hung' | 'exited'
  readonly pid: number | null
  readonly isExpected: boolean
  readonly exit: ExitTold | null
  /** When it was last looked at; null where that is not known. */
  readonly residentBytes: number | null
  readonly detail: string
}

/**
 * The life of a replica: a model server that a deployment runs. `upstream`: its name. `failed`: it could not be
 * started, or was not ready in time; `died`: unasked; `admitted`: it gets calls; `drained`: no new ones.
 */
export interface ReplicaFact extends Base {
  readonly kind: 'replica'
  readonly upstream: string
  readonly deployment: string
  readonly release: string
  readonly state: 'started' | 'ready' | 'admitted' | 'drained' | 'stopped' | 'failed' | 'died'
  /** Null where it has not ended by itself. */
  readonly exit: ExitTold | null
  /** Why, where that is to be said. */
  readonly detail: string
}

/** How many replicas of a deployment are wished has changed, and why. */
export interface ScaleFact extends Base {
  readonly kind: 'scale'
  readonly deployment: string
  readonly from: number
  readonly to: number
  readonly why: string
  /** In words, with the numbers. */
  readonly evidence: string
}
