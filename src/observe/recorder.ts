/** Where facts go: the one contract between those who see something and the record. */
import type { ExchangeFact } from './exchange-fact.ts'
import type { Note } from './fact.ts'

export interface Recorder {
  /** Keeps a fact, of this moment. Never throws, never waits: what finds no room is lost, and counted. */
  note(note: Note): void
  /** A call is settled. All are counted; those to which something happened are kept, and some of the others. */
  call(fact: ExchangeFact): void
}

/** A record that nobody reads, for tests and tools. */
export const noRecorder: Recorder = { note: () => {}, call: () => {} }
