/**
 * A visitor's connection while all that comes over it is plain: one request after the other, each answered before the
 * next is looked at. At the first byte of anything else it belongs to node:http, for good.
 */
import type { Socket } from 'node:net'
import type { Clock } from '../../ground/clock.ts'
import { bodyBytesMax, type PlainRequest, readPlainRequest } from './plain-request.ts'
import { PlainResponse, type PlainResponseParts } from './plain-response.ts'

/** What may come behind a request before it is answered; then the connection is not read. */
const heldBytesMax = 2 * bodyBytesMax
const nothing: Buffer = Buffer.alloc(0)
/** A client's idle connection is kept so much longer than it is told, as node:http does: a way lies between them. */
const idleGraceMs = 1000

export interface PlainParts {
  readonly clock: Clock
  readonly idleMs: number
  /** Whether this target may be served so. */
  readonly isPlainPath: (url: string) => boolean
  readonly handle: (request: PlainRequest, response: PlainResponse) => void
  /** Lets node:http have the connection, with these bytes of it still unread. */
  readonly handOver: (socket: Socket, unread: Buffer) => void
  /** Whether connections stay open behind their answers. */
  readonly staysOpen: () => boolean
  readonly onGone: (connection: PlainConnection) => void
}

export class PlainConnection {
  readonly socket: Socket
  #parts: PlainParts
  /** For all its answers. */
  #responseParts: PlainResponseParts
  #held = nothing
  #response: PlainResponse | null = null
  /** Since when it waits for a request, or for the rest of one; monotonic. */
  #sinceMs: number
  #hasAnswered = false
  #isOver = false

  constructor(socket: Socket, parts: PlainParts) {
    this.socket = socket
    this.#parts = parts
    const { clock, idleMs } = parts
    this.#responseParts = { clock, idleMs, onOver: () => this.#answered() }
    this.#sinceMs = clock.monotonicMs()
    socket.on('data', this.#onData)
    socket.on('drain', this.#onDrain)
    socket.on('end', this.#onEnd)
    socket.on('error', this.#onError)
    socket.on('close', this.#onClose)
  }

  /** A request is being answered. */
  get isBusy(): boolean {
    return this.#response !== null
  }

  /** Whether it has been silent for too long. */
  isDue(nowMs: number, patienceMs: number): boolean {
    if (this.isBusy || this.#isOver) return false
    return nowMs - this.#sinceMs >= (this.#isAsking ? patienceMs : this.#parts.idleMs + idleGraceMs)
  }

  /** Called where it was due: node:http has the limits for those who do not come to the end of a request. */
  look(nowMs: number, patienceMs: number): void {
    if (!this.isDue(nowMs, patienceMs)) return
    if (this.#isAsking) this.#handOver()
    else this.socket.destroySoon()
  }

  /** It has begun a request, or never sent one. */
  get #isAsking(): boolean {
    return this.#held.length > 0 || !this.#hasAnswered
  }

  #onData = (bytes: Buffer): void => {
    this.#held = this.#held.length === 0 ? bytes : Buffer.concat([this.#held, bytes])
    if (!this.isBusy) this.#read()
    else if (this.#held.length > heldBytesMax) this.socket.pause()
  }

  #onDrain = (): void => this.#response?.drained()

  /** As node:http has it: a client that ends its side wants nothing more. */
  #onEnd = (): void => {
    if (this.isBusy) return void this.socket.destroy() // the sooner is the model server let go
    if (this.#held.length === 0) return void this.socket.end()
    this.#handOver()
    this.socket.emit('end') // node:http came too late to hear it
  }

  #onError = (): void => {} // `close` follows

  #onClose = (): void => {
    this.#leave()
    this.#response?.broken()
    this.#response = null
  }

  #read(): void {
    const held = this.#held
    const request = readPlainRequest(held, this.socket, this.#parts.isPlainPath)
    if (request === 'more') return
    if (request === 'other') return this.#handOver()
    this.#held = held.length === request.lengthBytes ? nothing : held.subarray(request.lengthBytes)
    const { staysOpen, handle } = this.#parts
    const response = new PlainResponse(this.socket, staysOpen(), this.#responseParts)
    this.#response = response
    handle(request, response)
  }

  #answered(): void {
    const keepsAlive = this.#response?.shouldKeepAlive ?? false
    this.#response = null
    this.#hasAnswered = true
    this.#sinceMs = this.#parts.clock.monotonicMs()
    if (!keepsAlive) {
      this.socket.off('data', this.#onData) // what follows is not looked at
      this.socket.resume()
      return this.socket.destroySoon()
    }
    if (this.socket.isPaused()) this.socket.resume()
    if (this.#held.length > 0) this.#read()
  }

  #handOver(): void {
    const { socket } = this
    const held = this.#held
    socket.off('data', this.#onData)
    socket.off('drain', this.#onDrain)
    socket.off('end', this.#onEnd)
    socket.off('error', this.#onError)
    socket.off('close', this.#onClose)
    this.#leave()
    this.#parts.handOver(socket, held)
  }

  #leave(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#held = nothing
    this.#parts.onGone(this)
  }
}
