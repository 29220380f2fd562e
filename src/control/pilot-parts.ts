/** What whoever decides about the fleet has at hand. */
import type { Note } from '../observe/fact.ts'
import type { Notebook } from './notebook.ts'

export interface PilotParts {
  readonly notebook: Notebook
  readonly note: (note: Note) => void
}
