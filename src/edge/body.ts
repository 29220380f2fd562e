/** Reads the body of a request once, into one piece of memory, within limits. */
import type { IncomingMessage } from 'node:http'
import { Fault } from '../fault/fault.ts'

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
 * Calls back once with the whole body, or with a fault. With a content-length the memory is taken in one piece at its
 * final size; small bodies come in one read and are not copied at all. The caller gives `body.length` back to the
 * purse.
 */
export function readBody(
  request: IncomingMessage,
  bytesMax: number,
  purse: BodyPurse,
  done: (fault: Fault | null, body: Buffer) => void,
): void {
  new BodyReader(request, bytesMax, purse, done)
}

/** What is taken at first for a body that comes in pieces. */
const firstBytes = 64 * 2 ** 10
const nothing: Buffer = Buffer.alloc(0)

class BodyReader {
  #request: IncomingMessage
  #bytesMax: number
  #purse: BodyPurse
  #done: ((fault: Fault | null, body: Buffer) => void) | null
  #lengthBytes: number | null
  #body = nothing
  #filled = 0

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
    this.#lengthBytes = length === undefined ? null : Number(length)
    if ((this.#lengthBytes ?? 0) > bytesMax) {
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
    const needed = this.#filled + piece.length
    if (needed > this.#bytesMax) return this.#finish(tooLarge(this.#bytesMax))
    try {
      this.#purse.take(piece.length)
    } catch (thrown) {
      return this.#finish(thrown as Fault)
    }
    if (this.#filled === 0 && (this.#lengthBytes === piece.length || this.#lengthBytes === null)) this.#body = piece
    else {
      if (needed > this.#body.length) this.#grow(needed)
      piece.copy(this.#body, this.#filled)
    }
    this.#filled = needed
  }

  /**
   * Room for `needed` bytes. The announced length is taken in one piece as soon as an eighth of it has come: an
   * announcement alone must not cost memory, and a large body must not be copied over and over.
   */
  #grow(needed: number): void {
    const length = this.#lengthBytes ?? this.#bytesMax
    const isSerious = this.#lengthBytes !== null && needed * 8 >= length
    const larger = Buffer.allocUnsafeSlow(isSerious ? length : Math.min(length, Math.max(needed * 2, firstBytes)))
    this.#body.copy(larger, 0, 0, this.#filled)
    this.#body = larger
  }

  #breakOff(): void {
    if (this.#done) this.#finish(new Fault('HF_CLIENT_GONE', { detail: 'the request broke off' }))
  }

  #finish(fault: Fault | null): void {
    const done = this.#done
    if (!done) return
    this.#done = null
    if (fault) {
      this.#purse.give(this.#filled)
      this.#request.pause()
      return done(fault, nothing)
    }
    done(null, this.#filled === this.#body.length ? this.#body : this.#body.subarray(0, this.#filled))
  }
}

function tooLarge(bytesMax: number): Fault {
  return new Fault('HF_BODY_TOO_LARGE', { detail: `at most ${bytesMax} bytes are taken` })
}
