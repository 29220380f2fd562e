/**
 * The seam itself: pieces of the new leg go in, and out come those that are news to the caller. Either what was
 * said is expected to come again and is dropped (`AgainJoiner`), or only the rest is expected (`RestJoiner`).
 */
import type { Fields } from '../field.ts'
import type { PartialAnswer, SaidPart } from './partial-answer.ts'
import { closeSteps, type Opening, type Piece, type PieceSink } from './piece.ts'
import type { TextStrip } from './text-strip.ts'

export interface Joiner {
  take(piece: Piece): void
  /** Why the leg does not fit what was said; nothing of it may be told then. */
  readonly misfit: string | null
  /** The tokens that the upstream counts are those of the answer. */
  readonly keepsTokens: boolean
}

const nothing: Fields = {}

/** Parts that make the answer; thoughts and searches may differ from one leg to the other. */
function isSolid({ kind }: Opening): boolean {
  return kind !== 'reasoning' && kind !== 'other'
}

/** Some servers put blanks of their own before a tool call. */
function isBlank({ kind, isOpen, text }: SaidPart): boolean {
  return kind === 'text' && !isOpen && text.trim() === ''
}

/** The same call was put again: its answer must begin with what was said, part by part. */
export class AgainJoiner implements Joiner {
  misfit: string | null = null
  keepsTokens = true
  #out: PieceSink
  #expected: readonly SaidPart[]
  /** A thought that was cut in the middle, or null. */
  #openThought: SaidPart | null
  /** Kinds of thoughts and the like that were told, when no words have followed them. */
  #toldKinds: ReadonlySet<string>
  /** The expected part that is being told again. */
  #at = 0
  #heard = ''
  /** What is done with the part that is coming. */
  #mode: 'drop' | 'match' | 'think' | 'pass' | 'blank' = 'pass'
  #opening: Opening | null = null
  /** A thought that is like the one cut, so far. */
  #held: Piece[] = []

  constructor(partial: PartialAnswer, out: PieceSink) {
    this.#out = out
    this.#expected = partial.parts.filter((part) => isSolid(part) && !isBlank(part))
    const last = partial.parts.at(-1)
    this.#openThought = last?.kind === 'reasoning' && last.isOpen ? last : null
    this.#toldKinds = new Set(this.#expected.length === 0 ? partial.parts.map(({ kind }) => kind) : [])
  }

  take(piece: Piece): void {
    if (this.misfit !== null) return
    switch (piece.is) {
      case 'open':
        return this.#open(piece)
      case 'more':
        return this.#more(piece)
      case 'close':
        return this.#close(piece)
      case 'finish':
        if (this.#at < this.#expected.length) return this.#fail('it ended before the end of what was said')
        this.#out(piece)
        return
      case 'begin':
      case 'usage':
      case 'end':
        this.#out(piece)
    }
  }

  #fail(why: string): void {
    this.misfit = why
  }

  #open(piece: Piece & { is: 'open' }): void {
    this.#opening = piece
    this.#heard = ''
    const expected = this.#expected[this.#at]
    if (!isSolid(piece)) {
      this.#mode = this.#modeOfThought(piece)
      if (this.#mode === 'pass') this.#out(piece)
    } else if (!expected) {
      this.#leaveThought()
      this.#mode = 'pass'
      this.#out(piece)
    } else if (piece.kind === 'text' && expected.kind !== 'text') this.#mode = 'blank'
    else if (expected.kind !== piece.kind || expected.name !== piece.name) {
      this.#fail(`${expected.kind} ${expected.name} was said, ${piece.kind} ${piece.name} came`)
    } else {
      this.#mode = 'match'
      if (expected.isOpen && expected.text === '') this.#passOn()
    }
  }

  /** What was thought before words that have been said is not told twice. */
  #modeOfThought({ kind }: Opening): 'drop' | 'think' | 'pass' {
    if (kind === 'reasoning' && this.#openThought) return 'think'
    return this.#at < this.#expected.length || this.#toldKinds.has(kind) ? 'drop' : 'pass'
  }

