/** Facts of deploys: each step that a release takes on its way to all calls, or back. */
import type { Base } from './fact-base.ts'

export interface RolloutFact extends Base {
  readonly kind: 'rollout'
  readonly deployment: string
  /** The one that takes over. */
  readonly release: string
  /** Where it stands now; `src/control/deploy/rollout-state.ts` says what each means. */
  readonly phase: string
  /** Of new calls that it gets, 0 to 1. */
  readonly share: number
  /** Why, in words, with the numbers. */
  readonly detail: string
}
