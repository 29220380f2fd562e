/** Reads a messages stream and tells it as chat completion chunks. */
import { AnswerReader, doneEvent, toEvent } from '../answer/answer-reader.ts'
import { mergeUsage, messagesUsage } from '../answer/usage.ts'
import { isFields, type Fields } from '../field.ts'
import { eventData } from '../sse-splitter.ts'
import { readEmbeddedError } from '../upstream-error.ts'
import { toChatUsage, toFinishReason, type ChatEnvelope } from './chat-completion.ts'

/** The tool call whose arguments are under way. */
interface OpenCall {
  readonly index: number
  /** Whole arguments that some servers give at the start instead of in pieces. */
  readonly input: unknown
  hasPieces: boolean
}

export class ChatChunkReader extends AnswerReader {
  #envelope: ChatEnvelope
  #id: unknown = ''
  #model: unknown
  #callCount = 0
  #openCall: OpenCall | null = null

  constructor(emit: (event: Buffer) => void, envelope: ChatEnvelope) {
    super(emit)
    this.#envelope = envelope
    this.#model = envelope.model
  }

  read(event: Buffer): void {
    if (this.isEnded || this.failure) return
    const data = eventData(event)
    if (data.length === 0) return
    const value = this.parse(data)
    if (value) this.#readValue(value)
  }

  end(): void {
    if (!this.isComplete) return
    if (this.#envelope.wantsUsage)
      this.emit(toEvent(null, { ...this.#frame(), choices: [], usage: toChatUsage(this.usage) }))
    this.emit(doneEvent)
  }

  #readValue(value: Fields): void {
    switch (value['type']) {
      case 'message_start':
        return this.#readStart(isFields(value['message']) ? value['message'] : {})
      case 'content_block_start':
        return this.#readBlockStart(isFields(value['content_block']) ? value['content_block'] : {})
      case 'content_block_delta':
        return this.#readDelta(isFields(value['delta']) ? value['delta'] : {})
      case 'content_block_stop':
        return this.#closeCall()
      case 'message_delta':
        return this.#readFinish(value)
      case 'message_stop':
        this.isEnded = true
        return
      case 'error':
        this.failure = readEmbeddedError(value, 'anthropic')
        return
      case 'ping':
        return
      default:
        this.malformedCount++
    }
  }

  #readStart(message: Fields): void {
    this.#id = message['id'] ?? this.#id
    this.#model = message['model'] ?? this.#model
    this.usage = messagesUsage(message['usage'])
    this.#emitDelta({ role: 'assistant', content: '' })
  }

  #readBlockStart(block: Fields): void {
    if (block['type'] === 'tool_use') {
      this.noteContent()
      this.#openCall = { index: this.#callCount++, input: block['input'], hasPieces: false }
      const call = { id: block['id'], type: 'function', function: { name: block['name'], arguments: '' } }
      this.#emitDelta({ tool_calls: [{ index: this.#openCall.index, ...call }] })
    } else this.#readDelta({ text: block['text'], thinking: block['thinking'] })
  }

  #readDelta(delta: Fields): void {
    const { text, thinking, partial_json: piece } = delta
    if (typeof text === 'string' && text !== '') this.#emitContent({ content: text })
    else if (typeof thinking === 'string' && thinking !== '') this.#emitContent({ reasoning_content: thinking })
    else if (typeof piece === 'string' && piece !== '' && this.#openCall) {
      this.#openCall.hasPieces = true
      this.#emitContent({ tool_calls: [{ index: this.#openCall.index, function: { arguments: piece } }] })
    }
  }

  /** Arguments that came in no piece are still arguments: callers parse them as JSON. */
  #closeCall(): void {
    const call = this.#openCall
    this.#openCall = null
    if (!call || call.hasPieces) return
    this.#emitDelta({ tool_calls: [{ index: call.index, function: { arguments: JSON.stringify(call.input ?? {}) } }] })
  }

  #readFinish(value: Fields): void {
    this.usage = mergeUsage(this.usage, messagesUsage(value['usage']))
    const reason = isFields(value['delta']) ? value['delta']['stop_reason'] : null
    if (typeof reason !== 'string' || this.isComplete) return
    this.noteFinish(reason)
    this.#emitDelta({}, toFinishReason(reason))
  }

  #emitContent(delta: Fields): void {
    this.noteContent()
    this.#emitDelta(delta)
  }

  #emitDelta(delta: Fields, finishReason: string | null = null): void {
    const choice = { index: 0, delta, logprobs: null, finish_reason: finishReason }
    this.emit(toEvent(null, { ...this.#frame(), choices: [choice], ...(this.#envelope.wantsUsage && { usage: null }) }))
  }

  #frame(): Fields {
    return { id: this.#id, object: 'chat.completion.chunk', created: this.#envelope.createdS, model: this.#model }
  }
}
