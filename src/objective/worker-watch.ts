/** What the early warning of leaks knows of one worker: the floors of its memory over twelve hours. */
import type { Condition } from '../alert/condition.ts'
import type { Signs } from './signs.ts'
import { Bins, valuesAt } from './warning/bins.ts'
import { memorySlope } from './warning/memory-slope.ts'
import { conditionsOf, OncePerBin } from './warning/once-per-bin.ts'

const binMs = 300_000
const binsMax = 144
/** A process that has just begun grows by rights. */
const youngMs = 900_000

export class WorkerWatch {
  #number: number
  #bornMs: number
  #heap = new Bins(binMs, binsMax, 'min')
  #memory = new Bins(binMs, binsMax, 'min')
  #load = new Bins(binMs, binsMax, 'mean')
  #heapSlope = new OncePerBin()
  #memorySlope = new OncePerBin()

  constructor(number: number, nowMs: number) {
    this.#number = number
    this.#bornMs = nowMs
  }

  hear({ heap, memory, callsLive }: Signs, nowMs: number): void {
    if (nowMs - this.#bornMs < youngMs) return
    this.#heap.add(nowMs, heap)
    this.#memory.add(nowMs, memory)
    this.#load.add(nowMs, callsLive)
  }

  look(): Condition[] {
    return [
      ...this.#conditions('heap', this.#heap, this.#heapSlope),
      ...this.#conditions('memory', this.#memory, this.#memorySlope),
    ]
  }

  #conditions(resource: string, bins: Bins, once: OncePerBin): Condition[] {
    const { series } = bins
    const finding = once.ask(series.x.at(-1), () => memorySlope(series, valuesAt(series, this.#load.series)))
    const worker = String(this.#number)
    const cure = '`holdfast restart` puts a new worker in its place without cutting an answer; tell us of the leak.'
    return conditionsOf(finding, 'MemoryLeak', { worker, resource }, `the ${resource} of worker ${worker}`, cure)
  }
}
