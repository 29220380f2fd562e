/** What is known of one visit of what is served beside the models, for those who judge it. */

export interface Visit {
  /** Path of the route, as the configuration has it. */
  readonly route: string
  /** Sent, or 499 where the visitor left before its end. */
  readonly status: number
}

const visitorLeft = 499
const tooMany = 429

/** True where it failed by no fault of the visitor's; null where it says nothing: he left, or was turned away. */
export function isLost({ status }: Visit): boolean | null {
  if (status === visitorLeft || status === tooMany) return null
  return status >= 500
}
