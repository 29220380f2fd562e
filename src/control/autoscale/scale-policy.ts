/** The contract of whatever decides how many replicas there shall be, asked once a minute. */
import type { Forecast } from '../../observe/forecast/forecaster.ts'

/** What is measured of the replicas now; each 1 where it is just right, above 1 where there is too much. */
export interface Pressure {
  /** Load against what the ready replicas bear; also of queues and of caches. The worst of them counts. */
  readonly worst: number
}

export interface ScaleSight {
  /** Minutes, ascending; no clock of the wall. */
  readonly minute: number
  /** Load of the last minute: requests, or any other unit that `perReplica` is counted in. */
  readonly load: number
  /** Of the minute in which a replica ordered now would be ready. */
  readonly forecast: Forecast | undefined
  /** Load that one replica bears in a minute. */
  readonly perReplica: number
  readonly ready: number
  /** Ordered, not ready yet. */
  readonly starting: number
  readonly pressure?: Pressure
  /** An incident or a rollout is going on: nothing is taken away. */
  readonly isHeld?: boolean
}

export interface ScaleWish {
  readonly replicas: number
  /** What decided, in a few words, for the record. */
  readonly why: string
}

export interface ScalePolicy {
  readonly name: string
  /** True if it needs `forecast`. */
  readonly isForecasting: boolean
  wish(sight: ScaleSight): ScaleWish
  /** What became of the minute: load above the ready replicas' capacity, and all load. */
  saw?(overload: number, load: number): void
}

/** How many replicas bear a load; a hair's breadth above is not one more. */
export function replicasFor(load: number, perReplica: number): number {
  return Math.ceil(load / perReplica - 1e-9)
}
