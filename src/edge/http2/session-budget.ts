/**
 * What a session of HTTP/2 may cost beside its requests. Two things are counted: streams that are reset before their
 * answer is out (rapid reset, CVE-2023-44487), and bytes that belong to no request: pings, settings, priorities, window
 * updates, empty frames, all of which cost processor time and carry nothing. Pure.
 */

/** A client may drop all its streams at once, and then one now and then. */
const resetsBurst = 300
const resetsPerSecond = 20
/**
 * Bytes of control frames in a row, and then by the second, some 600 frames. More than all that may be on its way of
 * bodies that nobody reads (the window of a session), for those bytes are not known to be of a body.
 */
const controlBurstBytes = 2 * 2 ** 20
const controlBytesPerSecond = 8 * 1024
/** By each of our frames a client may say that it has room again, on the stream and on the session. */
const perPieceBytes = 32
/** Data in small frames is not much larger than data. */
const perBodyByte = 2

export class SessionBudget {
  #headerBytesMax: number
  #resets = resetsBurst
  #resetsMs: number
  #control = controlBurstBytes
  #controlMs: number
  #readBytes = 0

  /** `headerBytesMax`: what the headers of a request may be. */
  constructor(headerBytesMax: number, nowMs: number) {
    this.#headerBytesMax = headerBytesMax
    this.#resetsMs = nowMs
    this.#controlMs = nowMs
  }

  /** A request has come. */
  request(): void {
    this.#control += this.#headerBytesMax
  }

  /** Some of a request's body has come. */
  body(bytes: number): void {
    this.#control += bytes * perBodyByte
  }

  /** A piece of an answer was sent. */
  piece(): void {
    this.#control += perPieceBytes
  }

  /** A stream was reset by the client before its time. False when it is one too many. */
  reset(nowMs: number): boolean {
    const gained = ((nowMs - this.#resetsMs) / 1000) * resetsPerSecond
    this.#resets = Math.min(resetsBurst, this.#resets + gained) - 1
    this.#resetsMs = nowMs
    return this.#resets >= 0
  }

  /** `readBytes`: all that has ever come over the connection. False when too much of it served nothing. */
  read(readBytes: number, nowMs: number): boolean {
    this.#control += ((nowMs - this.#controlMs) / 1000) * controlBytesPerSecond - (readBytes - this.#readBytes)
    this.#controlMs = nowMs
    this.#readBytes = readBytes
    const isGood = this.#control >= 0
    // What was granted and not used does not add up.
    this.#control = Math.min(controlBurstBytes, this.#control)
    return isGood
  }
}
