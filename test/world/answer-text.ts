/** What a client makes of an answer: its text, its finish, its end mark, its error; in each of the languages. */
import type { Route } from '../../src/dialect/call.ts'
import type { FaultCode } from '../../src/fault/code.ts'

/** One event as it came over the wire. */
export interface WireEvent {
  /** Its number; null for one that has none. */
  readonly number: number | null
  /** Everything but the number, blank line included. */
  readonly bytes: Buffer
}

/** Cuts what comes into events. Written anew here: the checker must not share a mistake with what it checks. */
export class EventCutter {
  #rest = Buffer.alloc(0)

  push(bytes: Buffer): WireEvent[] {
    const events: WireEvent[] = []
    this.#rest = Buffer.concat([this.#rest, bytes])
    for (let end = this.#rest.indexOf('\n\n'); end !== -1; end = this.#rest.indexOf('\n\n')) {
      const whole = this.#rest.subarray(0, end + 2)
      this.#rest = this.#rest.subarray(end + 2)
      if (whole[0] === 0x3a) continue // a comment
      const id = /^id: (\d+)\n/.exec(whole.toString('latin1', 0, 24))
      events.push({ number: id ? Number(id[1]) : null, bytes: id ? whole.subarray(id[0].length) : whole })
    }
    return events
  }
}

/** What has been understood of an answer so far. */
export class AnswerText {
  text = ''
  finishCount = 0
  finishReason: string | null = null
  doneCount = 0
  roleCount = 0
  /** Bytes of content that came behind the finish. */
  lateCount = 0
  readonly ids = new Set<string>()
  error: FaultCode | null = null
  #route: Route

  constructor(route: Route) {
    this.#route = route
  }

  /** The answer is whole: it has said why it ended. */
  get isWhole(): boolean {
    return this.finishCount > 0 && this.doneCount > 0
  }

  readEvent(bytes: Buffer): void {
    const data = bytes
      .toString()
      .split('\n')
      .filter((line) => line.startsWith('data:'))
      .map((line) => line.slice(5).trimStart())
      .join('\n')
    if (data === '[DONE]') return void this.doneCount++
    const value = JSON.parse(data) as Record<string, unknown>
    const error = value['type'] === 'error' && typeof value['cause'] === 'string' ? value : at(value, 'error')
    if (error) return void (this.error = (at(error, 'cause') ?? 'HF_INTERNAL') as FaultCode)
    this.#readValue(value)
  }

  /** The body of an answer that was not streamed. */
  readWhole(bytes: Buffer): void {
    const value = JSON.parse(bytes.toString()) as Record<string, unknown>
    const choice = at(value, 'choices', 0)
    const text =
      at(choice, 'message', 'content') ??
      at(choice, 'text') ??
      at(value, 'content', 0, 'text') ??
      at(value, 'output', 0, 'content', 0, 'text')
    this.#say(text)
    this.#finish(at(choice, 'finish_reason') ?? at(value, 'stop_reason') ?? at(value, 'status'))
    this.doneCount++
  }

  #readValue(value: Record<string, unknown>): void {
    if (this.#route === 'messages') return this.#readMessageEvent(value)
    if (this.#route === 'responses') return this.#readResponseEvent(value)
    if (typeof value['id'] === 'string') this.ids.add(value['id'])
    const choice = at(value, 'choices', 0)
    if (at(choice, 'delta', 'role')) this.roleCount++
    this.#say(at(choice, 'delta', 'content') ?? at(choice, 'text'))
    this.#finish(at(choice, 'finish_reason'))
  }

  #readMessageEvent(value: Record<string, unknown>): void {
    const id = at(value, 'message', 'id')
    if (typeof id === 'string') this.ids.add(id)
    if (value['type'] === 'message_start') this.roleCount++
    this.#say(at(value, 'delta', 'text'))
    this.#finish(at(value, 'delta', 'stop_reason'))
    if (value['type'] === 'message_stop') this.doneCount++
  }

  #readResponseEvent(value: Record<string, unknown>): void {
    const id = at(value, 'response', 'id')
    if (typeof id === 'string') this.ids.add(id)
    if (value['type'] === 'response.created') this.roleCount++
    if (value['type'] === 'response.output_text.delta') this.#say(value['delta'])
    if (value['type'] !== 'response.completed' && value['type'] !== 'response.incomplete') return
    this.#finish(at(value, 'response', 'status'))
    this.doneCount++
  }

  #say(text: unknown): void {
    if (typeof text !== 'string' || text === '') return
    if (this.finishCount > 0) this.lateCount++
    this.text += text
  }

  #finish(reason: unknown): void {
    if (typeof reason !== 'string') return
    this.finishCount++
    this.finishReason = reason
  }
}

function at(value: unknown, ...path: readonly (string | number)[]): unknown {
  let found = value
  for (const name of path) {
    if (typeof found !== 'object' || found === null) return undefined
    found = (found as Record<string | number, unknown>)[name]
  }
  return found ?? undefined
}
