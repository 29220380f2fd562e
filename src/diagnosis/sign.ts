/** What is to be explained of a call. */
import type { FaultCode } from '../fault/code.ts'

/**
 * The codes of the faults on its way, and what is no fault in the table's sense. `ADOPTED`: the answer changed hands
 * between processes; `READER_STALLED`: its reader took nothing for too long; `READER_LEFT`: its reader left, and it
 * went on alone.
 */
export type Sign = FaultCode | 'ADOPTED' | 'READER_STALLED' | 'READER_LEFT'

/** Codes that only tell of the failures behind them. */
const wrappers: ReadonlySet<Sign> = new Set(['HF_ATTEMPTS_SPENT', 'HF_NO_UPSTREAM', 'HF_SEAM_MISFIT'])
/** Ends of attempts that are no failure. */
const harmless: ReadonlySet<Sign> = new Set(['HF_OUTRUN'])

export function isWrapper(sign: Sign): boolean {
  return wrappers.has(sign)
}

export function isHarmless(sign: Sign): boolean {
  return harmless.has(sign)
}
