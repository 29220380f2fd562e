/** A look at one answer of the shared file, whoever writes it: what has been committed. */
import type { Ray } from '../fault/ray.ts'
import type { Clock } from '../ground/clock.ts'
import type { Adopted, AnswerInfo, JournalCursor, Outcome } from './journal.ts'
import { type AnswerState, readState, SqliteChain } from './sqlite-chain.ts'
import { isDamage, type SqliteFile } from './sqlite-file.ts'
import type { SqliteLease } from './sqlite-lease.ts'

/** What a cursor needs of its journal. */
export interface Shelf {
  readonly file: SqliteFile
  readonly clock: Clock
  readonly lease: SqliteLease
  /** So long one note of a reading is enough, milliseconds; infinite when readings do not matter. */
  readonly readNoteMs: number
  /** Notes that an answer was read, so that it is kept. */
  noteRead(answer: number): void
  /** The file does not fit together any more. */
  noteDamage(cause: unknown): void
}

/** Columns of an answer that make up its info. */
export const infoColumns = 'id, ray, route, model, caller, began_ms, is_stream, is_stored, call_key'

export function infoOf(row: Record<string, unknown>): AnswerInfo {
  return {
    ray: row['ray'] as Ray,
    route: row['route'] as string,
    model: row['model'] as string,
    caller: row['caller'] as string,
    beganMs: row['began_ms'] as number,
    isStream: row['is_stream'] === 1,
    isStored: row['is_stored'] === 1,
    callKey: row['call_key'] as string | null,
  }
}

/** The other work of the process gets its turn. */
const turn = async (clock: Clock): Promise<void> => new Promise((resolve) => void clock.after(0, resolve))

export class SqliteCursor implements JournalCursor {
  readonly info: AnswerInfo
  outcome: Outcome | null = null
  count = 0
  isCancelled = false
  isOrphan = false
  #shelf: Shelf
  #answer: number
  #chain: SqliteChain
  #notedMs = Number.NEGATIVE_INFINITY

  constructor(shelf: Shelf, answer: number, info: AnswerInfo, state: AnswerState) {
    this.#shelf = shelf
    this.#answer = answer
    this.info = info
    this.#chain = new SqliteChain(shelf.file, answer)
    this.#take(state)
  }

  async read(from: number, bytesMax: number): Promise<readonly Buffer[] | null> {
    for (;;) {
      const events = await this.#look(Math.max(0, from), bytesMax)
      if (events !== 'more') return events
      await turn(this.#shelf.clock)
    }
  }

  async #look(from: number, bytesMax: number): Promise<readonly Buffer[] | 'more' | null> {
    const { file, clock } = this.#shelf
    try {
      return await file.patiently(() =>
        file.read(() => {
          const state = readState(file, this.#answer)
          if (!state || (state.forgetMs ?? Number.POSITIVE_INFINITY) <= clock.nowMs()) return null
          if (from < state.count && !this.#chain.learn(state)) return 'more'
          this.#take(state)
          this.#note()
          return this.#chain.read(from, bytesMax, state.count)
        }),
      )
    } catch (thrown) {
      this.#shelf.noteDamage(thrown)
      throw thrown
    }
  }

  #note(): void {
    const nowMs = this.#shelf.clock.monotonicMs()
    if (nowMs - this.#notedMs < this.#shelf.readNoteMs) return
    this.#notedMs = nowMs
    this.#shelf.noteRead(this.#answer)
  }

  #take({ outcome, count, isCancelled, owner }: AnswerState): void {
    this.outcome = outcome
    this.count = count
    this.isCancelled = isCancelled
    this.isOrphan = outcome === null && this.#shelf.lease.isSilent(owner)
  }
}

/** All events of an answer with their asides, the first `count`; a few rows at a time. @throws {Fault} */
export async function readAll(shelf: Shelf, answer: number, count: number): Promise<Adopted['events'] | null> {
  const { file, clock } = shelf
  const chain = new SqliteChain(file, answer)
  const events: { event: Buffer; aside: Buffer | null }[] = []
  for (;;) {
    const isDone = await file.patiently(() =>
      file.read(() => {
        const state = readState(file, answer)
        if (!state) return null
        if (!chain.learn(state)) return false
        for (let rows = 0; rows < 1000 && events.length < count; rows++)
          for (const each of chain.readRow(events.length)) events.push(each)
        return events.length >= count
      }),
    )
    if (isDone === null) return null
    if (isDone) return events
    await turn(clock)
  }
}

/** Whether a fault came from damage. */
export const isDamageFault = (thrown: unknown): boolean =>
  isDamage(thrown) || (thrown instanceof Error && isDamage(thrown.cause))
