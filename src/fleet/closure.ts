/**
 * Planned maintenance that is in force, as it meets new calls: upstreams that get none where others offer the model,
 * and models that are not to be had. Whoever cannot be served is told to the millisecond when that is over.
 */
import { Fault, momentWords } from '../fault/fault.ts'
import type { Target } from './target.ts'
import type { Upstream } from './upstream.ts'

/** By name: until when, milliseconds since 1970. */
export interface Closed {
  readonly upstreams: ReadonlyMap<string, number>
  readonly models: ReadonlyMap<string, number>
}

export class Closure {
  readonly #models: ReadonlyMap<string, number>
  readonly #nowMs: () => number

  constructor(models: ReadonlyMap<string, number>, nowMs: () => number) {
    this.#models = models
    this.#nowMs = nowMs
  }

  /** @throws {Fault} HF_MAINTENANCE for a model that is not to be had. */
  need(model: string): void {
    const untilMs = this.#models.get(model) ?? 0
    if (untilMs > this.#nowMs()) throw this.#fault(untilMs)
  }

  /** The target without those of its upstreams that are closed. @throws {Fault} HF_MAINTENANCE when none is left. */
  open(target: Target): Target {
    const members = target.members.filter(({ upstream }) => upstream.closedLeftMs === 0)
    if (members.length === target.members.length) return target
    if (members.length > 0) return { ...target, members }
    throw this.#fault(Math.min(...target.members.map(({ upstream }) => upstream.closedUntilMs)))
  }

  /** @throws {Fault} HF_MAINTENANCE when one of these is closed. */
  needAny(upstreams: readonly Upstream[]): void {
    const closed = upstreams.filter(({ closedLeftMs }) => closedLeftMs > 0)
    if (closed.length > 0) throw this.#fault(Math.min(...closed.map(({ closedUntilMs }) => closedUntilMs)))
  }

  #fault(untilMs: number): Fault {
    // For the record; the caller is told the moment itself.
    const detail = `until ${momentWords(untilMs)}`
    return new Fault('HF_MAINTENANCE', { detail, untilMs, retryAfterMs: Math.max(1, untilMs - this.#nowMs()) })
  }
}
