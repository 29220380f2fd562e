/** Rollouts as they are kept over restarts of the control process: read back, or begun anew where nothing fits. */
import type { RolloutBookState } from './deploy/rollout-book.ts'

export interface KeptRollouts {
  readonly version: 1
  readonly book: RolloutBookState
  /** Copies whose death was counted, by name: when they were started. */
  readonly dead: Readonly<Record<string, number>>
}

/** Null where nothing was kept, or by a version that kept something else. */
export function readKeptRollouts(kept: unknown): KeptRollouts | null {
  if (typeof kept !== 'object' || kept === null) return null
  const { version, book, dead } = kept as Partial<KeptRollouts>
  const isOurs = version === 1 && Array.isArray(book?.rollouts) && isRecord(book.running) && isRecord(dead)
  return isOurs ? (kept as KeptRollouts) : null
}

const isRecord = (value: unknown): boolean => typeof value === 'object' && value !== null && !Array.isArray(value)
