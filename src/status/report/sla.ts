/** What is owed by a ladder of credits. Pure. */
import type { SlaOptions } from './report-options.ts'

export interface Credit {
  readonly percent: number
  /** The step that was gone below; null for none. */
  readonly below: number | null
}

const none: Credit = { percent: 0, below: null }

/** The deepest step that the uptime is below. `uptime`: a share, as it is: it is not rounded for anybody's sake. */
export function creditFor(uptime: number | null, ladder: SlaOptions['ladder']): Credit {
  if (uptime === null) return none
  const gone = ladder.filter(({ below }) => 100 * uptime < below).toSorted((a, b) => a.below - b.below)
  const [deepest] = gone
  return deepest ? { percent: deepest.credit, below: deepest.below } : none
}
