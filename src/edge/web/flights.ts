/** Requests to an application that are on their way: those that come for the same meanwhile wait for the answer. */
import type { Clock } from '../../ground/clock.ts'

/** For so long an address whose answer could not be kept is not waited for. */
const passMs = 60_000
const passesMax = 4096

/** The one request for an address that the others wait for. */
export interface LeadFlight extends Disposable {
  /** False once what it asks for has been changed: its answer may be older than that. */
  readonly isCurrent: boolean
  /** Its answer cannot be kept: nobody need wait. */
  pass(): void
}

class Lead implements LeadFlight {
  isCurrent = true
  readonly done: Promise<void>
  #end: () => void
  #pass: () => void

  constructor(end: () => void, pass: () => void) {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.done = promise
    this.#end = () => {
      end()
      resolve()
    }
    this.#pass = pass
  }

  pass(): void {
    this.#pass()
    this.#end()
  }

  [Symbol.dispose](): void {
    this.#end()
  }
}

export class Flights {
  #clock: Clock
  #leads = new Map<string, Lead>()
  /** Until when it is not waited for, by address. */
  #passes = new Map<string, number>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** The first for this address leads; null while another does, or where it is not worth it. */
  lead(key: string): LeadFlight | null {
    if (this.#leads.has(key)) return null
    const lead = new Lead(
      () => {
        if (this.#leads.get(key) === lead) this.#leads.delete(key)
      },
      () => this.#notePass(key),
    )
    this.#leads.set(key, lead)
    return lead
  }

  /** Whether an answer from there is waited for: the last one could be kept, as far as is known. */
  isWorth(key: string): boolean {
    return (this.#passes.get(key) ?? 0) <= this.#clock.monotonicMs()
  }

  /** For the one on its way, at most so long. Null where there is none, or it is not waited for. */
  wait(key: string, waitMs: number): Promise<void> | null {
    const lead = this.#leads.get(key)
    if (!lead || waitMs === 0 || !this.isWorth(key)) return null
    const { promise, resolve } = Promise.withResolvers<void>()
    const timer = this.#clock.after(waitMs, resolve)
    return Promise.race([lead.done, promise]).finally(() => timer.cancel())
  }

  /** What is asked for there has been changed. */
  spoil(key: string): void {
    const lead = this.#leads.get(key)
    if (lead) lead.isCurrent = false
  }

  #notePass(key: string): void {
    this.#passes.set(key, this.#clock.monotonicMs() + passMs)
    const [oldest] = this.#passes.keys()
    if (this.#passes.size > passesMax && oldest !== undefined) this.#passes.delete(oldest)
  }
}