  #more(piece: Piece & { is: 'more' }): void {
    if (this.#mode === 'pass') return this.#out(piece)
    if (this.#mode === 'drop') return
    this.#heard += piece.text
    if (this.#mode === 'think') this.#think(piece)
    else if (this.#mode === 'blank') {
      if (piece.text.trim() !== '') this.#fail('words came before what was said')
    } else if (!this.#isWholeCall) this.#match(piece)
  }

  #match(piece: Piece & { is: 'more' }): void {
    const expected = this.#expected[this.#at]
    if (!expected) return
    const { text, isOpen } = expected
    if (this.#heard.length <= text.length) {
      if (!text.startsWith(this.#heard)) return this.#fail('it went another way than what was said')
      // An open text that has come to where it was is gone on with.
      if (isOpen && this.#heard.length === text.length) this.#passOn()
      return
    }
    if (!isOpen && this.#heard.trimEnd() === text.trimEnd()) return
    if (!isOpen || !this.#heard.startsWith(text)) return this.#fail('it went another way than what was said')
    const rest = this.#heard.slice(text.length)
    this.#passOn()
    this.#out({ is: 'more', text: rest, raw: rest === piece.text ? piece.raw : nothing })
  }

  /** A call that was told whole is compared when it has come whole again: its JSON may be spelled otherwise. */
  get #isWholeCall(): boolean {
    const expected = this.#expected[this.#at]
    return expected?.kind === 'call' && (!expected.isOpen || isJson(expected.text))
  }

  #passOn(): void {
    this.#at++
    this.#mode = 'pass'
  }

  #close(piece: Piece & { is: 'close' }): void {
    const mode = this.#mode
    if (mode === 'pass') this.#out(piece)
    else if (mode === 'match') this.#closeMatched(piece)
    else if (mode === 'think') this.#closeThought(piece)
    // Some languages end a part by several events; what follows the first one changes nothing.
    if (mode !== 'pass') this.#mode = 'drop'
  }

  #closeMatched(piece: Piece & { is: 'close' }): void {
    const expected = this.#expected[this.#at]
    if (!expected) return
    const isSame = this.#isWholeCall
      ? sameJson(expected.text, this.#heard)
      : !expected.isOpen && expected.text.trimEnd() === this.#heard.trimEnd()
    if (!isSame) return this.#fail('it went another way than what was said')
    this.#at++
    if (expected.isOpen) this.#out(piece)
  }

  #think(piece: Piece & { is: 'more' }): void {
    const thought = this.#openThought
    if (!thought) return
    this.#held.push(piece)
    if (thought.text.startsWith(this.#heard)) return
    if (!this.#heard.startsWith(thought.text)) return this.#thinkAnew()
    const rest = this.#heard.slice(thought.text.length)
    this.#goOnThinking()
    this.#mode = 'pass'
    this.#out({ is: 'more', text: rest, raw: rest === piece.text ? piece.raw : nothing })
  }

  /** The thought has come again to where it was cut. What has no text (a signature, a step of its end) may be new. */
  #goOnThinking(): void {
    const told = new Set(this.#openThought?.raws.map(({ type }) => type))
    const fresh = this.#held.filter((held) => held.is === 'more' && held.text === '' && !told.has(held.raw['type']))
    this.#openThought = null
    this.#held = []
    for (const held of fresh) this.#out(held)
  }

  /** The thought that was cut is ended as it stands, and the new one told from its beginning. */
  #thinkAnew(): void {
    const held = this.#held
    const opening = this.#opening
    this.#leaveThought()
    this.#mode = 'pass'
    if (opening) this.#out({ is: 'open', ...opening })
    for (const piece of held) this.#out(piece)
  }

  #closeThought(piece: Piece & { is: 'close' }): void {
    if (this.#heard === this.#openThought?.text) {
      this.#goOnThinking()
      return this.#out(piece)
    }
    this.#thinkAnew()
    this.#out(piece)
  }

  #leaveThought(): void {
    this.#held = []
    if (this.#openThought) this.#out({ is: 'close', step: closeSteps.itemDone, raw: nothing })
    this.#openThought = null
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

function sameJson(a: string, b: string): boolean {
  return a === b || canonical(a) === canonical(b)
}

/** The same value in one spelling, whatever the blanks and the order of the fields. */
function canonical(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), (_, value: unknown) =>
      typeof value === 'object' && value !== null && !Array.isArray(value)
        ? Object.fromEntries(Object.entries(value).sort(([x], [y]) => (x < y ? -1 : 1)))
        : value,
    )
  } catch {
    return text
  }
}

/** The upstream was told what was said, and gives the rest of the text, and then maybe tool calls. */
export class RestJoiner implements Joiner {
  misfit: string | null = null
  #out: PieceSink
  #strip: TextStrip
  /** A model that was asked in words may think about it; one that goes on with a text may not. */
  #mayThink: boolean
  /** The open text of what was said, until something else comes. */
  #isTextOpen: boolean
  #kind: Opening['kind'] | null = null
  #isOpened = false
  /** Pieces whose text the strip has not decided on. */
  #held: (Piece & { is: 'more' })[] = []

  constructor(partial: PartialAnswer, strip: TextStrip, mayThink: boolean, out: PieceSink) {
    this.#out = out
    this.#strip = strip
    this.#mayThink = mayThink
    const last = partial.parts.at(-1)
    this.#isTextOpen = last?.kind === 'text' && last.isOpen
  }

  get keepsTokens(): boolean {
    return !this.#strip.hasChanged
  }

  take(piece: Piece): void {
    if (this.misfit !== null) return
    switch (piece.is) {
      case 'open':
        return this.#open(piece)
      case 'more':
        return this.#more(piece)
      case 'close':
        return this.#close(piece)
      case 'finish':
        this.#endStrip()
        if (this.misfit === null) this.#out(piece)
        return
      case 'begin':
      case 'usage':
      case 'end':
        this.#out(piece)
    }
  }

  #open(piece: Piece & { is: 'open' }): void {
    this.#kind = piece.kind
    this.#isOpened = false
    if (piece.kind === 'reasoning') {
      if (!this.#mayThink) this.misfit = 'it began to think anew'
      return
    }
    if (piece.kind === 'text' && (this.#isTextOpen || !this.#strip.isDone)) return
    this.#endStrip()
    if (this.misfit !== null) return
    this.#isTextOpen = false
    this.#isOpened = true
    this.#out(piece)
  }

  #more(piece: Piece & { is: 'more' }): void {
    if (this.#kind === 'reasoning') return
    if (this.#kind !== 'text') return this.#out(piece)
    this.#held.push(piece)
    const text = this.#strip.push(piece.text)
    if (this.#strip.isDone) this.#tellEnd(text)
  }

  /** The last `text` of what is held, piece by piece as it came. */
  #tellEnd(text: string): void {
    let skip = this.#held.reduce((sum, held) => sum + held.text.length, 0) - text.length
    for (const held of this.#held) {
      const rest = held.text.slice(skip)
      if (skip <= 0) this.#tellText(held)
      else if (rest !== '') this.#tellText({ is: 'more', text: rest, raw: nothing })
      skip = Math.max(0, skip - held.text.length)
    }
    this.#held = []
  }

  /** Goes on with the open text, or opens one where that has been closed already. */
  #tellText(piece: Piece & { is: 'more' }): void {
    if (this.misfit !== null) return
    // The half of a character: the engine's decoder did not know what went before.
    if (piece.text.startsWith('\ufffd') && !this.#isOpened) {
      this.misfit = 'it began in the middle of a character'
      return
    }
    if (!this.#isTextOpen && !this.#isOpened)
      this.#out({ is: 'open', kind: 'text', callId: '', name: '', raw: nothing })
    this.#isOpened = true
    this.#out(piece)
  }

  #close(piece: Piece & { is: 'close' }): void {
    if (this.#kind === 'reasoning') return
    if (this.#kind === 'text') {
      this.#endStrip()
      if (this.misfit !== null || (!this.#isTextOpen && !this.#isOpened)) return
    }
    if (piece.step === closeSteps.itemDone) {
      this.#isTextOpen = false
      this.#isOpened = false
    }
    this.#out(piece)
  }

  #endStrip(): void {
    const rest = this.#strip.end()
    if (rest === null) this.misfit = 'it has nothing in common with what was said'
    else this.#tellEnd(rest)
  }
}
