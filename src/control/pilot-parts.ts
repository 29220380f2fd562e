/** What whoever decides about the fleet has at hand. */
import type { Note } from '../observe/fact.ts'
import type { Random } from '../ground/random.ts'
import type { AskGolden } from './deploy/golden-prompt.ts'
import type { Notebook } from './notebook.ts'

export interface PilotParts {
  readonly notebook: Notebook
  /** Asks a replica a golden prompt. Left out, nobody answers. */
  readonly ask?: AskGolden
  /** Draws the real calls that are kept for a gate. Left out, none are. */
  readonly random?: Random
  readonly note: (note: Note) => void
}
