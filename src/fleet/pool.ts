/** Upstreams that can stand in for each other, and how long a call may wait for them. */
import type { BalanceOptions, Timeouts } from './pool-options.ts'
import type { Upstream } from './upstream.ts'

export interface Member {
  readonly upstream: Upstream
  /** The other model that it answers with; null for the one that was asked for. */
  readonly model: string | null
  /** Above 0. The fleet may change it: a new release begins with a small share. */
  weight: number
  /** With which others it has a share of the calls that is to be kept to; left out, or null: there is no such share. */
  cohort?: string | null
  readonly priority: number
}

export interface Pool {
  readonly name: string
  /** Those that get new calls. Only the fleet changes it, and with another list: who holds the old one may go on. */
  members: readonly Member[]
  readonly timeouts: Timeouts
  readonly attemptsMax: number
  readonly balance: BalanceOptions
  /** Replicas join it and may be started: a call waits so long for one where there is none. Left out, 0: none comes */
  holdMs?: number
  /** It may have no members and be well. */
  mayBeEmpty?: boolean
}
