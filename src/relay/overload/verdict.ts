/** What the end of an attempt says about the health of the server: pure. */
import type { FaultCode } from '../../fault/code.ts'
import type { Fault } from '../../fault/fault.ts'

/**
 * - `good`: a whole answer.
 * - `bad`: an answer that only a sick server gives.
 * - `broken`: the connection or its silence ended the answer. What ends one ends all that are under way with it, so
 *   many of these may be one event.
 * - `silent`: no first token in time. A busy server does that as well as one that hangs.
 * - `nothing`: it tells of the call, the caller, the load or us.
 */
export type Verdict = 'good' | 'bad' | 'broken' | 'silent' | 'nothing'

/**
 * A connection that did not come up is missing: who refuses is dead, which the roll call sees and ends within a second
 * of its return. So are 429 and 503: they tell of load.
 */
const verdicts: Readonly<Partial<Record<FaultCode, Verdict>>> = {
  HF_UPSTREAM_ERROR: 'bad',
  HF_UPSTREAM_EMPTY: 'bad',
  HF_UPSTREAM_GARBLED: 'bad',
  HF_UPSTREAM_CUT: 'broken',
  HF_UPSTREAM_RESET: 'broken',
  HF_UPSTREAM_STALLED: 'broken',
  HF_FIRST_TOKEN_TIMEOUT: 'silent',
}

/**
 * @param fault null for a whole answer. A status of 400 to 499 never counts, whatever it was taken for: any caller can
 * bring it about.
 */
export function verdictOf(fault: Fault | null): Verdict {
  if (!fault) return 'good'
  const { receivedStatus = 0 } = fault
  if (receivedStatus >= 400 && receivedStatus < 500) return 'nothing'
  return verdicts[fault.code] ?? 'nothing'
}
