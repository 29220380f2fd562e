/** Reads the body of a request once, into one piece of memory, within limits. */
import type { IncomingMessage } from 'node:http'
import { Fault } from '../fault/fault.ts'
import type { Clock } from '../ground/clock.ts'
import { Gather } from '../ground/gather.ts'
import type { Asking } from './visitor.ts'

/** Bodies of all requests under way: a common purse, so that many large ones cannot fill the memory. */
export class BodyPurse {
  #bytesMax: number
  #bytes = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  get heldBytes(): number {
    return this.#bytes
  }

  /** @throws {Fault} HF_QUEUE_FULL */
  take(bytes: number): void {
    if (this.#bytes + bytes > this.#bytesMax)
      throw new Fault('HF_QUEUE_FULL', { detail: 'too many large requests at once', retryAfterMs: 2000 })
    this.#bytes += bytes
  }

  give(bytes: number): void {
    this.#bytes -= bytes
  }
}

/**
 * Calls back once with the whole body, or with a fault. The purse is charged for what has come; the caller gives
 * `body.length` back to it.
 */
export function readBody(
  request: Asking,
  bytesMax: number,
  purse: BodyPurse,
  done: (fault: Fault | null, body: Buffer) => void,
): void {
  if (!('plainBody' in request)) return void new BodyReader(request, bytesMax, purse, done)
  const body = request.plainBody
  if (body.length > bytesMax) return done(tooLarge(bytesMax), nothing)
  try {
    purse.take(body.length)
  } catch (thrown) {
    return done(thrown as Fault, nothing)
  }
  done(null, body)
}

/** So long a body that nobody wants may take to come. */
const discardMs = 2000

/**
 * Lets a body pass by and then calls back, once: who is answered while still sending may never read the answer, for
 * the connection breaks under it.
 */
export function discardBody(request: Asking, clock: Clock, done: () => void): void {
  if ('plainBody' in request) return done()
  const timer = clock.after(discardMs, () => finish())
  const finish = (): void => {
    timer.cancel()
    request.off('end', finish).off('close', finish)
    request.pause()
    done()
  }
  request.on('end', finish).on('close', finish)
  request.resume()
}

const nothing: Buffer = Buffer.alloc(0)

class BodyReader {
  #request: IncomingMessage
  #bytesMax: number
  #purse: BodyPurse
  #done: ((fault: Fault | null, body: Buffer) => void) | null
  #gather: Gather

  constructor(
    request: IncomingMessage,
    bytesMax: number,
    purse: BodyPurse,
    done: (fault: Fault | null, body: Buffer) => void,
  ) {
    this.#request = request
    this.#bytesMax = bytesMax
    this.#purse = purse
    this.#done = done
    const length = request.headers['content-length']
    const announcedBytes = length === undefined ? null : Number(length)
    this.#gather = new Gather(announcedBytes)
    if ((announcedBytes ?? 0) > bytesMax) {
      this.#finish(tooLarge(bytesMax))
      return
    }
    request.on('data', (piece: Buffer) => this.#add(piece))
    request.on('end', () => this.#finish(null))
    request.on('error', () => this.#breakOff())
    request.on('close', () => this.#breakOff())
  }

  #add(piece: Buffer): void {
    if (!this.#done) return
    if (this.#gather.length + piece.length > this.#bytesMax) return this.#finish(tooLarge(this.#bytesMax))
    try {
      this.#purse.take(piece.length)
    } catch (thrown) {
      return this.#finish(thrown as Fault)
    }
    this.#gather.add(piece, true)
  }

  #breakOff(): void {
    if (this.#done) this.#finish(new Fault('HF_CLIENT_GONE', { detail: 'the request broke off' }))
  }

  #finish(fault: Fault | null): void {
    const done = this.#done
    if (!done) return
    this.#done = null
    if (fault) {
      this.#purse.give(this.#gather.length)
      this.#request.pause()
      return done(fault, nothing)
    }
    done(null, this.#gather.take())
  }
}

function tooLarge(bytesMax: number): Fault {
  return new Fault('HF_BODY_TOO_LARGE', { detail: `at most ${bytesMax} bytes are taken` })
}
