/** What whoever decides for the pilot may use of the world. */
import type { Note } from '../observe/fact.ts'
import type { Notebook } from './notebook.ts'

export interface PilotParts {
  readonly notebook: Notebook
  readonly note: (note: Note) => void
}
