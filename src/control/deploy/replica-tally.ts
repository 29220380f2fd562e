/**
 * What a worker measures of one replica's answers, for the judge: sums that are told every second and begun anew.
 * Fed with the account of each call; costs some additions a call.
 */
import type { AttemptFact, ExchangeFact } from '../../observe/exchange-fact.ts'
import { stratumOf } from './release-look.ts'
import { addSketch, observe } from './sketch.ts'

/** Counts as in `ReleaseLook`, of one replica. */
export interface TallyCounts {
  calls: number
  failures: Record<string, number>
  finished: number
  truncated: number
  refused: number
  empty: number
  toolOffers: number
  toolCalls: number
  toolCallsBroken: number
  ttftMs: Record<string, number[]>
  interTokenMs: Record<string, number[]>
  answerTokens: number[]
}

/** What the account does not say. */
export interface CallSetting {
  /** Calls in hand at the replica when this one was sent. */
  readonly callsInHand: number
  /** Of the prompt, as far as is known. */
  readonly unreadTokens: number
  /** Whether tools were offered, and whether the arguments of a call could be read; null where nobody looked. */
  readonly hasTools?: boolean
  readonly isToolCallBroken?: boolean
}

export type SettledCall = Pick<ExchangeFact, 'attempts' | 'outcome' | 'finishReason' | 'outputTokens' | 'isStream'>

/** An attempt that lost a race, whose caller left, or that the gateway itself ended, says nothing about the server. */
const blameless: ReadonlySet<string> = new Set([
  ...['HF_OUTRUN', 'HF_CLIENT_GONE', 'HF_UPSTREAM_DRAINED', 'HF_CANCELLED', 'HF_CLOSING', 'HF_LEASE_LOST'],
  ...['HF_JOURNAL_FULL', 'HF_KEY_REVOKED'],
])
const truncating: ReadonlySet<string> = new Set(['length', 'max_tokens', 'max_output_tokens'])
const refusing: ReadonlySet<string> = new Set(['content_filter', 'refusal'])
const calling: ReadonlySet<string> = new Set(['tool_calls', 'tool_use', 'function_call'])
/** Of shorter answers the time between tokens is chance. */
const tokensMin = 5

const counts = [
  ...(['calls', 'finished', 'truncated', 'refused', 'empty'] as const),
  ...(['toolOffers', 'toolCalls', 'toolCallsBroken'] as const),
]

export const newTally = (): TallyCounts => ({
  ...{ calls: 0, failures: {}, finished: 0, truncated: 0, refused: 0, empty: 0 },
  ...{ toolOffers: 0, toolCalls: 0, toolCallsBroken: 0, ttftMs: {}, interTokenMs: {}, answerTokens: [] },
})

/** Counts one attempt at this replica. */
export function tallyAttempt(tally: TallyCounts, attempt: AttemptFact, call: SettledCall, setting: CallSetting): void {
  const { code } = attempt
  if (code !== null) {
    if (blameless.has(code)) return
    tally.calls++
    tally.failures[code] = (tally.failures[code] ?? 0) + 1
    return
  }
  if (call.outcome !== 'complete') return
  tally.calls++
  tallyAnswer(tally, attempt, call, setting)
}

/** Adds what another counted. */
export function addTally(sum: TallyCounts, more: TallyCounts): void {
  for (const field of counts) sum[field] += more[field]
  for (const [code, count] of Object.entries(more.failures)) sum.failures[code] = (sum.failures[code] ?? 0) + count
  for (const field of ['ttftMs', 'interTokenMs'] as const)
    for (const [stratum, sketch] of Object.entries(more[field])) addSketch((sum[field][stratum] ??= []), sketch)
  addSketch(sum.answerTokens, more.answerTokens)
}

function tallyAnswer(tally: TallyCounts, attempt: AttemptFact, call: SettledCall, setting: CallSetting): void {
  const { finishReason, outputTokens } = call
  const { callsInHand, unreadTokens, hasTools = false, isToolCallBroken = false } = setting
  const isCalling = calling.has(finishReason ?? '')
  tally.finished++
  if (truncating.has(finishReason ?? '')) tally.truncated++
  if (refusing.has(finishReason ?? '')) tally.refused++
  if (outputTokens === 0 && !isCalling) tally.empty++
  if (hasTools) tally.toolOffers++
  if (hasTools && isCalling) {
    tally.toolCalls++
    if (isToolCallBroken) tally.toolCallsBroken++
  }
  // One that went on behind a seam has but a part of the answer's tokens.
  if (outputTokens !== null && call.attempts.length === 1) observe(tally.answerTokens, outputTokens)
  const { firstTokenMs, durationMs } = attempt
  if (firstTokenMs === null) return
  observe((tally.ttftMs[stratumOf(unreadTokens, callsInHand)] ??= []), firstTokenMs)
  if (outputTokens === null || outputTokens < tokensMin || call.attempts.length > 1) return
  const tokenMs = (durationMs - firstTokenMs) / (outputTokens - 1)
  observe((tally.interTokenMs[stratumOf(null, callsInHand)] ??= []), tokenMs)
}
