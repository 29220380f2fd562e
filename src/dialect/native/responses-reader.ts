/** Reads a streamed answer of responses that goes to the caller as it comes; the upstream numbers its events. */
import { AnswerReader, startsWith, withBlankLine } from '../answer/answer-reader.ts'
import { readEmbeddedError } from '../upstream-error.ts'
import { Fault } from '../../fault/fault.ts'
import { isFields, type Fields } from '../field.ts'
import { eventData } from '../sse-splitter.ts'
import { responsesUsage } from '../answer/usage.ts'
import { finishOf } from '../answer/whole-answer.ts'

const deltaStart = Buffer.from('event: response.output_text.delta\ndata: {')
const closeBrace = 0x7d
const doneData = Buffer.from('[DONE]')
/** Output items that begin empty; a tool call of any kind is something to see when it begins. */
const emptyItems: ReadonlySet<unknown> = new Set(['message', 'reasoning'])

export class ResponsesReader extends AnswerReader {
  read(event: Buffer): void {
    if (this.isEnded || this.failure) return
    // Most events are pieces of text, known by their name; nothing in them is for us.
    if (this.hasContent && event.at(-1) === closeBrace && startsWith(event, deltaStart)) {
      this.contentCount++
      this.emit(withBlankLine(event))
      return
    }
    const data = eventData(event)
    if (data.length === 0 || data.equals(doneData)) return
    const value = this.parse(data)
    if (value) this.#readValue(event, value)
  }

  /** `response.completed` has said it all. */
  end(): void {}

  #readValue(event: Buffer, value: Fields): void {
    const { type } = value
    const response = isFields(value['response']) ? value['response'] : {}
    if (typeof type !== 'string') {
      if (value['error']) this.failure = readEmbeddedError(value, 'openai')
      else this.malformedCount++
      return
    }
    if (type === 'error') this.failure = readEmbeddedError(value, 'openai')
    else if (type === 'response.failed') this.failure = readEmbeddedError({ error: response['error'] ?? {} }, 'openai')
    else if (type === 'response.cancelled')
      this.failure = new Fault('HF_UPSTREAM_CUT', { detail: 'the model server cancelled the response' })
    if (this.failure) return
    if (type === 'response.completed' || type === 'response.incomplete') {
      this.usage = responsesUsage(response['usage'])
      this.noteFinish(finishOf(response))
      this.isEnded = true
    } else if (type.endsWith('.delta')) {
      if (value['delta'] !== '') this.noteContent()
    } else if (type === 'response.output_item.added') {
      if (isFields(value['item']) && !emptyItems.has(value['item']['type'])) this.noteContent()
    }
    this.emit(withBlankLine(event))
  }
}
