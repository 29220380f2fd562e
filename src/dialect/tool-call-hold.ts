/**
 * Stands between a reader and the caller of a call that offers tools: the pieces of a tool call are held back until the
 * call is complete, so that an answer that breaks off leaves no half of one behind. All events keep their order.
 */
import type { Route } from './call.ts'
import { isFields } from './field.ts'
import { eventData } from './sse-splitter.ts'
import { areReadable, argumentsIn } from './tool-arguments.ts'
import type { EventSink } from './translation.ts'

/** A call larger than this goes on as it comes, bytes. */
const heldBytesMax = 16 * 2 ** 20

/** Texts without which an event begins no tool call; all of them begin with a quote. */
const beginnings: Readonly<Partial<Record<Route, readonly string[]>>> = {
  chat: ['"tool_calls"', '"function_call"'],
  messages: ['"content_block_start"'],
  responses: ['"response.output_item.added"'],
}

const quote = 0x22

interface Held {
  readonly event: Buffer
  readonly aside: Buffer | undefined
}

export class ToolCallHold {
  readonly emit: EventSink
  #route: Route
  #out: EventSink
  #beginnings: readonly string[]
  #held: Held[] = []
  #heldBytes = 0
  /** Calls whose arguments cannot be read. */
  brokenCount = 0
  /** Arguments of the call that is held; null where nobody can say. */
  #arguments: string | null = ''
  /** In chat, the call that is held. */
  #index: unknown = null
  #id: unknown = null

  constructor(route: Route, out: EventSink) {
    this.#route = route
    this.#out = out
    this.#beginnings = beginnings[route] ?? []
    this.emit = (event, aside) => this.#push(event, aside)
  }

  #push(event: Buffer, aside: Buffer | undefined): void {
    const isHolding = this.#held.length > 0
    if (!isHolding && !hasOneOf(event, this.#beginnings)) return this.#out(event, aside)
    const value = read(event)
    const step = this.#stepOf(value)
    if (step === 'over' && isHolding) this.#hear(value)
    if (step === 'next' || step === 'over') this.#release()
    if (step === 'over' || (step === 'inside' && !isHolding)) return this.#out(event, aside)
    this.#held.push({ event, aside })
    this.#heldBytes += event.length
    this.#hear(value)
    if (step === 'last' || this.#heldBytes > heldBytesMax) this.#release()
  }

  #hear(value: unknown): void {
    const part = isFields(value) && this.#heldBytes <= heldBytesMax ? argumentsIn(this.#route, value) : null
    this.#arguments = part === null || this.#arguments === null ? null : this.#arguments + part
  }

  #release(): void {
    const held = this.#held
    this.#held = []
    this.#heldBytes = 0
    if (this.#arguments !== null && !areReadable(this.#arguments)) this.brokenCount++
    this.#arguments = ''
    for (const { event, aside } of held) this.#out(event, aside)
  }

  /** Of a tool call an event is its first, one inside, its last, the first of the next, or the answer's finish. */
  #stepOf(value: unknown): 'first' | 'inside' | 'last' | 'next' | 'over' {
    if (!isFields(value)) return 'inside'
    if (this.#route === 'chat') return this.#stepOfChunk(value)
    const type = String(value['type'])
    if (finishes.has(type)) return 'over'
    if (this.#route === 'messages') {
      if (type === 'content_block_start' && isTyped(value['content_block'], 'tool_use')) return 'first'
      return type === 'content_block_stop' ? 'last' : 'inside'
    }
    if (!isTyped(value['item'], 'function_call') && !isTyped(value['item'], 'custom_tool_call')) return 'inside'
    return type === 'response.output_item.added' ? 'first' : 'last'
  }

  #stepOfChunk({ choices }: Readonly<Record<string, unknown>>): 'first' | 'inside' | 'next' | 'over' {
    const choice: unknown = Array.isArray(choices) ? choices[0] : null
    if (!isFields(choice)) return 'inside'
    if (typeof choice['finish_reason'] === 'string') return 'over'
    const { tool_calls: calls, function_call: old } = isFields(choice['delta']) ? choice['delta'] : {}
    const call: unknown = Array.isArray(calls) ? calls[0] : null
    const isFirst = this.#held.length === 0
    if (!isFields(call)) return isFields(old) && isFirst ? 'first' : 'inside'
    const { index = 0, id } = call
    // Some servers give every call the same index, some repeat the id with every piece: a new id tells a new call.
    const isSame = !isFirst && index === this.#index && (!id || id === this.#id)
    if (isSame) return 'inside'
    this.#index = index
    this.#id = id
    return isFirst ? 'first' : 'next'
  }
}

/** Events that end the answer, and with it whatever is held. */
const finishes: ReadonlySet<string> = new Set([
  'message_delta',
  'message_stop',
  'response.completed',
  'response.incomplete',
])

/** One walk over the bytes, as in native/plain-chunk.ts: of the many events that begin no call none is parsed. */
function hasOneOf(event: Buffer, texts: readonly string[]): boolean {
  const { length } = event
  for (let at = 0; at < length; at++) {
    if (event[at] !== quote) continue
    for (const text of texts) {
      let same = 1
      while (same < text.length && event[at + same] === text.charCodeAt(same)) same++
      if (same === text.length) return true
    }
  }
  return false
}

function read(event: Buffer): unknown {
  try {
    return JSON.parse(eventData(event).toString())
  } catch {
    return null
  }
}

function isTyped(value: unknown, type: string): boolean {
  return isFields(value) && value['type'] === type
}
