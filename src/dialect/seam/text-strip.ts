/**
 * Joins what was said with what comes: takes from the beginning of the new text whatever the caller has already, and
 * lets the rest through. Text is held back until it is clear which part is which.
 */

export interface TextStrip {
  /** More of the new text; gives what may be told now, which may be empty. */
  push(text: string): string
  /** No more text comes. Gives what was held and is to be told; null when it does not fit what was said. */
  end(): string | null
  /** From here on all text is to be told as it is. */
  readonly isDone: boolean
  /** What is told so far does not go with the tokens that the upstream counts. */
  readonly hasChanged: boolean
}

/**
 * For engines that were given the said text to go on with. Most tell only the new text; some tell the given one again
 * first. Blanks at the end of what was said were not given, so they may come once more.
 */
export class EchoStrip implements TextStrip {
  isDone = false
  hasChanged = false
  #given: string
  #blanks: string
  #held = ''
  #isPastEcho: boolean

  /**
   * @param given what the engine was given, without blanks at its end.
   * @param blanks what the caller has beyond that.
   */
  constructor(given: string, blanks: string) {
    this.#given = given
    this.#blanks = blanks
    this.#isPastEcho = given === ''
    this.isDone = this.#isPastEcho && blanks === ''
  }

  push(text: string): string {
    if (this.isDone) return text
    this.#held += text
    if (!this.#isPastEcho) {
      if (this.#given.startsWith(this.#held) && this.#held.length < this.#given.length) return ''
      if (this.#held.startsWith(this.#given)) {
        this.#held = this.#held.slice(this.#given.length)
        this.hasChanged = true
      }
      this.#isPastEcho = true
    }
    if (this.#held.length < this.#blanks.length && this.#blanks.startsWith(this.#held)) return ''
    return this.#release()
  }

  /** A text that is only the beginning of the given one is more likely that, told again, than the rest of it. */
  end(): string | null {
    if (!this.#isPastEcho && this.#held !== '') return null
    return this.isDone ? '' : this.#release()
  }

  #release(): string {
    this.isDone = true
    let same = 0
    while (same < this.#blanks.length && this.#held[same] === this.#blanks[same]) same++
    if (same < this.#blanks.length) this.hasChanged = true
    const rest = this.#held.slice(same)
    this.#held = ''
    return rest
  }
}

/** Text that is looked at before it is decided where the new text joins, UTF-16 units. */
const holdLengthMax = 240
/** Fewer letters in common say nothing, and more nothing new. */
const overlapLengthMin = 6
const overlapLengthMax = 400
/** A short overlap is believed so near the beginning only. */
const prefaceLengthMax = 40

/**
 * For models that were asked in words for the rest. They repeat some of what was said, or all of it, or put a word of
 * their own before it; joined by the longest overlap. Without one the two do not fit.
 */
export class OverlapStrip implements TextStrip {
  isDone = false
  readonly hasChanged = true
  #said: string
  #held = ''
  /** The new text has told the answer from its beginning so far. */
  #isFromStart = true

  constructor(said: string) {
    this.#said = said
  }

  push(text: string): string {
    if (this.isDone) return text
    this.#held += text
    const said = this.#said
    if (this.#isFromStart) {
      if (this.#held.length >= said.length && this.#held.startsWith(said)) return this.#release(said.length)
      if (said.startsWith(this.#held)) return ''
      this.#isFromStart = false
    }
    return this.#held.length < holdLengthMax ? '' : (this.#join() ?? '')
  }

  end(): string | null {
    return this.isDone ? '' : this.#join()
  }

  #join(): string | null {
    const from = joinAt(this.#said, this.#held)
    return from === null ? null : this.#release(from)
  }

  #release(from: number): string {
    this.isDone = true
    const rest = this.#held.slice(from)
    this.#held = ''
    return rest
  }
}

/**
 * Where in `next` the text after `said` begins: behind the longest end of `said` that stands near the beginning of
 * `next`. Null when they have nothing in common.
 */
export function joinAt(said: string, next: string): number | null {
  const tail = said.trimEnd()
  const blanks = said.slice(tail.length)
  const lengthMin = Math.min(overlapLengthMin, tail.length)
  if (lengthMin === 0) return null
  for (let length = Math.min(tail.length, next.length, overlapLengthMax); length >= lengthMin; length--) {
    const at = next.indexOf(tail.slice(tail.length - length))
    if (at === -1 || at > Math.max(prefaceLengthMax, length)) continue
    const end = at + length
    let same = 0
    while (same < blanks.length && next[end + same] === blanks[same]) same++
    return end + same
  }
  return null
}
