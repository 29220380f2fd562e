/**
 * The contract of the journal: an answer is a numbered sequence of events, and each is kept here before it goes to
 * anyone's wire. The number (0, 1, 2 …) is given once, at `append`, and never changes.
 */
import type { Ray } from '../fault/ray.ts'
import { bytes, milliseconds, z } from '../ground/schema.ts'

export const journalSchema = z
  .strictObject({
    engine: z
      .enum(['memory', 'sqlite'])
      .default('sqlite')
      .meta({ description: 'Where answers are kept: `sqlite` survives the death of the gateway, `memory` does not.' }),
    sync: z.enum(['normal', 'full']).default('normal').meta({
      description:
        'When SQLite waits for the disk. `normal`: nothing is lost when the gateway dies, the last moments may be when the power fails. `full`: nothing is lost then either, each commit waits for the disk.',
    }),
    commitWindowMs: milliseconds(
      2,
      'Events that arrive within this time are committed together; the first after a pause goes at once.',
      {
        min: 0,
        max: 1000,
      },
    ),
    keepMs: milliseconds(300_000, 'How long an answer is kept after it ended.', { min: 0 }),
    answerBytesMax: bytes(64 * 2 ** 20, 'The largest answer; a larger one is refused.'),
    totalBytesMax: bytes(
      256 * 2 ** 20,
      'Size of all answers kept. Ended ones make room, oldest first; when live ones alone fill it, new work is refused.',
    ),
  })
  .prefault({})
  .meta({ description: 'The journal of answers.' })

export type JournalOptions = z.output<typeof journalSchema>

export interface AnswerInfo {
  readonly ray: Ray
  readonly route: string
  readonly model: string
  /** Name of the caller's key; empty when the gateway takes calls without one. */
  readonly caller: string
  /** Milliseconds since 1970. */
  readonly beganMs: number
}

export type Outcome = 'complete' | 'failed' | 'cancelled'

/** One answer being written, by one writer. */
export interface JournalEntry {
  /** Events appended so far, and so the number of the next one. */
  readonly count: number
  /**
   * Adds an event; the bytes must not change afterwards. It is kept once `onKept` has named a larger count, which may
   * happen within this call.
   * @throws {Fault} HF_UPSTREAM_TOO_LARGE, HF_JOURNAL_FULL: nothing of this event is kept then.
   */
  append(event: Buffer): void
  /** Ends the answer; later calls do nothing. */
  seal(outcome: Outcome): void
}

export interface KeptAnswer extends AnswerInfo {
  /** Null while it is still being written, or when its writer died. */
  readonly outcome: Outcome | null
  readonly events: readonly Buffer[]
}

export interface Journal extends AsyncDisposable {
  readonly engine: JournalOptions['engine']
  /** Bytes of events kept now. */
  readonly keptBytes: number
  /** Answers kept now, live ones included. */
  readonly answerCount: number
  /**
   * Begins an answer. `onKept` is told how many of its events are safe; only those may be delivered.
   * `onLost` is told when events could not be kept after all (the disk failed).
   * @throws {Fault} HF_JOURNAL_FULL
   */
  begin(answer: AnswerInfo, onKept: (keptCount: number) => void, onLost: (cause: unknown) => void): JournalEntry
  /** An answer with all its events, or null when there is none under this ray (any more). */
  read(ray: Ray): KeptAnswer | null
}
