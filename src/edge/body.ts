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

const nothing: Buffer = Buffer.alloc(0)

class BodyReader {
  #request: IncomingMessage
  #bytesMax: number
  #purse: BodyPurse
  #done: ((fault: Fault | null, body: Buffer) => void) | null
  #lengthBytes: number | null
  #taken = 0
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
      if (this.#filled === 0 && (this.#lengthBytes === piece.length || this.#lengthBytes === null)) {
        this.#claim(piece.length)
        this.#body = piece
      } else {
        this.#grow(needed)
        piece.copy(this.#body, this.#filled)
      }
    } catch (thrown) {
      return this.#finish(thrown as Fault)
    }
    this.#filled = needed
  }

  /** Room for `needed` bytes: the announced length at once, or doubling where none was announced. */
  #grow(needed: number): void {
    if (needed <= this.#body.length && this.#taken >= needed) return
    const size = this.#lengthBytes ?? Math.min(this.#bytesMax, Math.max(needed, this.#body.length * 2, 64 * 2 ** 10))
    this.#claim(size)
    const larger = Buffer.allocUnsafeSlow(size)
    this.#body.copy(larger, 0, 0, this.#filled)
    this.#body = larger
  }

  #claim(bytes: number): void {
    this.#purse.take(bytes - this.#taken)
    this.#taken = bytes
  }

  #breakOff(): void {
    if (this.#done) this.#finish(new Fault('HF_CLIENT_GONE', { detail: 'the request broke off' }))
  }

  #finish(fault: Fault | null): void {
    const done = this.#done
    if (!done) return
    this.#done = null
    if (fault) {
      this.#purse.give(this.#taken)
      this.#request.pause()
      return done(fault, nothing)
    }
    this.#purse.give(this.#taken - this.#filled)
    done(null, this.#filled === this.#body.length ? this.#body : this.#body.subarray(0, this.#filled))
  }
}

function tooLarge(bytesMax: number): Fault {
  return new Fault('HF_BODY_TOO_LARGE', { detail: `at most ${bytesMax} bytes are taken` })
}
