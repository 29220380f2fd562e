/**
 * What has been said of an answer so far, told from its events: all that is needed to go on with it elsewhere. Read
 * when something broke, never on a call's way.
 */
import type { Route } from '../call.ts'
import type { Fields } from '../field.ts'
import { readAside, type SeamNote, type TokenIds } from './aside.ts'
import { ChatPieces } from './chat-pieces.ts'
import { MessagePieces } from './message-pieces.ts'
import { fieldsOf, readData, type Finish, type Opening, type Piece, type PieceReader, type PieceSink } from './piece.ts'
import { ResponsePieces } from './response-pieces.ts'

export interface SaidPart extends Opening {
  readonly text: string
  readonly isOpen: boolean
  /** How much of its end has been told, for languages that end a part by several events; 0 while it is open. */
  readonly closeStep: number
  /** The item as its end told it, in responses. */
  readonly closing: Fields
  /** The choice, delta or event of each piece, in order. */
  readonly raws: readonly Fields[]
}

export interface PartialAnswer {
  readonly route: Route
  /** At least one event was delivered, and with it id, model and role. */
  readonly hasBegun: boolean
  /** The first chunk without its choices, the message of `message_start`, or the response of `response.created`. */
  readonly envelope: Fields
  readonly parts: readonly SaidPart[]
  readonly finish: Finish | null
  /** The end mark was delivered too: there is nothing to go on with. */
  readonly isEnded: boolean
  /** Token counts as the events told them, in the words of the language. */
  readonly usage: Fields | null
  /** The prompt and all tokens of the answer; null unless the upstream told the ids of every one. */
  readonly tokens: TokenIds | null
  /** Tokens of the caller's prompt, where the first upstream told their ids. */
  readonly promptTokens: number | null
  /** Tokens said: counted ids, else content events, which are never more than tokens. */
  readonly tokenCount: number
  /** The `sequence_number` that the next event has, in responses. */
  readonly sequence: number
  /** In responses, a message item that was added and of which no part has come. */
  readonly loneItem: Fields | null
  /** Several answers were asked for at once. */
  readonly choiceCount: number
  /** What was noted at the last seam. */
  readonly seam: SeamNote | null
}

export interface KeptEvent {
  readonly event: Buffer
  readonly aside: Buffer | null
}

/** Events of other routes say nothing that could be gone on with. */
export function openPieces(route: Route, sink: PieceSink, choice = 0): PieceReader {
  if (route === 'messages') return new MessagePieces(sink)
  if (route === 'responses') return new ResponsePieces(sink)
  return new ChatPieces(sink, choice)
}

/** @param events as they were delivered, the first one first. */
export function readPartial(route: Route, events: readonly KeptEvent[], choice = 0): PartialAnswer {
  const said = new Said(route, choice)
  for (const { event, aside } of events) said.add(event, aside)
  return said.partial
}

interface GrowingPart extends Opening {
  texts: string[]
  raws: Fields[]
  isOpen: boolean
  closeStep: number
  closing: Fields
}

class Said {
  #route: Route
  #reader: PieceReader
  #hasBegun = false
  #envelope: Fields = {}
  #parts: GrowingPart[] = []
  #finish: Finish | null = null
  #isEnded = false
  #usage: Fields | null = null
  #moreCount = 0
  #sequence = 0
  /** The prompt of the first leg, and that of the last, in which what was said before it may stand. */
  #firstPrompt: readonly number[] | null = null
  #promptIds: readonly number[] | null = null
  /** Tokens of the answer within the last prompt. */
  #saidInPrompt = 0
  #model = ''
  #ids: number[] = []
  #seam: SeamNote | null = null

  constructor(route: Route, choice: number) {
    this.#route = route
    this.#reader = openPieces(route, (piece) => this.#take(piece), choice)
  }

  add(event: Buffer, aside: Buffer | null): void {
    this.#hasBegun = true
    const before = this.#moreCount
    this.#reader.read(event)
    if (this.#route === 'responses') {
      const number = readData(event)?.['sequence_number']
      if (typeof number === 'number') this.#sequence = number + 1
    }
    const { tokens, prompt, model, seam } = readAside(aside)
    if (seam) this.#seam = seam
    if (prompt) this.#readPrompt(prompt, model ?? '', before === 0)
    if (tokens) for (const id of tokens) this.#ids.push(id)
    // One token whose id is not known, and the others are of no use.
    else if (this.#moreCount > before) this.#promptIds = null
  }

  #readPrompt(prompt: readonly number[], model: string, isFirst: boolean): void {
    if (isFirst) this.#firstPrompt = prompt
    const first = this.#firstPrompt
    const isExtended = first !== null && first.every((id, at) => prompt[at] === id)
    this.#saidInPrompt = isExtended ? prompt.length - first.length : 0
    this.#promptIds = prompt
    this.#model = model
    this.#ids = []
  }

  #take(piece: Piece): void {
    const last = this.#parts.at(-1)
    switch (piece.is) {
      case 'begin':
        this.#envelope = piece.envelope
        break
      case 'open': {
        const { kind, callId, name, raw } = piece
        this.#parts.push({ kind, callId, name, raw, texts: [], raws: [], isOpen: true, closeStep: 0, closing: {} })
        break
      }
      case 'more':
        if (piece.text !== '') this.#moreCount++
        last?.texts.push(piece.text)
        last?.raws.push(piece.raw)
        break
      case 'close':
        if (last) Object.assign(last, { isOpen: false, closeStep: piece.step, closing: piece.raw })
        break
      case 'finish':
        this.#finish = { reason: piece.reason, stopText: piece.stopText, raw: piece.raw }
        break
      case 'usage':
        this.#usage = { ...this.#usage, ...piece.raw }
        break
      case 'end':
        this.#isEnded = true
        break
    }
  }

  get partial(): PartialAnswer {
    const reader = this.#reader
    const tokens = this.#promptIds && { model: this.#model, prompt: this.#promptIds, answer: this.#ids }
    return {
      route: this.#route,
      hasBegun: this.#hasBegun,
      envelope: this.#envelope,
      parts: this.#parts.map(({ texts, ...part }) => ({ ...part, text: texts.join('') })),
      finish: this.#finish,
      isEnded: this.#isEnded,
      usage: this.#usage,
      tokens,
      promptTokens: this.#firstPrompt?.length ?? null,
      tokenCount: Math.max(tokens ? this.#saidInPrompt + this.#ids.length : 0, this.#moreCount),
      sequence: this.#sequence,
      loneItem: reader instanceof ResponsePieces ? reader.loneItem : null,
      choiceCount: reader instanceof ChatPieces ? Math.max(1, ...[...reader.seenChoices].map((index) => index + 1)) : 1,
      seam: this.#seam,
    }
  }
}

/** The id that the upstream gave the answer (chatcmpl-…, msg_…, resp_…); null for an event that has none. */
export function idOf(route: Route, event: Buffer): string | null {
  const value = readData(event)
  if (!value) return null
  const holder = route === 'responses' ? value['response'] : route === 'messages' ? value['message'] : value
  const { id } = fieldsOf(holder)
  return typeof id === 'string' && id !== '' ? id : null
}
