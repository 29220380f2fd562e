/** What an early warning found, without what it is about. */
import type { Severity } from '../../alert/condition.ts'

export interface Finding {
  readonly severity: Severity
  /** Ends the sentence `the pool x …`. */
  readonly words: string
}

/** One-sided chance by which a series without a trend would rise so: at less, it is a trend (once in a thousand). */
export const chanceMax = 0.001

export function hoursText(ms: number): string {
  const minutes = Math.max(1, Math.round(ms / 60_000))
  return minutes < 120
    ? `${minutes} min`
    : minutes < 2880
      ? `${Math.round(minutes / 60)} h`
      : `${Math.round(minutes / 1440)} d`
}
