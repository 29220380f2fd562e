/** What calls came to within the last minute, in slices of ten seconds: numbers in, sums out. */

const sliceMs = 10_000
const sliceCount = 6
const fieldCount = 8

/** Sums over the last 50 to 60 seconds. */
export interface Sums {
  /** Calls that say something about the server: those that went well, and those that it failed. */
  readonly calls: number
  readonly failures: number
  /** Waits in vain for a first token; not among `failures`. */
  readonly silences: number
  /** Answers of which the wait for the first token is known, and its geometric mean in milliseconds. */
  readonly firstTokens: number
  readonly firstTokenMs: number
  /** The geometric mean of their prompts, tokens to be read; 0 where it is not known. */
  readonly firstTokenPrompt: number
  /** The same for the gap between tokens, one figure an answer. */
  readonly gaps: number
  readonly gapMs: number
}

export class Tally {
  #slices = new Float64Array(sliceCount * fieldCount)
  /** Number of the newest slice, counted from the clock's start. */
  #newest = 0

  /** An answer that was whole; what is not known of it is null. */
  addGood(nowMs: number, firstTokenMs: number | null, gapMs: number | null, promptTokens = 0): void {
    const at = this.#slice(nowMs)
    this.#add(at, 1)
    if (firstTokenMs !== null && firstTokenMs > 0) {
      this.#add(at + 3, 1)
      this.#add(at + 4, Math.log(firstTokenMs))
      this.#add(at + 7, Math.log(Math.max(1, promptTokens)))
    }
    if (gapMs !== null && gapMs > 0) {
      this.#add(at + 5, 1)
      this.#add(at + 6, Math.log(gapMs))
    }
  }

  addBad(nowMs: number, isSilent: boolean): void {
    const at = this.#slice(nowMs)
    this.#add(at, 1)
    this.#add(at + (isSilent ? 2 : 1), 1)
  }

  /** What was before says nothing about what comes. */
  clear(): void {
    this.#slices.fill(0)
  }

  sums(nowMs: number): Sums {
    this.#slice(nowMs)
    const sums = Array.from({ length: fieldCount }, (_, field) => this.#sum(field))
    const [calls = 0, failures = 0, silences = 0, firstTokens = 0, firstLogs = 0, gaps = 0, gapLogs = 0] = sums
    const promptLogs = sums[7] ?? 0
    return {
      calls,
      failures,
      silences,
      firstTokens,
      firstTokenMs: firstTokens > 0 ? Math.exp(firstLogs / firstTokens) : 0,
      firstTokenPrompt: promptLogs > 0 ? Math.exp(promptLogs / firstTokens) : 0,
      gaps,
      gapMs: gaps > 0 ? Math.exp(gapLogs / gaps) : 0,
    }
  }

  #add(at: number, amount: number): void {
    this.#slices[at] = (this.#slices[at] as number) + amount
  }

  #sum(field: number): number {
    let sum = 0
    for (let slice = 0; slice < sliceCount; slice++) sum += this.#slices[slice * fieldCount + field] as number
    return sum
  }

  /** Where the fields of the present slice begin; slices whose time is over are emptied. */
  #slice(nowMs: number): number {
    const number = Math.max(this.#newest, Math.floor(nowMs / sliceMs))
    const stale = Math.min(sliceCount, number - this.#newest)
    for (let i = 0; i < stale; i++) {
      const at = ((number - i) % sliceCount) * fieldCount
      this.#slices.fill(0, at, at + fieldCount)
    }
    this.#newest = number
    return (number % sliceCount) * fieldCount
  }
}
