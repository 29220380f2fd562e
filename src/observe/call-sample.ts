/**
 * Which calls are kept one by one. Those to which something happened: all, up to a rate that nothing normal reaches,
 * and beyond it the first few of each fault in each second, so that a flood of one does not hide another. Of the others
 * so many a second.
 */
import type { ExchangeFact } from './exchange-fact.ts'

export interface SampleOptions {
  readonly eventfulPerSecond: number
  readonly uneventfulPerSecond: number
  readonly slowMs: number
}

/** Of each fault, whatever else there is. */
const ofEachPerSecond = 10

/** Whether anything happened to a call that somebody may ask about. */
export function isEventful(fact: ExchangeFact, slowMs: number): boolean {
  const { attempts, seams, outcome, code } = fact
  if (outcome !== 'complete' || code !== null || seams.length > 0 || attempts.length > 1) return true
  const only = attempts[0]
  if (only && (only.code !== null || only.isHedge)) return true
  return isSlow(fact, slowMs)
}

export function isSlow(
  { isStream, firstTokenMs, durationMs }: Pick<ExchangeFact, 'isStream' | 'firstTokenMs' | 'durationMs'>,
  slowMs: number,
): boolean {
  return (isStream && firstTokenMs !== null ? firstTokenMs : durationMs) >= slowMs
}

export class CallSample {
  #options: SampleOptions
  #second = Number.NaN
  #eventfulCount = 0
  #uneventfulCount = 0
  /** By fault; as bounded as the table of faults. */
  #ofEach = new Map<string, number>()

  constructor(options: SampleOptions) {
    this.#options = options
  }

  /** Whether this one is kept. `nowMs`: monotonic. */
  take(code: string | null, isTold: boolean, nowMs: number): boolean {
    const second = Math.floor(nowMs / 1000)
    if (second !== this.#second) this.#begin(second)
    if (!isTold) return ++this.#uneventfulCount <= this.#options.uneventfulPerSecond
    if (++this.#eventfulCount <= this.#options.eventfulPerSecond) return true
    const ofThis = (this.#ofEach.get(code ?? '') ?? 0) + 1
    this.#ofEach.set(code ?? '', ofThis)
    return ofThis <= ofEachPerSecond
  }

  #begin(second: number): void {
    this.#second = second
    this.#eventfulCount = 0
    this.#uneventfulCount = 0
    this.#ofEach.clear()
  }
}
