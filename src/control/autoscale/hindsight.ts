/** What was said of steps beforehand, and how right it was; about the last day counts. */
import type { Outlook, ScaleRow, StepSeen } from './scale-row.ts'

const recentMax = 180
const memorySteps = 1440
const sayings = 64

export class Hindsight {
  readonly recent: StepSeen[] = []
  /** By the number of the step that it is about. */
  readonly #said = new Map<number, Outlook>()
  #errors = 0
  #loads = 0
  #below = 0
  #weight = 0
  #count = 0

  say(step: number, outlook: Outlook): void {
    this.#said.set(step, outlook)
    for (const old of this.#said.keys()) {
      if (this.#said.size <= sayings) break
      this.#said.delete(old)
    }
  }

  /** `step` is over. A load that is NaN teaches nothing. */
  saw(step: number, load: number, { atMs, ready }: Pick<StepSeen, 'atMs' | 'ready'>): void {
    const said = this.#said.get(step)
    this.#said.delete(step)
    this.recent.push({ atMs, load: Number.isNaN(load) ? null : load, said: said ?? null, ready })
    if (this.recent.length > recentMax) this.recent.shift()
    if (!said || Number.isNaN(load)) return
    const keep = 2 ** (-1 / memorySteps)
    this.#errors = this.#errors * keep + Math.abs(load - said.p50)
    this.#loads = this.#loads * keep + load
    this.#below = this.#below * keep + Number(load <= said.p90)
    this.#weight = this.#weight * keep + 1
    this.#count++
  }

  get judged(): ScaleRow['judged'] {
    if (this.#loads === 0) return null
    return { wape: this.#errors / this.#loads, below90: this.#below / this.#weight, count: this.#count }
  }
}
