/**
 * What a provider says is left of its limits: `x-ratelimit-*` of OpenAI and those who answer like it,
 * `anthropic-ratelimit-*` of Anthropic.
 */
import type { Clock } from '../ground/clock.ts'

/** What was said longer ago says nothing of now. */
const freshMs = 120_000
const kinds = ['requests', 'tokens'] as const
const pairs = kinds.flatMap((kind) => [
  [`x-ratelimit-remaining-${kind}`, `x-ratelimit-limit-${kind}`] as const,
  [`anthropic-ratelimit-${kind}-remaining`, `anthropic-ratelimit-${kind}-limit`] as const,
])

export class Quota {
  #clock: Clock
  #left: number | null = null
  #saidMs = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Headers of an answer, by lower-case names. */
  read(headers: Readonly<Record<string, string>>): void {
    let left = Number.POSITIVE_INFINITY
    for (const [remainingName, limitName] of pairs) {
      const remaining = headers[remainingName]
      if (remaining === undefined) continue
      const share = Number(remaining) / Number(headers[limitName])
      if (share >= 0 && share < left) left = share
    }
    if (left === Number.POSITIVE_INFINITY) return
    this.#left = Math.min(1, left)
    this.#saidMs = this.#clock.monotonicMs()
  }

  /** The smallest share that is left, 0 to 1; null when nothing was said lately. */
  get leftShare(): number | null {
    return this.#left !== null && this.#clock.monotonicMs() - this.#saidMs <= freshMs ? this.#left : null
  }
}
