/** What a lab server remembers of the calls it got, for tests that ask "was it called exactly once?". */

export interface CallEntry {
  readonly id: number
  readonly route: string
  readonly requestId: string | null
  /** `promptHash` of the question; null for routes without one. */
  promptHash: number | null
  /** Status sent; null while there is none, and when the connection broke before one was. */
  status: number | null
  /** Tokens sent to the client. */
  tokens: number
  /** The client left before its answer was complete. */
  isAborted: boolean
  /** Kinds of the faults that struck it. */
  faults: string[]
  readonly startedMs: number
  endedMs: number | null
}

/** Calls remembered one by one, and prompts counted; the oldest are forgotten first. */
const entriesMax = 1000
const promptsMax = 10_000

export class CallLog {
  #entries: CallEntry[] = []
  #perPrompt = new Map<number, number>()
  #nextId = 1
  /** Since the start or the last reset. */
  total = 0
  aborted = 0

  begin(route: string, requestId: string | null, nowMs: number): CallEntry {
    const entry: CallEntry = {
      id: this.#nextId++,
      route,
      requestId,
      promptHash: null,
      status: null,
      tokens: 0,
      isAborted: false,
      faults: [],
      startedMs: nowMs,
      endedMs: null,
    }
    this.total++
    this.#entries.push(entry)
    if (this.#entries.length > entriesMax * 2) this.#entries.splice(0, entriesMax)
    return entry
  }

  /** Notes which prompt the call is about, and counts it. */
  name(entry: CallEntry, hash: number): void {
    entry.promptHash = hash
    this.#perPrompt.set(hash, (this.#perPrompt.get(hash) ?? 0) + 1)
    const oldest = this.#perPrompt.size > promptsMax ? this.#perPrompt.keys().next().value : undefined
    if (oldest !== undefined) this.#perPrompt.delete(oldest)
  }

  end(entry: CallEntry, isAborted: boolean, nowMs: number): void {
    if (entry.endedMs !== null) return
    entry.endedMs = nowMs
    entry.isAborted = isAborted
    if (isAborted) this.aborted++
  }

  /** The last 1000 calls, oldest first. */
  get entries(): readonly CallEntry[] {
    return this.#entries.slice(-entriesMax)
  }

  /** How many calls came for the prompt with this `promptHash`. */
  countOf(hash: number): number {
    return this.#perPrompt.get(hash) ?? 0
  }

  get perPrompt(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#perPrompt)
  }

  reset(): void {
    this.#entries = []
    this.#perPrompt.clear()
    this.total = this.aborted = 0
  }
}
