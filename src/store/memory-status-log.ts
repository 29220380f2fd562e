/** The log of incidents in memory: for a gateway that keeps nothing on a disk. */
import type { StatusEntry, StatusLog } from './status-log.ts'

const entriesMax = 10_000

export class MemoryStatusLog implements StatusLog {
  #entries: StatusEntry[] = []
  #count = 0

  append(text: string): void {
    this.#entries.push({ number: ++this.#count, text })
    if (this.#entries.length > entriesMax) this.#entries.shift()
  }

  read(after: number, countMax: number): readonly StatusEntry[] {
    return this.#entries.filter(({ number }) => number > after).slice(0, countMax)
  }

  firstBroken(): null {
    return null
  }

  [Symbol.dispose](): void {}
}
