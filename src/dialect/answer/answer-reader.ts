/** What every reader of a streamed answer keeps; how an event is read, and what ends a stream, differs by language. */
import type { Fault } from '../../fault/fault.ts'
import type { Usage } from '../call.ts'
import { isFields, type Fields } from '../field.ts'
import type { EventSink, StreamReader } from '../translation.ts'

export abstract class AnswerReader implements StreamReader {
  hasContent = false
  isComplete = false
  isEnded = false
  failure: Fault | null = null
  usage: Usage | null = null
  finishReason: string | null = null
  contentCount = 0
  malformedCount = 0
  protected readonly emit: EventSink

  constructor(emit: EventSink) {
    this.emit = emit
  }

  abstract read(event: Buffer): void
  abstract end(): void

  protected noteContent(): void {
    this.hasContent = true
    this.contentCount++
  }

  protected noteFinish(reason: string): void {
    this.hasContent = true
    this.isComplete = true
    this.finishReason = reason
  }

  /** An event's data as a JSON object, or null when it is none: then it is counted as malformed and to be left out. */
  protected parse(data: Buffer): Fields | null {
    try {
      const value: unknown = JSON.parse(data.toString())
      if (isFields(value)) return value
    } catch {
      // told by the count
    }
    this.malformedCount++
    return null
  }
}

const lineFeed = 0x0a

/** An event as it goes on the wire: its bytes and the blank line that ends it. */
export function withBlankLine(event: Buffer): Buffer {
  const length = event.length
  const whole = Buffer.allocUnsafe(length + 2)
  whole.set(event)
  whole[length] = lineFeed
  whole[length + 1] = lineFeed
  return whole
}

/** For the few bytes by which an event is known at once. */
export function startsWith(bytes: Buffer, prefix: Buffer): boolean {
  for (let i = 0; i < prefix.length; i++) if (bytes[i] !== prefix[i]) return false
  return true
}

/** A new event with JSON data; `name` null for languages whose events have none. */
export function toEvent(name: string | null, value: unknown): Buffer {
  const data = `data: ${JSON.stringify(value)}\n\n`
  return Buffer.from(name === null ? data : `event: ${name}\n${data}`)
}

export const doneEvent = Buffer.from('data: [DONE]\n\n')
