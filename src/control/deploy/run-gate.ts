/**
 * Asks both releases the golden prompts and has the answers judged. New replicas are asked as many things at once
 * as the present ones have in hand, so that they are as busy, and warm when their first caller comes.
 */
import { type GatePair, type GateReport, judgeGate } from './gate.ts'
import type { GoldenAnswer, GatePrompt } from './golden-prompt.ts'

export interface GateRun {
  readonly prompts: readonly GatePrompt[]
  /** How often each is asked. */
  readonly times: number
  /** Calls at once at either release. */
  readonly callsAtOnce: number
  /** Never throws: what fails is an answer with a fault. */
  readonly askNext: (prompt: GatePrompt, signal: AbortSignal) => Promise<GoldenAnswer>
  /** Null for the first release. */
  readonly askPresent: ((prompt: GatePrompt, signal: AbortSignal) => Promise<GoldenAnswer>) | null
  /** Ends it: the deploy was called off, or it takes too long. */
  readonly signal: AbortSignal
}

/** Every prompt so often: the rounds lie apart, so that a bad minute does not meet one prompt only. */
export async function runGate(run: GateRun): Promise<GateReport> {
  const asked = Array.from({ length: run.times }, () => run.prompts).flat()
  const pairs: GatePair[] = []
  let at = 0
  const askOn = async (): Promise<void> => {
    while (at < asked.length && !run.signal.aborted) {
      const prompt = asked[at++] as GatePrompt
      const [present, next] = await Promise.all([
        run.askPresent?.(prompt, run.signal) ?? null,
        run.askNext(prompt, run.signal),
      ])
      pairs.push({ prompt, present, next })
    }
  }
  await Promise.all(Array.from({ length: Math.max(1, run.callsAtOnce) }, askOn))
  if (run.signal.aborted) return { isPassed: false, words: 'it was called off', findings: [] }
  return judgeGate(pairs)
}
