/** Listens for the writer of an adopted answer until that writer is there, and forgets nothing meanwhile. */
import type { Fault } from '../fault/fault.ts'
import type { EntryListener } from '../store/journal.ts'

export class Ears implements EntryListener {
  #writer: EntryListener | null = null
  #lost: Fault | null = null
  #isCancelled = false

  /** Everything goes to this one from now on, what was heard before at once. */
  give(writer: EntryListener): void {
    this.#writer = writer
    if (this.#lost) writer.onLost(this.#lost)
    else if (this.#isCancelled) writer.onCancel()
  }

  onKept(keptCount: number): void {
    this.#writer?.onKept(keptCount)
  }

  onLost(fault: Fault): void {
    if (this.#writer) this.#writer.onLost(fault)
    else this.#lost = fault
  }

  onCancel(): void {
    if (this.#writer) this.#writer.onCancel()
    else this.#isCancelled = true
  }
}
