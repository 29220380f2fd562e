/**
 * What a session of HTTP/2 may cost beside its requests, told by the frames that came (`Tally`). Two things are
 * counted: streams that are reset before their answer is out (rapid reset, CVE-2023-44487), and what belongs to no
 * request: pings, settings, priorities, window updates, empty frames, all of which cost processor time and carry
 * nothing. Pure.
 */

/** A client may drop all its streams at once, and then one now and then. */
const resetsBurst = 300
const resetsPerSecond = 20
/** Headers that nobody may send are read to their end all the same; each weighs as so many streams that are reset. */
const resetsPerBigBlock = 32
/** Frames that carry nothing, in a row and then by the second: some 600 of them. */
const idleBurstBytes = 32 * 2 ** 10
const idleBytesPerSecond = 8 * 1024
/** What answers have earned adds up to so much: a large one is asked on for by many small frames. */
const earnedBytesMax = 256 * 2 ** 10
/** With a request come its priority and the window of its answer. */
const perRequestBytes = 64
/** By each of our frames a client may say that it has room again, on the stream and on the session. */
const perPieceBytes = 32
/** Large pieces leave in several frames, and are read in several pieces. */
const pieceBytes = 1024

/** What a session has sent. */
export interface Tally {
  /** Of frames that carry nothing; those that ask for an answer weigh more than they have. */
  readonly idleBytes: number
  /** Streams that the client has reset. */
  readonly resets: number
  /** Blocks of headers beyond all limits. */
  readonly bigBlocks: number
}

/** Something of which there is so much at once, and so much more by the second. */
class Purse {
  #left: number
  #sinceMs: number
  #burst: number
  #perSecond: number

  constructor(burst: number, perSecond: number, nowMs: number) {
    this.#left = burst
    this.#burst = burst
    this.#perSecond = perSecond
    this.#sinceMs = nowMs
  }

  /** Beyond the burst, too, but no more than `most` in all. */
  earn(amount: number, most: number): void {
    this.#left = Math.min(most, this.#left + amount)
  }

  /** False when it is more than there is. Time alone fills it up to the burst and no further. */
  spend(amount: number, nowMs: number): boolean {
    const gained = ((nowMs - this.#sinceMs) / 1000) * this.#perSecond
    this.#sinceMs = nowMs
    this.#left = Math.max(this.#left, Math.min(this.#burst, this.#left + gained)) - amount
    return this.#left >= 0
  }
}

export class SessionBudget {
  #idle: Purse
  /** By the client's frames, before anything is made of them; and by what became of its streams, whoever ended them. */
  #resets: Purse
  #drops: Purse

  constructor(nowMs: number) {
    this.#idle = new Purse(idleBurstBytes, idleBytesPerSecond, nowMs)
    this.#resets = new Purse(resetsBurst, resetsPerSecond, nowMs)
    this.#drops = new Purse(resetsBurst, resetsPerSecond, nowMs)
  }

  /** A request has come. */
  request(): void {
    this.#idle.earn(perRequestBytes, earnedBytesMax)
  }

  /** A piece of an answer was sent. */
  piece(bytes: number): void {
    this.#idle.earn(perPieceBytes * (1 + Math.floor(bytes / pieceBytes)), earnedBytesMax)
  }

  /** A stream ended before its time. False when it is one too many. */
  drop(nowMs: number): boolean {
    return this.#drops.spend(1, nowMs)
  }

  /** Some more frames have come. Says of what it was too much, else null. */
  read({ idleBytes, resets, bigBlocks }: Tally, nowMs: number): string | null {
    if (!this.#idle.spend(idleBytes, nowMs)) return 'too much came that belongs to no request'
    if (this.#resets.spend(resets + resetsPerBigBlock * bigBlocks, nowMs)) return null
    return bigBlocks > 0 ? 'too many headers came that are too large' : 'too many streams were reset'
  }
}
