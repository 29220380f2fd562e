/**
 * Finds the caller's stop strings in a text that comes in pieces, also where one begins before a seam and ends after
 * it. What may be the beginning of one is held back.
 */

export interface Matched {
  /** What may be told now. */
  readonly text: string
  /** The stop string that ends the answer here, or null. */
  readonly stop: string | null
}

export class StopMatcher {
  #stops: readonly string[]
  #keepsStop: boolean
  /** Told already, and still of interest: a stop string may begin in it. */
  #told: string
  #held = ''
  #reach: number

  /**
   * @param said what was told before the seam.
   * @param keepsStop the stop string is part of the answer (vLLM: `include_stop_str_in_output`). Default false.
   */
  constructor(stops: readonly string[], said: string, keepsStop = false) {
    this.#stops = stops.filter((stop) => stop !== '')
    this.#keepsStop = keepsStop
    this.#reach = Math.max(0, ...this.#stops.map(({ length }) => length - 1))
    this.#told = this.#reach === 0 ? '' : said.slice(-this.#reach)
  }

  /** Letters that are held back. */
  get heldLength(): number {
    return this.#held.length
  }

  push(text: string): Matched {
    if (this.#stops.length === 0) return { text, stop: null }
    this.#held += text
    const all = this.#told + this.#held
    const found = this.#earliest(all)
    if (found) {
      const end = this.#keepsStop ? found.at + found.stop.length : found.at
      this.#held = ''
      // What stands before the seam has been told and stays told.
      return { text: all.slice(this.#told.length, Math.max(end, this.#told.length)), stop: found.stop }
    }
    return { text: this.#tell(this.#held.length - this.#possibleStart(all)), stop: null }
  }

  /** No more text comes: what was held back is no stop string. */
  flush(): string {
    return this.#tell(this.#held.length)
  }

  #tell(length: number): string {
    const told = this.#held.slice(0, length)
    this.#held = this.#held.slice(length)
    this.#told = this.#reach === 0 ? '' : (this.#told + told).slice(-this.#reach)
    return told
  }

  /** The one that is complete first, whatever pieces the text came in; of two, the longer. */
  #earliest(all: string): { at: number; stop: string } | null {
    let best: { at: number; stop: string; end: number } | null = null
    for (const stop of this.#stops) {
      const at = all.indexOf(stop, Math.max(0, this.#told.length - stop.length + 1))
      const end = at + stop.length
      if (at !== -1 && (best === null || end < best.end || (end === best.end && at < best.at))) best = { at, stop, end }
    }
    return best
  }

  /** How much of the held end may be the beginning of a stop string. */
  #possibleStart(all: string): number {
    for (let length = Math.min(this.#reach, all.length); length > 0; length--) {
      const end = all.slice(all.length - length)
      if (this.#stops.some((stop) => stop.startsWith(end))) return Math.min(length, this.#held.length)
    }
    return 0
  }
}
