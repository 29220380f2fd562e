/**
 * What is known of visitors by address or network: a token bucket each, in a book of bounded size. Who has all his
 * tokens again and does nothing is nobody to remember, so he is the first to be forgotten. Pure.
 */

export interface Rate {
  readonly perSecond: number
  readonly burst: number
}

export class Guest {
  /** Share of the burst that is left, 0 to 1; so it keeps its meaning when the rate changes. */
  share = 1
  atMs: number
  connections = 0
  /** Refusals since it last had all its tokens. */
  refusals = 0
  /** Until then connections are closed at once. */
  lockedUntilMs = 0
  lockouts = 0
  /** A good key came from here so lately that it is never locked out. */
  goodUntilMs = 0

  constructor(nowMs: number) {
    this.atMs = nowMs
  }

  /** Takes one token, where there is one. */
  take({ perSecond, burst }: Rate, nowMs: number): boolean {
    const tokens = this.#tokens(perSecond, burst, nowMs)
    if (tokens >= burst) this.refusals = 0
    this.atMs = nowMs
    const isTaken = tokens >= 1
    this.share = (isTaken ? tokens - 1 : tokens) / burst
    return isTaken
  }

  /** Until there is a token; milliseconds. */
  waitMs({ perSecond, burst }: Rate, nowMs: number): number {
    return Math.max(0, (1 - this.#tokens(perSecond, burst, nowMs)) / perSecond) * 1000
  }

  isForgettable(rate: Rate, nowMs: number): boolean {
    const isIdle = this.connections === 0 && this.lockedUntilMs <= nowMs && this.goodUntilMs <= nowMs
    return isIdle && this.#tokens(rate.perSecond, rate.burst, nowMs) >= rate.burst
  }

  #tokens(perSecond: number, burst: number, nowMs: number): number {
    return Math.min(burst, this.share * burst + (Math.max(0, nowMs - this.atMs) / 1000) * perSecond)
  }
}

/** So many are looked at for one that may be forgotten. */
const looksMax = 16

export class GuestBook {
  #sizeMax: number
  #guests = new Map<string, Guest>()

  constructor(sizeMax: number) {
    this.#sizeMax = sizeMax
  }

  get size(): number {
    return this.#guests.size
  }

  find(key: string): Guest | undefined {
    return this.#guests.get(key)
  }

  /** `rate`: by which others are judged when one has to go. */
  at(key: string, rate: Rate, nowMs: number): Guest {
    let guest = this.#guests.get(key)
    if (guest) return guest
    if (this.#guests.size >= this.#sizeMax) this.#makeRoom(rate, nowMs)
    guest = new Guest(nowMs)
    this.#guests.set(key, guest)
    return guest
  }

  /** Those passed over stand behind the others; when all of them are somebody, the one that stood first goes. */
  #makeRoom(rate: Rate, nowMs: number): void {
    let first: string | null = null
    let looks = 0
    for (const [key, guest] of this.#guests) {
      if (guest.isForgettable(rate, nowMs)) return void this.#guests.delete(key)
      first ??= key
      if (++looks >= looksMax) break
      this.#guests.delete(key)
      this.#guests.set(key, guest)
    }
    if (first !== null) this.#guests.delete(first)
  }
}
