/** Reads a streamed answer of messages that goes to the caller as it comes. */
import { AnswerReader, startsWith, toEvent, withBlankLine } from '../answer/answer-reader.ts'
import { readEmbeddedError } from '../upstream-error.ts'
import { isFields, type Fields } from '../field.ts'
import { eventData } from '../sse-splitter.ts'
import { mergeUsage, messagesUsage } from '../answer/usage.ts'

const deltaStart = Buffer.from('event: content_block_delta\ndata: {')
const closeBrace = 0x7d
/** Block kinds that begin empty; any other block (a tool call, a search) is something to see when it begins. */
const emptyBlocks: ReadonlySet<unknown> = new Set(['text', 'thinking'])
const stopEvent = toEvent('message_stop', { type: 'message_stop' })

export class MessagesReader extends AnswerReader {
  /** The upstream's own `message_stop`, kept back until the answer is known to be whole. */
  #stop: Buffer | null = null

  read(event: Buffer): void {
    if (this.isEnded || this.failure) return
    // Most events are pieces of text, known by their name; nothing in them is for us.
    if (this.hasContent && event.at(-1) === closeBrace && startsWith(event, deltaStart)) {
      this.contentCount++
      this.emit(withBlankLine(event))
      return
    }
    const data = eventData(event)
    if (data.length === 0) return
    const value = this.parse(data)
    if (value) this.#readValue(event, value)
  }

  end(): void {
    if (this.isComplete) this.emit(this.#stop ?? stopEvent)
  }

  #readValue(event: Buffer, value: Fields): void {
    switch (value['type']) {
      case 'error':
        this.failure = readEmbeddedError(value, 'anthropic')
        return
      case 'message_stop':
        this.isEnded = true
        this.#stop = withBlankLine(event)
        return
      case 'message_start':
        this.usage = messagesUsage(isFields(value['message']) ? value['message']['usage'] : null)
        break
      case 'content_block_start':
        if (isFields(value['content_block']) && !emptyBlocks.has(value['content_block']['type'])) this.noteContent()
        break
      case 'content_block_delta':
        if (isFields(value['delta']) && hasText(value['delta'])) this.noteContent()
        break
      case 'message_delta': {
        this.usage = mergeUsage(this.usage, messagesUsage(value['usage']))
        const reason = isFields(value['delta']) ? value['delta']['stop_reason'] : null
        if (typeof reason === 'string') this.noteFinish(reason)
        break
      }
      case undefined:
        this.malformedCount++
        return
    }
    this.emit(withBlankLine(event))
  }
}

function hasText(delta: Fields): boolean {
  return Object.entries(delta).some(([name, value]) => name !== 'type' && typeof value === 'string' && value !== '')
}
