/** Finish reasons that are no finish: engines name so an answer that they broke off themselves. */
import { Fault } from '../../fault/fault.ts'

/** A fault when `reason` says that the answer is not whole, though a finish reason came; null for a true finish. */
export function finishFault(reason: string): Fault | null {
  // vLLM and SGLang say `abort` to what was running when they shut down.
  if (reason === 'abort') return new Fault('HF_UPSTREAM_CUT', { detail: 'finish reason “abort”' })
  if (reason === 'error') return new Fault('HF_UPSTREAM_ERROR', { detail: 'finish reason “error”' })
  return null
}
