/**
 * How large a call will be, guessed before it is answered: prompt tokens from its bytes, output tokens from what calls
 * with a like limit came to. Learnt per model from the counts that servers report.
 */
import type { Usage } from '../dialect/call.ts'
import type { CallSize } from './load.ts'

/** Until a model has told: English prose in JSON, and a middling answer. */
const bytesPerTokenDefault = 4.5
/** A template around a few words, and pictures, which are few tokens; what lies beyond makes no sense. */
const bytesPerTokenMin = 0.01
const bytesPerTokenMax = 1e5
const outputTokensDefault = 256
/** Of the limit that a caller sets, answers use about this share. */
const limitShareDefault = 0.5
/** Weight of the newest answer in the running means. */
const newest = 0.05
/** Pictures as base64 look like a million tokens; no model reads more than this. */
const promptTokensMax = 1_000_000
/** Nor does any write more, whatever limit a caller sets: one such call would outweigh all others of a server. */
const answerTokensMax = 1_000_000
/** Models remembered; names come from callers only when a server offers them. */
const modelsMax = 1000
/** Limits are told apart by powers of two. */
const bucketCount = 24

interface Habits {
  bytesPerToken: number
  /** Of answers whose caller set no limit. */
  outputTokens: number
  /** By the size of the limit: the share of it that answers used. */
  readonly limitShares: Float64Array
  count: number
}

export class CallSizes {
  #habits = new Map<string, Habits>()

  /** `outputTokensMax`: the caller's limit, null for none. */
  guess(model: string, requestBytes: number, outputTokensMax: number | null): CallSize {
    const habits = this.#habits.get(model)
    const promptTokens = Math.min(promptTokensMax, requestBytes / (habits?.bytesPerToken ?? bytesPerTokenDefault))
    const free = habits?.outputTokens ?? outputTokensDefault
    if (outputTokensMax === null) return { promptTokens, outputTokens: free }
    const share = habits?.limitShares[bucketOf(outputTokensMax)] ?? limitShareDefault
    return { promptTokens, outputTokens: Math.max(1, Math.min(answerTokensMax, outputTokensMax) * share) }
  }

  /** What a call turned out to be, as far as the server said. */
  observe(model: string, requestBytes: number, outputTokensMax: number | null, usage: Usage): void {
    const habits = this.#habitsOf(model)
    if (!habits) return
    const { inputTokens = 0 } = usage
    const outputTokens = Math.min(answerTokensMax, usage.outputTokens ?? 0)
    const weight = Math.max(newest, 1 / ++habits.count)
    const bytesPerToken = Math.min(bytesPerTokenMax, Math.max(bytesPerTokenMin, requestBytes / inputTokens))
    if (inputTokens > 0) habits.bytesPerToken += weight * (bytesPerToken - habits.bytesPerToken)
    if (outputTokens <= 0) return
    if (outputTokensMax === null) {
      habits.outputTokens += weight * (outputTokens - habits.outputTokens)
      return
    }
    const bucket = bucketOf(outputTokensMax)
    const before = habits.limitShares[bucket] as number
    habits.limitShares[bucket] = before + newest * (Math.min(1, outputTokens / outputTokensMax) - before)
  }

  #habitsOf(model: string): Habits | undefined {
    const known = this.#habits.get(model)
    if (known || this.#habits.size >= modelsMax) return known
    const fresh: Habits = {
      bytesPerToken: bytesPerTokenDefault,
      outputTokens: outputTokensDefault,
      limitShares: new Float64Array(bucketCount).fill(limitShareDefault),
      count: 0,
    }
    this.#habits.set(model, fresh)
    return fresh
  }
}

function bucketOf(tokens: number): number {
  return Math.min(bucketCount - 1, Math.max(0, Math.floor(Math.log2(Math.max(1, tokens)))))
}
