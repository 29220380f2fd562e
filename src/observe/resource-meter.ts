/** What this process used since the last look: processor time, lateness, memory, files. */
import type { Clock, Timer } from '../ground/clock.ts'
import type { ResourceFact } from './fact.ts'
import { processorMs, readVitals } from './vital-signs.ts'

const lookPeriodMs = 100
/** Looks within one sample; what is beyond says nothing new. */
const looksMax = 1000

export type ResourceReading = Omit<
  ResourceFact,
  'atMs' | 'node' | 'kind' | 'ray' | 'upstream' | 'code' | 'diskFreeBytes' | 'fdCount' | 'callsLive'
>

export class ResourceMeter implements Disposable {
  readonly #clock: Clock
  readonly #timer: Timer
  #delaysMs: number[] = []
  #readMs: number
  #processorMs = processorMs()

  constructor(clock: Clock) {
    this.#clock = clock
    let lastMs = clock.monotonicMs()
    this.#readMs = lastMs
    this.#timer = clock.every(lookPeriodMs, () => {
      const nowMs = clock.monotonicMs()
      if (this.#delaysMs.length < looksMax) this.#delaysMs.push(Math.max(0, nowMs - lastMs - lookPeriodMs))
      lastMs = nowMs
    })
  }

  read(): ResourceReading {
    const nowMs = this.#clock.monotonicMs()
    const usedMs = processorMs()
    const { residentBytes, heapBytes, heapBytesMax } = readVitals()
    const reading = {
      residentBytes,
      heapBytes,
      heapBytesMax,
      loopDelayMs: round(percentile99(this.#delaysMs)),
      cpuShare: round((usedMs - this.#processorMs) / Math.max(1, nowMs - this.#readMs)),
    }
    this.#delaysMs = []
    this.#readMs = nowMs
    this.#processorMs = usedMs
    return reading
  }

  [Symbol.dispose](): void {
    this.#timer.cancel()
  }
}

/** 0 for none. */
function percentile99(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.ceil(0.99 * sorted.length) - 1] ?? 0
}

function round(value: number): number {
  return Math.round(value * 100) / 100
}
