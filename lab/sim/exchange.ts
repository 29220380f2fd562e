/**
 * One request to a lab server and its answer: reading the body, sending answers of every kind, and noticing who left
 * first.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { systemRandom } from '../../src/ground/random.ts'
import type { FaultOrder } from '../fault-plan.ts'
import type { RouteName } from '../profile.ts'
import type { CallEntry } from './call-log.ts'
import { isFields, type Fields } from './field.ts'
import { Refusal, toErrorBody, toStatus } from './refusal.ts'
import type { Sim } from './sim.ts'

export class Exchange {
  readonly sim: Sim
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly route: RouteName | null
  readonly entry: CallEntry
  /** Given by the caller in `x-request-id`, or made here. */
  readonly id: string
  /** The body as it came; empty before `readBody`. */
  body = Buffer.alloc(0)
  /** True once we ourselves broke the connection, so that its end is not taken for the client's leaving. */
  isBroken = false
  #leavers: (() => void)[] = []

  constructor(sim: Sim, request: IncomingMessage, response: ServerResponse, route: RouteName | null) {
    this.sim = sim
    this.request = request
    this.response = response
    this.route = route
    const given = request.headers['x-request-id']
    const requestId = typeof given === 'string' && given !== '' ? given.slice(0, 128) : null
    this.entry = sim.calls.begin(route ?? 'none', requestId, sim.clock.nowMs())
    this.id = requestId ?? `lab${systemRandom.bits(32).toString(36)}${this.entry.id.toString(36).padStart(5, '0')}`
    response.on('close', () => this.#close())
  }

  #close(): void {
    const isAborted = !this.response.writableFinished && !this.isBroken
    this.sim.calls.end(this.entry, isAborted, this.sim.clock.nowMs())
    for (const leave of this.#leavers) leave()
  }

  /** Calls `leave` when the connection of this exchange is over, for whatever reason. */
  onClose(leave: () => void): void {
    this.#leavers.push(leave)
  }

  /** @throws {Refusal} when the body is too large. */
  async readBody(): Promise<void> {
    const { bodyBytesMax } = this.sim.settings
    const chunks: Buffer[] = []
    let size = 0
    for await (const chunk of this.request as AsyncIterable<Buffer>) {
      size += chunk.length
      if (size > bodyBytesMax) throw new Refusal('too_large', `Request body is larger than ${bodyBytesMax} bytes`)
      chunks.push(chunk)
    }
    this.body = Buffer.concat(chunks)
  }

  /** The body as a JSON object. @throws {Refusal} */
  fields(): Fields {
    let json: unknown
    try {
      json = JSON.parse(this.body.toString('utf8'))
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error)
      throw new Refusal(
        'bad_json',
        this.sim.profile.name === 'llamacpp'
          ? `[json.exception.parse_error.101] ${message}`
          : `JSON decode error: ${message}`,
      )
    }
    if (!isFields(json)) throw new Refusal('bad_request', 'Input should be a valid dictionary or object')
    return json
  }

  /** Headers that every answer of the profile carries. */
  get #manners(): Record<string, string> {
    const name = this.sim.profile.name
    if (name === 'anthropic') return { 'request-id': `req_${this.id}` }
    return name === 'llamacpp' ? { server: 'llama.cpp', 'x-request-id': this.id } : { 'x-request-id': this.id }
  }

  head(status: number, headers: Readonly<Record<string, string>>): void {
    this.entry.status = status
    this.response.writeHead(status, { ...this.#manners, ...headers })
  }

  send(status: number, contentType: string, body: string, headers: Readonly<Record<string, string>> = {}): void {
    this.head(status, { 'content-type': contentType, 'content-length': String(Buffer.byteLength(body)), ...headers })
    this.response.end(body)
  }

  sendJson(status: number, body: object, headers: Readonly<Record<string, string>> = {}): void {
    this.send(status, 'application/json', JSON.stringify(body), headers)
  }

  refuse(refusal: Refusal): void {
    if (this.response.headersSent || this.response.destroyed) return
    // What is left of a body that is too large is not worth reading.
    const headers = refusal.reason === 'too_large' ? { connection: 'close', ...refusal.headers } : refusal.headers
    this.sendJson(
      toStatus(this.sim.profile, refusal),
      toErrorBody(this.sim.profile, this.route, refusal, `req_${this.id}`),
      headers,
    )
  }

  /** Resets the connection: the peer sees ECONNRESET, and data on its way may be lost. */
  reset(): void {
    this.isBroken = true
    this.request.socket.resetAndDestroy()
  }

  /** The faults that strike this exchange, noted in its log entry. */
  strike(promptText: () => string): FaultOrder[] {
    const struck = this.sim.faults.strike(this.route ?? 'none', promptText)
    this.entry.faults.push(...struck.map((order) => order.kind))
    return struck
  }
}
