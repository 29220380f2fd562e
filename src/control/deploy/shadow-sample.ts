/**
 * Real calls for the gate, where an operator wants that: a few, kept in memory only, for a while, without what
 * looks like a secret, and none of callers or models that were not named.
 */
import type { Random } from '../../ground/random.ts'
import { redact } from '../../ground/redact.ts'

export interface ShadowOptions {
  /** Callers whose calls may be asked once more. Empty for none. */
  readonly callers: readonly string[]
  readonly callsMax: number
  readonly bytesMax: number
  readonly keptMsMax: number
}

export interface SampledCall {
  readonly caller: string
  readonly model: string
  readonly prompt: string
  readonly tokensMax: number
  readonly atMs: number
}

/** Every call has the same chance to be kept, however many come (Vitter's algorithm R, 1985). */
export class ShadowSample {
  #options: ShadowOptions
  #random: Random
  #kept: SampledCall[] = []
  #offered = 0

  constructor(options: ShadowOptions, random: Random) {
    this.#options = options
    this.#random = random
  }

  /** Takes a call, or not. One with a part that was redacted would not be the same question: it is left out. */
  offer(call: SampledCall): void {
    const { callers, callsMax, bytesMax, keptMsMax } = this.#options
    if (!callers.includes(call.caller) || Buffer.byteLength(call.prompt) > bytesMax) return
    this.#kept = this.#kept.filter(({ atMs }) => call.atMs - atMs <= keptMsMax)
    const place = Math.floor(this.#random.unit() * ++this.#offered)
    if (this.#kept.length >= callsMax && place >= callsMax) return
    if (redact(call.prompt) !== call.prompt) return
    if (this.#kept.length < callsMax) this.#kept.push(call)
    else this.#kept[place] = call
  }

  calls(nowMs: number): readonly SampledCall[] {
    return this.#kept.filter(({ atMs }) => nowMs - atMs <= this.#options.keptMsMax)
  }
}
