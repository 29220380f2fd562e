/**
 * Reads the events of responses into pieces. A message item is one part for each of its content parts; any other item
 * is one part, and its events are kept as they are.
 */
import { responsesUsage } from '../answer/usage.ts'
import { finishOf } from '../answer/whole-answer.ts'
import type { Fields } from '../field.ts'
import { closeSteps, fieldsOf, readData, textOf, type PartKind, type PieceReader, type PieceSink } from './piece.ts'

const itemKinds: Readonly<Record<string, PartKind>> = {
  reasoning: 'reasoning',
  function_call: 'call',
  custom_tool_call: 'call',
}
const textDeltas: ReadonlySet<string> = new Set(['response.output_text.delta', 'response.refusal.delta'])
const textDones: ReadonlySet<string> = new Set(['response.output_text.done', 'response.refusal.done'])

export class ResponsePieces implements PieceReader {
  /** A message item that was added, and of which no part has come. */
  loneItem: Fields | null = null
  #sink: PieceSink
  #isMessage = false

  constructor(sink: PieceSink) {
    this.#sink = sink
  }

  read(event: Buffer): void {
    const value = readData(event)
    const type = textOf(value?.['type'])
    if (!value || !type.startsWith('response.')) return
    if (type === 'response.created') return this.#sink({ is: 'begin', envelope: fieldsOf(value['response']) })
    if (type === 'response.completed' || type === 'response.incomplete') return this.#readEnd(value)
    if (value['output_index'] === undefined) return
    if (type === 'response.output_item.added') return this.#readItem(fieldsOf(value['item']))
    if (this.#isMessage) this.#readOfMessage(type, value)
    else this.#readOfItem(type, value)
  }

  #readItem(item: Fields): void {
    this.#isMessage = item['type'] === 'message'
    this.loneItem = this.#isMessage ? item : null
    if (this.#isMessage) return
    const kind = itemKinds[textOf(item['type'])] ?? 'other'
    this.#sink({ is: 'open', kind, callId: textOf(item['call_id']), name: textOf(item['name']), raw: item })
  }

  #readOfMessage(type: string, value: Fields): void {
    if (type === 'response.content_part.added') {
      const kind = fieldsOf(value['part'])['type'] === 'refusal' ? 'refusal' : 'text'
      this.#sink({ is: 'open', kind, callId: '', name: '', raw: this.loneItem ?? { id: value['item_id'] } })
      this.loneItem = null
    } else if (textDeltas.has(type)) this.#sink({ is: 'more', text: textOf(value['delta']), raw: value })
    else if (textDones.has(type)) this.#close(closeSteps.textDone)
    else if (type === 'response.content_part.done') this.#close(closeSteps.partDone)
    else if (type === 'response.output_item.done') {
      this.loneItem = null
      this.#close(closeSteps.itemDone, fieldsOf(value['item']))
    } else this.#sink({ is: 'more', text: '', raw: value })
  }

  #readOfItem(type: string, value: Fields): void {
    if (type === 'response.output_item.done') this.#close(closeSteps.itemDone, fieldsOf(value['item']))
    else this.#sink({ is: 'more', text: type.endsWith('.delta') ? textOf(value['delta']) : '', raw: value })
  }

  #readEnd({ response: raw }: Fields): void {
    const response = fieldsOf(raw)
    const usage = responsesUsage(response['usage'])
    if (usage) this.#sink({ is: 'usage', raw: fieldsOf(response['usage']), usage })
    this.#sink({ is: 'finish', reason: finishOf(response), stopText: null, raw: response })
    this.#sink({ is: 'end' })
  }

  #close(step: number, raw: Fields = {}): void {
    this.#sink({ is: 'close', step, raw })
  }
}
