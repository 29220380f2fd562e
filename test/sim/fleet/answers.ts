/** What the workers measured of answers of a replica, where a release is judged: more than how many there were. */
import { newTally, type TallyCounts } from '../../../src/control/deploy/replica-tally.ts'
import { stratumOf } from '../../../src/control/deploy/release-look.ts'
import { observe } from '../../../src/control/deploy/sketch.ts'
import type { Flaw } from './release-kinds.ts'

const promptTokens = 900
const ttftMs = 400
const tokenMs = 25
const answerTokens = 220
/** Of what is usual, one call after the other. */
const spread = [0.7, 0.85, 1, 1.2, 1.6] as const
const slowFactor = 2.4
const failedShare = 0.33
/** More are measured as if they were so many, each of them several. */
const measuredMax = 50

/** @param before calls that ended there before */
export function tallyOf(ended: number, before: number, callsInHand: number, flaw: Flaw | null): TallyCounts {
  const share = flaw === 'fails' ? failedShare : 0
  const failed = Math.floor((before + ended) * share) - Math.floor(before * share)
  const finished = ended - failed
  const tally = { ...newTally(), calls: ended, finished }
  if (failed > 0) tally.failures = { HF_UPSTREAM_ERROR: failed }
  const factor = flaw === 'slow' ? slowFactor : 1
  const [ttft, tokens]: [number[], number[]] = [[], []]
  const measured = Math.min(measuredMax, finished)
  for (let i = 0; i < measured; i++) {
    const usual = spread[(before + i) % spread.length] ?? 1
    observe(ttft, ttftMs * usual * factor, finished / measured)
    observe(tokens, tokenMs * usual * factor, finished / measured)
    observe(tally.answerTokens, answerTokens * usual, finished / measured)
  }
  tally.ttftMs = { [stratumOf(promptTokens, callsInHand)]: ttft }
  tally.interTokenMs = { [stratumOf(null, callsInHand)]: tokens }
  return tally
}
