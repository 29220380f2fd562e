/** Reads the events of chat and completions into pieces. */
import { chatUsage } from '../answer/usage.ts'
import { isErrorValue } from '../error-words.ts'
import { isFields, type Fields } from '../field.ts'
import { eventData } from '../sse-splitter.ts'
import { closeSteps, fieldsOf, readData, textOf, type PartKind, type PieceReader, type PieceSink } from './piece.ts'

const doneData = Buffer.from('[DONE]')

export class ChatPieces implements PieceReader {
  /** Indexes of choices that are read; events of others are only counted here. */
  readonly seenChoices = new Set<number>()
  #choice: number
  #sink: PieceSink
  #hasBegun = false
  #open: PartKind | null = null
  #callIndex = -1
  #callId = ''
  #callCount = 0

  /** @param choice which one of several answers to read. */
  constructor(sink: PieceSink, choice = 0) {
    this.#sink = sink
    this.#choice = choice
  }

  read(event: Buffer): void {
    const data = eventData(event)
    if (data.equals(doneData)) return this.#sink({ is: 'end' })
    const chunk = readData(event)
    if (!chunk || isErrorValue(chunk) || !Array.isArray(chunk['choices'])) return
    if (!this.#hasBegun) {
      this.#hasBegun = true
      const { choices: _, usage: __, ...envelope } = chunk
      this.#sink({ is: 'begin', envelope })
    }
    for (const choice of chunk['choices']) if (isFields(choice)) this.#readChoice(choice)
    const usage = chatUsage(chunk['usage'])
    if (usage) this.#sink({ is: 'usage', raw: fieldsOf(chunk['usage']), usage })
  }

  #readChoice(choice: Fields): void {
    const index = typeof choice['index'] === 'number' ? choice['index'] : 0
    this.seenChoices.add(index)
    if (index !== this.#choice) return
    const delta = isFields(choice['delta']) ? choice['delta'] : choice
    this.#add('reasoning', delta['reasoning_content'] ?? delta['reasoning'], choice)
    this.#add('text', delta['content'] ?? choice['text'], choice)
    this.#add('refusal', delta['refusal'], choice)
    if (Array.isArray(delta['tool_calls'])) {
      for (const call of delta['tool_calls']) if (isFields(call)) this.#readCall(call, choice)
    }
    const reason = choice['finish_reason']
    if (typeof reason !== 'string') return
    this.#close()
    this.#sink({ is: 'finish', reason, stopText: textOf(choice['stop_reason']) || null, raw: choice })
  }

  #add(kind: PartKind, text: unknown, choice: Fields): void {
    if (typeof text !== 'string' || text === '') return
    // Blanks that some servers send between the pieces of a tool call are no text of their own.
    if (this.#open === 'call' && text.trim() === '') return
    if (this.#open !== kind) {
      this.#close()
      this.#open = kind
      this.#sink({ is: 'open', kind, callId: '', name: '', raw: {} })
    }
    this.#sink({ is: 'more', text, raw: choice })
  }

  #readCall(call: Fields, choice: Fields): void {
    const spec = fieldsOf(call['function'])
    const index = typeof call['index'] === 'number' ? call['index'] : 0
    const id = textOf(call['id'])
    const isOpen = this.#open === 'call' && this.#callIndex === index
    if (!isOpen || (id !== '' && id !== this.#callId)) {
      this.#close()
      this.#open = 'call'
      this.#callIndex = index
      this.#callId = id || `call_${this.#callCount}`
      this.#callCount++
      this.#sink({ is: 'open', kind: 'call', callId: this.#callId, name: textOf(spec['name']), raw: call })
    }
    const text = textOf(spec['arguments'])
    if (text !== '') this.#sink({ is: 'more', text, raw: choice })
  }

  #close(): void {
    if (this.#open) this.#sink({ is: 'close', step: closeSteps.itemDone, raw: {} })
    this.#open = null
  }
}
