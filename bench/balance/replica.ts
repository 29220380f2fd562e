/**
 * A model server reduced to what a balancer can change: it reads prompts one after the other, but for what its cache
 * holds, and writes answers side by side, slower the more there are. Time is a clock that is told to go on.
 */
import type { LoadShare } from '../../src/fleet/load.ts'
import type { Upstream } from '../../src/fleet/upstream.ts'
import type { ManualClock } from '../../src/ground/manual-clock.ts'
import { blockTokens, type TraceCall } from './trace.ts'

export interface ReplicaTraits {
  /** Prompt tokens a second. */
  readonly readRate: number
  /** Gap between tokens of an answer: the first for itself, the second more for each in the batch. */
  readonly gapMs: number
  readonly gapMsPerCall: number
  /** Blocks that the cache keeps, least recently used first out. */
  readonly cacheBlocks: number
}

/** One call on its way through it. */
export interface Stay {
  readonly call: TraceCall
  readonly share: LoadShare
  /** What the balancer thinks is to be read until the first token, what was sent before included. */
  readonly readTokens: number
  readonly othersInFlight: number
  readonly sentMs: number
  readonly onEnd: () => void
}

/** Tokens that are told of together. */
const pieceTokens = 32

export class Replica {
  readonly upstream: Upstream
  callCount = 0
  readTokens = 0
  hitBlocks = 0
  readonly firstTokenMs: number[] = []
  #clock: ManualClock
  #traits: ReplicaTraits
  #cache = new Set<number>()
  #queue: Stay[] = []
  #isReading = false
  #writingCount = 0

  constructor(upstream: Upstream, clock: ManualClock, traits: ReplicaTraits) {
    this.upstream = upstream
    this.#clock = clock
    this.#traits = traits
  }

  take(stay: Stay): void {
    this.callCount++
    this.#queue.push(stay)
    if (!this.#isReading) this.#read()
  }

  #read(): void {
    const stay = this.#queue.shift()
    this.#isReading = stay !== undefined
    if (!stay) return
    const { blocks, promptTokens } = stay.call
    let hits = 0
    while (hits < blocks.length && this.#cache.has(blocks[hits] as number)) hits++
    this.hitBlocks += hits
    const readTokens = Math.max(1, promptTokens - hits * blockTokens)
    this.readTokens += readTokens
    this.#clock.after((1000 * readTokens) / this.#traits.readRate, () => {
      this.#keep(blocks)
      this.#speak(stay)
      this.#read()
    })
  }

  #keep(blocks: readonly number[]): void {
    for (const block of blocks.toReversed()) {
      this.#cache.delete(block)
      this.#cache.add(block)
    }
    for (const block of this.#cache) {
      if (this.#cache.size <= this.#traits.cacheBlocks) break
      this.#cache.delete(block)
    }
  }

  #speak(stay: Stay): void {
    const spokenMs = this.#clock.monotonicMs()
    this.firstTokenMs.push(spokenMs - stay.sentMs)
    stay.share.firstToken()
    this.#speed.observeFirstToken(stay.readTokens, spokenMs - stay.sentMs, stay.othersInFlight)
    this.#writingCount++
    this.#write(stay, stay.call.outputTokens, spokenMs)
  }

  #write(stay: Stay, leftTokens: number, spokenMs: number): void {
    const piece = Math.min(pieceTokens, leftTokens)
    const { gapMs, gapMsPerCall } = this.#traits
    this.#clock.after(piece * (gapMs + gapMsPerCall * this.#writingCount), () => {
      stay.share.progress(piece)
      if (leftTokens > piece) return this.#write(stay, leftTokens - piece, spokenMs)
      this.#writingCount--
      stay.share.end()
      const { outputTokens } = stay.call
      const tookMs = this.#clock.monotonicMs() - spokenMs
      this.#speed.observeGap(this.upstream.load.calls + 1, tookMs / outputTokens)
      stay.onEnd()
    })
  }

  get #speed() {
    return this.upstream.speed('model')
  }
}
