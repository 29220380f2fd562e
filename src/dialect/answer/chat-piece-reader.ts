/**
 * Reads a chat stream for a caller who speaks another language: takes chunks apart into parts (a text, a thought, a
 * tool call) that open, grow and close one after the other, which is how the other languages tell an answer. They say
 * only how each is told.
 */
import { Fault } from '../../fault/fault.ts'
import { isErrorValue } from '../error-words.ts'
import { isFields, type Fields } from '../field.ts'
import { eventData } from '../sse-splitter.ts'
import { readEmbeddedError } from '../upstream-error.ts'
import { AnswerReader } from './answer-reader.ts'
import { finishFault } from './finish-fault.ts'
import { chatUsage } from './usage.ts'

export type PartKind = 'text' | 'reasoning' | 'refusal' | 'call'

export interface Part {
  readonly kind: PartKind
  /** Counts the parts of the answer from 0. */
  readonly index: number
  /** Of a tool call; empty for other kinds. */
  readonly callId: string
  readonly name: string
}

/** What the first chunk says of the whole answer. */
export interface AnswerHead {
  readonly id: string
  readonly model: string
  /** Seconds since 1970, null where the upstream does not date its answers. */
  readonly createdS: number | null
}

const doneData = Buffer.from('[DONE]')

export abstract class ChatPieceReader extends AnswerReader {
  /** The text that stopped the model, where the upstream tells it (vLLM: `stop_reason`). */
  protected stopText: string | null = null
  protected callCount = 0
  #head: AnswerHead | null = null
  #open: Part | null = null
  #openCallIndex = -1
  #partCount = 0

  protected abstract onBegin(head: AnswerHead): void
  protected abstract onOpen(part: Part): void
  protected abstract onPiece(part: Part, text: string): void
  /** `finishReason` is set already when it is the finish that closes the part. */
  protected abstract onClose(part: Part): void
  /** The answer is whole and its usage, if any came, is known. */
  protected abstract onFinish(): void

  read(event: Buffer): void {
    if (this.isEnded || this.failure) return
    const data = eventData(event)
    if (data.length === 0) return
    if (data.equals(doneData)) {
      this.isEnded = true
      return
    }
    const chunk = this.parse(data)
    if (chunk) this.#readChunk(chunk)
  }

  end(): void {
    if (this.isComplete) this.onFinish()
  }

  #readChunk(chunk: Fields): void {
    if (isErrorValue(chunk)) {
      this.failure = readEmbeddedError(chunk, 'openai')
      return
    }
    const { choices } = chunk
    if (!Array.isArray(choices)) {
      this.malformedCount++
      return
    }
    this.usage = chatUsage(chunk['usage']) ?? this.usage
    // One answer was asked for; others are not ours.
    const choice: unknown = choices.find((one) => isFields(one) && (one['index'] ?? 0) === 0)
    if (!isFields(choice) || this.isComplete) return
    this.#begin(chunk)
    if (isFields(choice['delta'])) this.#readDelta(choice['delta'])
    const reason = choice['finish_reason']
    if (typeof reason === 'string' && !this.failure) this.#readFinish(reason, choice['stop_reason'])
  }

  #begin(chunk: Fields): void {
    if (this.#head) return
    const { id, model, created } = chunk
    this.#head = {
      id: typeof id === 'string' ? id : '',
      model: typeof model === 'string' ? model : '',
      createdS: typeof created === 'number' ? created : null,
    }
    this.onBegin(this.#head)
  }

  #readDelta(delta: Fields): void {
    this.#add('reasoning', delta['reasoning_content'] ?? delta['reasoning'])
    this.#add('text', delta['content'])
    this.#add('refusal', delta['refusal'])
    const { tool_calls: calls } = delta
    if (!Array.isArray(calls)) return
    for (const call of calls) if (isFields(call) && !this.failure) this.#readCall(call)
  }

  #add(kind: PartKind, text: unknown): void {
    if (typeof text !== 'string' || text === '') return
    // Blanks that some servers send between the pieces of a tool call are no text of their own.
    if (this.#open?.kind === 'call' && text.trim() === '') return
    const part = this.#open?.kind === kind ? this.#open : this.#openPart(kind, '', '')
    this.noteContent()
    this.onPiece(part, text)
  }

  #readCall(call: Fields): void {
    const spec = isFields(call['function']) ? call['function'] : {}
    const index = typeof call['index'] === 'number' ? call['index'] : 0
    const { id } = call
    const { name, arguments: piece } = spec
    const isOpen = this.#open?.kind === 'call' && this.#openCallIndex === index
    // Some servers give every call the index 0, some repeat id and name with every piece: a new id tells a new call.
    const isSame = isOpen && (typeof id !== 'string' || id === '' || id === this.#open?.callId)
    if (!isSame && typeof name === 'string' && name !== '') {
      this.#openPart(
        'call',
        typeof id === 'string' && id !== '' ? id : `call_${this.#head?.id ?? ''}_${this.callCount}`,
        name,
      )
      this.#openCallIndex = index
      this.callCount++
      this.noteContent()
    } else if (!isOpen) {
      // Put together wrongly, a tool call does harm; so rather none.
      this.failure = new Fault('HF_UPSTREAM_GARBLED', {
        detail: `a piece of tool call ${index} came out of order or without a name`,
      })
      return
    }
    if (this.#open && typeof piece === 'string' && piece !== '') {
      this.noteContent()
      this.onPiece(this.#open, piece)
    }
  }

  #openPart(kind: PartKind, callId: string, name: string): Part {
    this.#close()
    const part = { kind, index: this.#partCount++, callId, name }
    this.#open = part
    this.onOpen(part)
    return part
  }

  #close(): void {
    if (this.#open) this.onClose(this.#open)
    this.#open = null
  }

  #readFinish(reason: string, stopText: unknown): void {
    this.failure = finishFault(reason)
    if (this.failure) return
    if (typeof stopText === 'string') this.stopText = stopText
    this.noteFinish(reason)
    this.#close()
  }
}
