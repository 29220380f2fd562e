/**
 * The network: messages take their time, keep their order within a connection, and wait where a link is cut, as TCP
 * does with what it sends again.
 */
import type { Chance } from './chance.ts'
import type { WorldTime } from './world-time.ts'

/** Milliseconds that one message takes, from and to. */
export type Delay = readonly [minMs: number, maxMs: number]

interface Waiting {
  readonly place: string
  readonly go: () => void
}

export class Network {
  readonly time: WorldTime
  readonly chance: Chance
  readonly delay: Delay
  #cuts = new Map<string, number>()
  #waiting: Waiting[] = []

  constructor(time: WorldTime, chance: Chance, delay: Delay) {
    this.time = time
    this.chance = chance
    this.delay = delay
  }

  /** Nothing goes between the two any more, in either direction, until `mend`. Cuts of one link add up. */
  cut(a: string, b: string): void {
    const place = linkOf(a, b)
    this.#cuts.set(place, (this.#cuts.get(place) ?? 0) + 1)
  }

  mend(a: string, b: string): void {
    const place = linkOf(a, b)
    const count = (this.#cuts.get(place) ?? 0) - 1
    if (count > 0) return void this.#cuts.set(place, count)
    this.#cuts.delete(place)
    const going = this.#waiting.filter((each) => each.place === place)
    this.#waiting = this.#waiting.filter((each) => each.place !== place)
    for (const { go } of going) go()
  }

  isCut(a: string, b: string): boolean {
    return this.#cuts.has(linkOf(a, b))
  }

  /** Calls `go` at once, or when the link works again. */
  whenOpen(a: string, b: string, go: () => void): void {
    if (this.isCut(a, b)) this.#waiting.push({ place: linkOf(a, b), go })
    else go()
  }

  delayMs(): number {
    return this.chance.between(...this.delay)
  }
}

function linkOf(a: string, b: string): string {
  return a < b ? `${a}~${b}` : `${b}~${a}`
}

interface Sent<T> {
  readonly message: T
  /** On the world's clock, were the link open. */
  readonly arrivesMs: number
}

/** One direction of a connection: what is sent arrives later, in order. */
export class Pipe<T> {
  #network: Network
  #from: string
  #to: string
  #receive: (message: T) => void
  #onWay: Sent<T>[] = []
  #lastMs = 0
  #isMoving = false
  #isClosed = false

  constructor(network: Network, from: string, to: string, receive: (message: T) => void) {
    this.#network = network
    this.#from = from
    this.#to = to
    this.#receive = receive
  }

  send(message: T): void {
    if (this.#isClosed) return
    this.#add(message)
  }

  /** What is on the way is lost from some point of it on, and this is the last that arrives; as with a reset. */
  breakOff(message: T): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#onWay.splice(this.#network.chance.whole(0, this.#onWay.length))
    this.#add(message)
  }

  #add(message: T): void {
    this.#lastMs = Math.max(this.#lastMs, this.#network.time.monotonicMs() + this.#network.delayMs())
    this.#onWay.push({ message, arrivesMs: this.#lastMs })
    if (!this.#isMoving) this.#move()
  }

  #move(): void {
    const next = this.#onWay[0]
    this.#isMoving = next !== undefined
    if (!next) return
    const { time } = this.#network
    time.after(next.arrivesMs - time.monotonicMs(), () =>
      this.#network.whenOpen(this.#from, this.#to, () => {
        const arrived = this.#onWay.shift()
        this.#move()
        if (arrived) this.#receive(arrived.message)
      }),
    )
  }
}
