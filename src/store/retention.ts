/** How long answers are kept and what they are charged for: the same for every engine. */
import type { JournalOptions } from './journal-options.ts'

/** What is known of one ended answer; all times on one clock, in milliseconds. */
export interface Lifetime {
  readonly beganMs: number
  readonly sealedMs: number
  /** When it was last read; null when it never was. */
  readonly readMs: number | null
  readonly isStored: boolean
}

/** What an answer and an event cost beyond their bytes, so that many tiny ones are bounded too. */
export const answerOverheadBytes = 2048
export const eventOverheadBytes = 16

/** Further names of one answer, and the length of one, in characters; what is beyond is not taken. */
export const aliasesMax = 16
export const aliasLengthMax = 256

/** Most answers that `find` gives back, and rays that `orphans` does. */
export const foundMax = 16
export const orphansMax = 1000

/** Whatever `keepMs` says, a successor gets time to come: so many leases. */
const orphanLeases = 10

/** The moment from which an ended answer is no longer there. */
export function forgetAtMs(life: Lifetime, options: JournalOptions): number {
  const lastMs = life.beganMs + options.keepMaxMs
  if (life.isStored) return lastMs
  const readUntilMs = life.readMs === null ? Number.NEGATIVE_INFINITY : life.readMs + options.keepReadMs
  return Math.min(lastMs, Math.max(life.sealedMs + options.keepMs, readUntilMs))
}

/** How long an answer without a writer waits for a successor, from its last sign of life on. */
export function orphanPatienceMs({ keepMs, leaseMs }: JournalOptions): number {
  return Math.max(keepMs, orphanLeases * leaseMs)
}
