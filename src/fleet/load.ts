/**
 * The work that a server has in hand through us: calls, and the tokens that are still to be read and to be written for
 * them. Numbers only; whoever sends a call takes a share and gives it back.
 */

/** How large a call is, as far as one can tell before it is answered. */
export interface CallSize {
  readonly promptTokens: number
  /** Tokens of the answer, as expected. */
  readonly outputTokens: number
}

/** No answer has more tokens. */
const tokensMax = 1e6

export class Load {
  calls = 0
  /** Prompt tokens of calls whose first token is awaited. */
  prefillTokens = 0
  /** Output tokens still expected of all calls. */
  decodeTokens = 0
  /** Tokens read and written since the start, as far as told. */
  readTokens = 0
  writtenTokens = 0

  begin(size: CallSize): LoadShare {
    return new LoadShare(this, size)
  }
}

/** One call's part of it. */
export class LoadShare {
  #load: Load
  #prefillTokens: number
  #decodeTokens: number
  #isOver = false

  constructor(load: Load, { promptTokens, outputTokens }: CallSize) {
    this.#load = load
    this.#prefillTokens = promptTokens
    this.#decodeTokens = outputTokens
    load.calls++
    load.prefillTokens += promptTokens
    load.decodeTokens += outputTokens
  }

  /** The prompt has been read: the first token is there. */
  firstToken(): void {
    this.#load.prefillTokens -= this.#prefillTokens
    this.#load.readTokens += this.#prefillTokens
    this.#prefillTokens = 0
  }

  /** So many tokens more have come. One that writes on beyond what was expected has one more to go, always. */
  progress(tokens: number): void {
    this.#load.writtenTokens += tokens
    const left = Math.max(1, this.#decodeTokens - tokens)
    this.#load.decodeTokens += left - this.#decodeTokens
    this.#decodeTokens = left
  }

  /** It came in one piece, and nobody counted along. `tokens`: as the server says, unless that makes no sense. */
  whole(tokens: number): void {
    this.firstToken()
    this.#load.writtenTokens += tokens > 0 && tokens <= tokensMax ? tokens : this.#decodeTokens
  }

  /** It has ended, one way or another: what was not told of has not been done. A second time does nothing. */
  end(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#load.calls--
    this.#load.prefillTokens -= this.#prefillTokens
    this.#load.decodeTokens -= this.#decodeTokens
    if (this.#load.calls === 0) this.#load.prefillTokens = this.#load.decodeTokens = 0 // sums of fractions drift
  }
}
