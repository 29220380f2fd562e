/** Reads the events of messages into pieces. */
import { messagesUsage } from '../answer/usage.ts'
import type { Fields } from '../field.ts'
import { closeSteps, fieldsOf, readData, textOf, type PartKind, type PieceReader, type PieceSink } from './piece.ts'

const kinds: Readonly<Record<string, PartKind>> = { text: 'text', thinking: 'reasoning', tool_use: 'call' }

export class MessagePieces implements PieceReader {
  #sink: PieceSink
  /** The input of an open tool call that came whole with its start and not in pieces. */
  #input: unknown = null

  constructor(sink: PieceSink) {
    this.#sink = sink
  }

  read(event: Buffer): void {
    const value = readData(event)
    if (!value) return
    switch (value['type']) {
      case 'message_start': {
        const { content: _, ...envelope } = fieldsOf(value['message'])
        this.#sink({ is: 'begin', envelope })
        return this.#readUsage(envelope['usage'])
      }
      case 'content_block_start':
        return this.#readStart(fieldsOf(value['content_block']))
      case 'content_block_delta':
        return this.#readDelta(fieldsOf(value['delta']))
      case 'content_block_stop':
        return this.#readStop()
      case 'message_delta':
        this.#readFinish(fieldsOf(value['delta']))
        return this.#readUsage(value['usage'])
      case 'message_stop':
        this.#sink({ is: 'end' })
    }
  }

  #readStart(block: Fields): void {
    const kind = kinds[textOf(block['type'])] ?? 'other'
    this.#input = kind === 'call' ? block['input'] : null
    this.#sink({ is: 'open', kind, callId: textOf(block['id']), name: textOf(block['name']), raw: block })
    const text = textOf(block['text'])
    const thinking = textOf(block['thinking'])
    if (text) this.#sink({ is: 'more', text, raw: { type: 'text_delta', text } })
    if (thinking) this.#sink({ is: 'more', text: thinking, raw: { type: 'thinking_delta', thinking } })
  }

  #readDelta(delta: Fields): void {
    const text = textOf(delta['text']) || textOf(delta['thinking']) || textOf(delta['partial_json'])
    if (typeof delta['partial_json'] === 'string') this.#input = null
    this.#sink({ is: 'more', text, raw: delta })
  }

  #readStop(): void {
    if (this.#input !== null && this.#input !== undefined) {
      const json = JSON.stringify(this.#input)
      this.#sink({ is: 'more', text: json, raw: { type: 'input_json_delta', partial_json: json } })
    }
    this.#input = null
    this.#sink({ is: 'close', step: closeSteps.itemDone, raw: {} })
  }

  #readFinish(delta: Fields): void {
    const reason = delta['stop_reason']
    if (typeof reason === 'string')
      this.#sink({ is: 'finish', reason, stopText: textOf(delta['stop_sequence']) || null, raw: delta })
  }

  #readUsage(raw: unknown): void {
    const usage = messagesUsage(raw)
    if (usage) this.#sink({ is: 'usage', raw: fieldsOf(raw), usage })
  }
}
