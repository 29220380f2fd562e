/**
 * Real calls for the gate, where an operator wants that: a few, kept in memory only, for a while, none with what
 * looks like a secret, and none of callers that were not named.
 */
import type { Random } from '../../ground/random.ts'
import { redact } from '../../ground/redact.ts'

export interface ShadowOptions {
  /** Names of the callers whose calls may be asked once more. */
  readonly callers: readonly string[]
  readonly callsMax: number
  readonly bytesMax: number
  readonly keptMs: number
}

export interface SampledCall {
  readonly caller: string
  /** Of the request, as the caller wrote it: JSON. */
  readonly body: string
  readonly atMs: number
}

/** Every call has the same chance to be kept, however many come (Vitter's algorithm R, 1985). */
export class ShadowSample {
  #random: Random
  #kept: SampledCall[] = []
  #offered = 0

  constructor(random: Random) {
    this.#random = random
  }

  /** Takes a call, or not. One with a part that was redacted would not be the same question: it is left out. */
  offer(call: SampledCall, { callers, callsMax, bytesMax, keptMs }: ShadowOptions): void {
    if (!callers.includes(call.caller) || Buffer.byteLength(call.body) > bytesMax) return
    this.#kept = this.#kept.filter(({ atMs }) => call.atMs - atMs <= keptMs).slice(-callsMax)
    const place = Math.floor(this.#random.unit() * ++this.#offered)
    if (this.#kept.length >= callsMax && place >= callsMax) return
    if (redact(call.body) !== call.body) return
    if (this.#kept.length < callsMax) this.#kept.push(call)
    else this.#kept[place] = call
  }

  /** Also those of callers that are named no more are left out. */
  calls(nowMs: number, { callers, callsMax, keptMs }: ShadowOptions): readonly SampledCall[] {
    return this.#kept
      .filter(({ caller, atMs }) => nowMs - atMs <= keptMs && callers.includes(caller))
      .slice(0, callsMax)
  }
}
