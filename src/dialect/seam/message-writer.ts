/** Goes on with an answer as events of messages. */
import { toEvent } from '../answer/answer-reader.ts'
import type { Usage } from '../call.ts'
import type { Fields } from '../field.ts'
import { toMessageUsage } from '../messages-to-chat/message.ts'
import type { PartialAnswer } from './partial-answer.ts'
import type { Finish, Opening, PartKind, Piece } from './piece.ts'

const deltas: Readonly<Record<PartKind, (text: string) => Fields>> = {
  text: (text) => ({ type: 'text_delta', text }),
  refusal: (text) => ({ type: 'text_delta', text }),
  reasoning: (thinking) => ({ type: 'thinking_delta', thinking }),
  call: (json) => ({ type: 'input_json_delta', partial_json: json }),
  other: (json) => ({ type: 'input_json_delta', partial_json: json }),
}

export class MessageWriter {
  #emit: (event: Buffer) => void
  #mark: Fields | null
  #hasBegun: boolean
  #kind: PartKind | null
  #count: number
  #callIds: Set<string>
  #finish: Finish | null = null

  constructor(partial: PartialAnswer, { mark }: { mark: Fields | null }, emit: (event: Buffer) => void) {
    this.#emit = emit
    this.#mark = mark
    this.#hasBegun = partial.hasBegun
    const last = partial.parts.at(-1)
    this.#kind = last?.isOpen ? last.kind : null
    this.#count = partial.parts.length
    this.#callIds = new Set(partial.parts.map(({ callId }) => callId))
  }

  write(piece: Piece): void {
    switch (piece.is) {
      case 'begin':
        if (!this.#hasBegun) this.#tell('message_start', { message: { ...piece.envelope, content: [] } })
        this.#hasBegun = true
        return
      case 'open':
        return this.#open(piece)
      case 'more':
        return this.#more(piece.text, piece.raw)
      case 'close':
        return this.#close()
      case 'finish':
        this.#close()
        this.#finish = piece
        return
      case 'usage':
      case 'end':
        return
    }
  }

  end(usage: Usage | null): void {
    if (this.#finish) {
      const delta = { stop_reason: this.#finish.reason, stop_sequence: this.#finish.stopText }
      this.#tell('message_delta', {
        delta,
        usage: toMessageUsage(usage),
        ...(this.#mark && { holdfast: this.#mark }),
      })
    }
    this.#tell('message_stop', {})
  }

  #open(opening: Opening): void {
    this.#close()
    this.#kind = opening.kind
    this.#tell('content_block_start', { index: this.#count++, content_block: this.#emptyBlock(opening) })
  }

  #emptyBlock({ kind, callId, name, raw }: Opening): Fields {
    if (kind === 'text' || kind === 'refusal') return { type: 'text', text: '' }
    if (kind === 'reasoning') return { type: 'thinking', thinking: '', signature: '' }
    if (kind === 'other') return raw
    let id = callId
    while (this.#callIds.has(id)) id = `${callId}_${this.#count}`
    this.#callIds.add(id)
    return { ...raw, type: 'tool_use', id, name, input: {} }
  }

  #more(text: string, raw: Fields): void {
    const kind = this.#kind
    if (!kind) return
    const isWhole = typeof raw['type'] === 'string'
    if (!isWhole && text === '') return
    this.#tell('content_block_delta', { index: this.#count - 1, delta: isWhole ? raw : deltas[kind](text) })
  }

  #close(): void {
    if (this.#kind) this.#tell('content_block_stop', { index: this.#count - 1 })
    this.#kind = null
  }

  #tell(type: string, fields: Fields): void {
    this.#emit(toEvent(type, { type, ...fields }))
  }
}
