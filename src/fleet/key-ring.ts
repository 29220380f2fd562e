/**
 * The keys that the gateway shows to one provider. They are used in their order: one that was refused, is out of quota
 * or over its rate rests, and the next takes its place. A rest is no ban: when all rest, the first to be back is used.
 */
import type { FaultCode } from '../fault/code.ts'
import type { Fault } from '../fault/fault.ts'
import type { Clock } from '../ground/clock.ts'

/** Somebody has to renew the key, or to pay. */
const longRestMs = 3_600_000
/** Over its rate, and the provider did not say for how long. */
const shortRestMs = 5000

export interface Key {
  readonly secret: string
  /** In the configuration, from 1: what logs name it by. */
  readonly position: number
}

interface Kept extends Key {
  restUntilMs: number
}

/** A key has been laid aside. */
export interface KeyRest {
  readonly position: number
  readonly count: number
  readonly code: FaultCode
  readonly restMs: number
}

export class KeyRing {
  /** Set by who wants to tell of it; once for each rest. */
  onRest: (rest: KeyRest) => void = () => {}
  #keys: readonly Kept[]
  #clock: Clock

  constructor(secrets: readonly string[], clock: Clock) {
    this.#keys = secrets.map((secret, i) => ({ secret, position: i + 1, restUntilMs: 0 }))
    this.#clock = clock
  }

  /** Null where there is none. */
  pick(): Key | null {
    const nowMs = this.#keys.length > 1 ? this.#clock.monotonicMs() : 0
    let soonest: Kept | null = null
    for (const key of this.#keys) {
      if (key.restUntilMs <= nowMs) return key
      if (soonest === null || key.restUntilMs < soonest.restUntilMs) soonest = key
    }
    return soonest
  }

  /** Zero while one can be used; else until the first is back. A sole key never rests: its upstream does. */
  get restLeftMs(): number {
    if (this.#keys.length < 2) return 0
    const nowMs = this.#clock.monotonicMs()
    return Math.max(0, Math.min(...this.#keys.map(({ restUntilMs }) => restUntilMs)) - nowMs)
  }

  get count(): number {
    return this.#keys.length
  }

  get restingCount(): number {
    const nowMs = this.#clock.monotonicMs()
    return this.#keys.filter(({ restUntilMs }) => restUntilMs > nowMs).length
  }

  /** An answer came by this key. */
  succeed({ position }: Key): void {
    const key = this.#keys[position - 1]
    if (key) key.restUntilMs = 0
  }

  /** Lays the key aside if the fault is about it. Whether another one can be used now. */
  fail({ position }: Key, { code, retryAfterMs }: Fault): boolean {
    const restMs = restMsOf(code, retryAfterMs)
    const key = this.#keys[position - 1]
    if (!key || restMs === null || this.#keys.length < 2) return false
    const nowMs = this.#clock.monotonicMs()
    const isNews = key.restUntilMs <= nowMs
    key.restUntilMs = Math.max(key.restUntilMs, nowMs + restMs)
    if (isNews) this.onRest({ position, count: this.#keys.length, code, restMs })
    return this.restLeftMs === 0
  }
}

/** Null for a fault that another key would not mend. */
function restMsOf(code: FaultCode, retryAfterMs: number | undefined): number | null {
  if (code === 'HF_UPSTREAM_KEY_REFUSED' || code === 'HF_UPSTREAM_QUOTA_SPENT') return longRestMs
  return code === 'HF_UPSTREAM_RATE_LIMITED' ? (retryAfterMs ?? shortRestMs) : null
}
