/** Facts of healing: requests that kill model servers, and what was done about sick replicas. */
import type { Base } from './fact-base.ts'

/**
 * A request that two model servers died of is not sent to a third (`condemned`), or may be sent again (`released`).
 * `ray`: of the call that was there when the last of them died; `upstream`: that server.
 */
export interface QuarantineFact extends Base {
  readonly kind: 'quarantine'
  readonly state: 'condemned' | 'released'
  /** A hash of the request; empty for all that there were. */
  readonly key: string
  readonly model: string
  readonly upstreams: readonly string[]
  /** Until when it is refused, milliseconds since 1970; 0 for one that is released. */
  readonly untilMs: number
}

/**
 * What was found about a replica, and what was done: `planned` (the loop carries it out), `withheld` (a limit, a rule
 * or the dry run speaks against it), `gave-up` (it is left to people), `measured` (what came of an earlier one).
 */
export interface RemedyFact extends Base {
  readonly kind: 'remedy'
  readonly state: 'planned' | 'withheld' | 'gave-up' | 'measured'
  readonly deployment: string
  /** The replica, which is the name of its upstream as well. */
  readonly replica: string
  readonly ailment: string
  /** Empty where there is nothing to be done. */
  readonly remedy: string
  /** In words, with the numbers. */
  readonly evidence: string
  /** Why it was withheld; or what came of it: `worked`, `nothing`, `worse`. */
  readonly detail: string
}
