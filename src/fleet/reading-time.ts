/**
 * How long a server is silent while it reads a prompt, learnt by the prompt's length. Engines that read in chunks give
 * the others their tokens meanwhile; the rest stop speaking until they have read. Which kind one is shows in the
 * silences that end with a first token.
 */

/** Classes of length, each twice the one before; the first ends here, tokens. */
const classTokens = 64
const classCount = 16
/** The longest silence of a class fades by this with each shorter one. */
const fading = 0.99

export class ReadingTime {
  /** Longest silence by class, milliseconds; below zero while unknown. */
  #longestMs = new Float64Array(classCount).fill(-1)
  #isAnyKnown = false

  /** The first token of an answer came after a silence of so long. */
  observe(promptTokens: number, silentMs: number): void {
    const at = classOf(promptTokens)
    this.#isAnyKnown = true
    this.#longestMs[at] = Math.max(silentMs, (this.#longestMs[at] as number) * fading)
  }

  /**
   * How long reading so much may take, milliseconds; null while nothing is known. Lengths never seen are told from the
   * next shorter, in proportion: that is too much rather than too little, since every reading has a fixed part.
   */
  expectedMs(promptTokens: number): number | null {
    if (!this.#isAnyKnown) return null
    const at = classOf(promptTokens)
    for (let below = at; below >= 0; below--) {
      const known = this.#longestMs[below] as number
      if (known >= 0) return known * 2 ** (at - below)
    }
    return this.#longestMs.find((known) => known >= 0) ?? null
  }

  /** The longest that any reading has taken, milliseconds; null while nothing is known. */
  get longestMs(): number | null {
    const longestMs = Math.max(...this.#longestMs)
    return longestMs < 0 ? null : longestMs
  }
}

function classOf(promptTokens: number): number {
  return Math.min(classCount - 1, Math.max(0, Math.ceil(Math.log2(Math.max(1, promptTokens) / classTokens))))
}
