/**
 * What the events of an answer say, whatever the language: an answer begins, parts of it (a text, a thought, a tool
 * call) open, grow and close one after the other, and it finishes. The seam works on these; the readers and writers of
 * the languages stand on both sides of it.
 */
import type { Usage } from '../call.ts'
import { isFields, type Fields } from '../field.ts'
import { eventData } from '../sse-splitter.ts'

/** `other` is what only the one language knows, such as a search that the provider runs. */
export type PartKind = 'text' | 'reasoning' | 'refusal' | 'call' | 'other'

export interface Opening {
  readonly kind: PartKind
  /** Of a tool call: what its result is to name. */
  readonly callId: string
  /** Of a tool call: the tool. */
  readonly name: string
  /** The block, item or tool call as the event has it. */
  readonly raw: Fields
}

export interface Finish {
  /** In the words of the caller's language: a finish reason, a stop reason, or why a response is incomplete. */
  readonly reason: string
  /** The stop string that ended the answer, where it is told. */
  readonly stopText: string | null
  /** The choice, the `delta` or the response that says so. */
  readonly raw: Fields
}

export type Piece =
  | { readonly is: 'begin'; readonly envelope: Fields }
  | ({ readonly is: 'open' } & Opening)
  /** Of the open part. `raw` is the choice, delta or event that brought it; it is told again with it. */
  | { readonly is: 'more'; readonly text: string; readonly raw: Fields }
  /** `step` counts what has been told of the end of a part, up to `closeSteps.itemDone`, which is all of it. */
  | { readonly is: 'close'; readonly step: number; readonly raw: Fields }
  | ({ readonly is: 'finish' } & Finish)
  | { readonly is: 'usage'; readonly raw: Fields; readonly usage: Usage }
  /** The end mark of the language: nothing follows. */
  | { readonly is: 'end' }

/** The events that end a part in responses, in their order; other languages have one, which is all. */
export const closeSteps = { textDone: 1, partDone: 2, itemDone: 3 } as const

export type PieceSink = (piece: Piece) => void

export interface PieceReader {
  /** One event of the caller's language; with or without its blank line. What makes no sense is left out. */
  read(event: Buffer): void
}

/** An event's data as a JSON object; null when it is none. */
export function readData(event: Buffer): Fields | null {
  try {
    const value: unknown = JSON.parse(eventData(event).toString())
    return isFields(value) ? value : null
  } catch {
    return null
  }
}

export function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

export function fieldsOf(value: unknown): Fields {
  return isFields(value) ? value : {}
}
