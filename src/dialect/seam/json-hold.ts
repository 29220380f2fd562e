/**
 * For answers that are to be JSON and are gone on with where nothing enforces it: the rest of the text is held back
 * until the whole of it is known to be JSON.
 */
import type { Piece, PieceSink } from './piece.ts'

export class JsonHold {
  misfit: string | null = null
  #out: PieceSink
  #text: string
  #held: Piece[] = []

  constructor(said: string, out: PieceSink) {
    this.#text = said
    this.#out = out
  }

  take(piece: Piece): void {
    if (this.misfit !== null) return
    if (piece.is === 'more') this.#text += piece.text
    this.#held.push(piece)
    if (piece.is !== 'finish') return
    // Cut by the token limit it would have been no JSON either.
    if (!isLimit(piece.reason) && !isJson(this.#text)) {
      this.misfit = 'together they are no JSON'
      return
    }
    const held = this.#held
    this.#held = []
    for (const one of held) this.#out(one)
  }
}

const limitReasons: ReadonlySet<string> = new Set(['length', 'max_tokens', 'max_output_tokens'])

function isLimit(reason: string): boolean {
  return limitReasons.has(reason)
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
