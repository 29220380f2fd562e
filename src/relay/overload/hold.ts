/**
 * Where calls are held for a pool in which nobody is, while a replica is being started: they go on into the line the
 * moment somebody is there, the highest tier first. Bounded in number and time.
 */
import { Fault } from '../../fault/fault.ts'
import type { Clock, Timer } from '../../ground/clock.ts'
import type { Random } from '../../ground/random.ts'
import { rankOf, type Tier } from './tier.ts'

export interface HeldCall {
  readonly tier: Tier
  /** Nobody is there who could be asked. */
  readonly isHeld: boolean
  /** Somebody is there now, or it is known that nobody will be. */
  goOn(): void
  refuse(fault: Fault): void
}

export interface HoldOptions {
  /** How long a call is held. */
  readonly holdMs: number
  /** So many are held at most. */
  readonly callsMax: number
}

/** While calls are held, it is looked at this often whether one's time is over, or somebody is there. */
const lookMs = 100
const retryAfterMsMin = 1000
const retryAfterMsMax = 60_000
/** Told while no start was seen yet. */
const startMsUnknown = 15_000
/** They are told up to so much more, by chance: not all are to come back at once. */
const spreadShare = 0.3

export class Hold {
  #clock: Clock
  #random: Random
  #options: HoldOptions
  /** Those that are held, and since when. */
  #calls = new Map<HeldCall, number>()
  #timer: Timer | null = null
  /** Since when somebody is held without a break. */
  #sinceMs = 0
  /** How long the last start took, as far as calls waited for it. */
  #startMs = startMsUnknown

  constructor(clock: Clock, random: Random, options: HoldOptions) {
    this.#clock = clock
    this.#random = random
    this.#options = options
  }

  get count(): number {
    return this.#calls.size
  }

  /** Holds the call; returns why it is sent away instead. */
  add(call: HeldCall): Fault | null {
    const nowMs = this.#clock.monotonicMs()
    if (this.#calls.size >= this.#options.callsMax) return this.#fault(`${this.#calls.size} calls wait for it already`)
    if (this.#calls.size === 0) this.#sinceMs = nowMs
    this.#calls.set(call, nowMs)
    this.#timer ??= this.#clock.after(lookMs, () => this.#look())
    return null
  }

  /** The call does not want to wait any more. */
  leave(call: HeldCall): void {
    this.#calls.delete(call)
    this.#rest()
  }

  /** The call's own time is over. */
  expire(call: HeldCall): void {
    this.leave(call)
    call.refuse(this.#fault('its own time ran out meanwhile'))
  }

  /** Somebody may be there now. */
  serve(): void {
    const free = [...this.#calls.keys()].filter(({ isHeld }) => !isHeld)
    if (free.length === 0) return
    this.#startMs = this.#clock.monotonicMs() - this.#sinceMs
    free.sort((a, b) => rankOf(a.tier) - rankOf(b.tier))
    // One that goes on may end others, which then are held no more.
    for (const call of free) if (this.#calls.delete(call)) call.goOn()
    this.#rest()
  }

  [Symbol.dispose](): void {
    this.#timer?.cancel()
  }

  #look(): void {
    this.#timer = null
    this.serve()
    const { holdMs } = this.#options
    const endMs = this.#clock.monotonicMs() - holdMs
    for (const [call, sinceMs] of this.#calls)
      if (sinceMs <= endMs && this.#calls.delete(call)) call.refuse(this.#fault(`waited ${holdMs} ms for it`))
    if (this.#calls.size > 0) this.#timer ??= this.#clock.after(lookMs, () => this.#look())
  }

  #rest(): void {
    if (this.#calls.size > 0) return
    this.#timer?.cancel()
    this.#timer = null
  }

  #fault(detail: string): Fault {
    const leftMs = this.#startMs - (this.#clock.monotonicMs() - this.#sinceMs)
    const leastMs = Math.min(retryAfterMsMax / (1 + spreadShare), Math.max(retryAfterMsMin, leftMs))
    return new Fault('HF_STARTING', { retryAfterMs: leastMs * (1 + spreadShare * this.#random.unit()), detail })
  }
}
