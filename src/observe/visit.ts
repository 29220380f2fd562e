/** What is known of one visit of what is served beside the models, for those who judge it. */
import type { Base } from './fact-base.ts'

export interface Visit {
  /** Path of the route, as the configuration has it. */
  readonly route: string
  /** Sent, or 499 where the visitor left before its end. */
  readonly status: number
}

/** Visits of an application beside the models in one period: how many, and how many of them failed. */
export interface VisitsFact extends Base {
  readonly kind: 'visits'
  /** From here to `atMs`. */
  readonly fromMs: number
  /** Path of the route. */
  readonly route: string
  readonly count: number
  readonly failedCount: number
}

const visitorLeft = 499
const tooMany = 429

/** True where it failed by no fault of the visitor's; null where it says nothing: he left, or was turned away. */
export function isLost({ status }: Visit): boolean | null {
  if (status === visitorLeft || status === tooMany) return null
  return status >= 500
}
