/** Reads a chat stream and tells it as the events of a message. */
import { toEvent } from '../answer/answer-reader.ts'
import { ChatPieceReader, type AnswerHead, type Part, type PartKind } from '../answer/chat-piece-reader.ts'
import type { Fields } from '../field.ts'
import { toMessageUsage, toStop } from './message.ts'

const deltas: Readonly<Record<PartKind, (text: string) => Fields>> = {
  text: (text) => ({ type: 'text_delta', text }),
  refusal: (text) => ({ type: 'text_delta', text }),
  reasoning: (thinking) => ({ type: 'thinking_delta', thinking }),
  call: (json) => ({ type: 'input_json_delta', partial_json: json }),
}

export class MessageEventReader extends ChatPieceReader {
  #modelDefault: string

  constructor(emit: (event: Buffer) => void, modelDefault: string) {
    super(emit)
    this.#modelDefault = modelDefault
  }

  /** The upstream counts at its end, so the counts here are zero and the true ones come with `message_delta`. */
  protected onBegin(head: AnswerHead): void {
    const stop = { stop_reason: null, stop_sequence: null }
    const message = {
      id: head.id,
      type: 'message',
      role: 'assistant',
      model: head.model || this.#modelDefault,
      content: [],
      ...stop,
    }
    this.#tell('message_start', { message: { ...message, usage: toMessageUsage(null) } })
  }

  protected onOpen(part: Part): void {
    this.#tell('content_block_start', { index: part.index, content_block: emptyBlock(part) })
  }

  protected onPiece(part: Part, text: string): void {
    this.#tell('content_block_delta', { index: part.index, delta: deltas[part.kind](text) })
  }

  protected onClose(part: Part): void {
    this.#tell('content_block_stop', { index: part.index })
  }

  protected onFinish(): void {
    const delta = toStop(this.finishReason ?? '', this.stopText, this.callCount > 0)
    this.#tell('message_delta', { delta, usage: toMessageUsage(this.usage) })
    this.#tell('message_stop', {})
  }

  #tell(type: string, fields: Fields): void {
    this.emit(toEvent(type, { type, ...fields }))
  }
}

function emptyBlock(part: Part): Fields {
  if (part.kind === 'call') return { type: 'tool_use', id: part.callId, name: part.name, input: {} }
  return part.kind === 'reasoning' ? { type: 'thinking', thinking: '', signature: '' } : { type: 'text', text: '' }
}
