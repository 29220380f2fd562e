/** Loaded before the gateway, for the bench alone: its journal in memory keeps nothing, to see what keeping costs. */
import { MemoryJournal } from '../../src/store/memory-journal.ts'
import type { EntryListener, JournalEntry } from '../../src/store/journal.ts'

class NoEntry implements JournalEntry {
  readonly epoch = 1
  count = 0
  #listener: EntryListener

  constructor(listener: EntryListener) {
    this.#listener = listener
  }

  append(): void {
    this.#listener.onKept(++this.count)
  }
  alias(): void {}
  seal(): void {}
  release(): void {}
}

MemoryJournal.prototype.begin = (_info, _request, listener) => new NoEntry(listener)
