/** So many live streams at all times, each answer checked byte for byte; one that ends is followed by the next. */
import { chat, type Outcome } from '../crash/chat.ts'

export interface CrowdOptions {
  readonly streams: number
  /** Of each answer. */
  readonly tokens: number
}

export class Crowd implements AsyncDisposable {
  readonly outcomes: Outcome[] = []
  #isOver = false
  #asked = 0
  #callers: readonly Promise<void>[]

  constructor(url: string, { streams, tokens }: CrowdOptions) {
    this.#callers = Array.from({ length: streams }, (_, i) => this.#call(url, tokens, i / streams))
  }

  /** No more are begun. Resolves when the last has ended, with all. */
  async end(): Promise<readonly Outcome[]> {
    this.#isOver = true
    await Promise.all(this.#callers)
    return this.outcomes
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end()
  }

  /** The first answers are of different lengths, so that they do not end all at once. */
  async #call(url: string, tokens: number, part: number): Promise<void> {
    for (let length = Math.ceil(tokens * (0.2 + 0.8 * part)); !this.#isOver; length = tokens)
      this.outcomes.push(await chat(url, 'lab-model', `${this.#asked++} tokens:${length}`, true))
  }
}
