/**
 * The metrics of all workers together. Each is asked and waited for a moment; for one that is silent stands what it
 * told last, so that one that is stuck hides nobody's numbers, and sums do not step back.
 */
import type { Worker } from 'node:cluster'
import { mergeNumbers, type Numbers } from '../observe/metric.ts'

/** A worker that does not answer within this is silent. */
const patienceMs = 1000

interface Told {
  /** Null before it has told anything. */
  numbers: Numbers | null
  /** It has yet to answer: a question more would only fill its pipe. */
  isAsked: boolean
}

interface Gathered {
  readonly known: readonly Numbers[]
  readonly silentCount: number
}

export class WorkerMetrics {
  #told = new Map<Worker, Told>()
  #ask: (worker: Worker) => void
  /** Those who ask meanwhile get the same numbers. */
  #underWay: Promise<Gathered> | null = null
  #onTold: () => void = () => {}
  #own: () => Promise<Numbers>

  /** `ask`: sends the question to a worker, whose answer comes to `hear`. `own`: what is counted outside of workers. */
  constructor(ask: (worker: Worker) => void, own: () => Promise<Numbers>) {
    this.#ask = ask
    this.#own = own
  }

  /** Text of what these workers have counted, and how many of them were silent. */
  async read(workers: readonly Worker[], isOpenMetrics: boolean): Promise<string> {
    this.#underWay ??= this.#gather(workers).finally(() => (this.#underWay = null))
    const { known, silentCount } = await this.#underWay
    return mergeNumbers(known, silentCount, isOpenMetrics)
  }

  hear(worker: Worker, numbers: Numbers): void {
    if (!this.#told.has(worker)) return // it was forgotten meanwhile
    this.#told.set(worker, { numbers, isAsked: false })
    this.#onTold()
  }

  /** It is no more. */
  forget(worker: Worker): void {
    this.#told.delete(worker)
    this.#onTold()
  }

  async #gather(workers: readonly Worker[]): Promise<Gathered> {
    for (const worker of workers) {
      const { numbers = null, isAsked = false } = this.#told.get(worker) ?? {}
      this.#told.set(worker, { numbers, isAsked: true })
      if (!isAsked) this.#ask(worker)
    }
    await this.#untilTold(workers)
    const known = workers.map((worker) => this.#told.get(worker)?.numbers ?? null).filter((each) => each !== null)
    return { known: [...known, await this.#own()], silentCount: this.#silent(workers).length }
  }

  #silent(workers: readonly Worker[]): Worker[] {
    return workers.filter((worker) => this.#told.get(worker)?.isAsked)
  }

  #untilTold(workers: readonly Worker[]): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, patienceMs)
      this.#onTold = () => {
        if (this.#silent(workers).length > 0) return
        clearTimeout(timer)
        resolve()
      }
      this.#onTold()
    })
  }
}
