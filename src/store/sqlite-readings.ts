/**
 * Who reads an answer, and when: noted in the shared file now and then, so that it is kept for those who come back, and
 * so that its writer knows of readers on other nodes.
 */
import type { Ray } from '../fault/ray.ts'
import type { Clock } from '../ground/clock.ts'
import type { JournalOptions } from './journal-options.ts'
import type { SqliteEntry } from './sqlite-entry.ts'
import type { SqliteFile } from './sqlite-file.ts'

/** A reading is noted at most so often: for this share of `keepReadMs`, and not more than this. */
const readNoteShare = 1 / 8
const readNoteMsMax = 30_000

const noteSql = `
  UPDATE answer SET read_ms = max(coalesce(read_ms, 0), ?1), forget_ms = CASE WHEN sealed_ms IS NULL THEN NULL
    ELSE forget_at(began_ms, sealed_ms, max(coalesce(read_ms, 0), ?1), is_stored) END WHERE id = ?2`
const lookSql = 'SELECT id, read_ms FROM answer WHERE id IN (SELECT value FROM json_each(?)) AND read_ms IS NOT NULL'

interface Question {
  readonly ray: Ray
  readonly resolve: (isRead: boolean) => void
  readonly reject: (cause: unknown) => void
}

export interface ReadingsParts {
  readonly file: SqliteFile
  readonly clock: Clock
  readonly options: JournalOptions
  /** The answers that this process writes. */
  readonly live: Iterable<SqliteEntry>
}

export class SqliteReadings {
  #parts: ReadingsParts
  /** Answers that were read since the last note, and until when that counts. */
  #fresh = new Map<number, number>()
  /** Asked in this turn. */
  #questions: Question[] = []

  constructor(parts: ReadingsParts) {
    this.#parts = parts
  }

  get noteMs(): number {
    const { keepReadMs } = this.#parts.options
    return keepReadMs === 0 ? Number.POSITIVE_INFINITY : Math.min(keepReadMs * readNoteShare, readNoteMsMax)
  }

  /** An answer is read. Counts for the readings that are not noted after it, too. */
  add(answer: number): void {
    const { options, clock } = this.#parts
    if (options.keepReadMs > 0) this.#fresh.set(answer, clock.nowMs() + this.noteMs)
  }

  /** Writes down what was read. @throws when the file is busy or refuses; nothing is forgotten then. */
  note(): void {
    if (this.#fresh.size === 0) return
    const { file, live } = this.#parts
    const fresh = this.#fresh
    file.write(() => {
      for (const [answer, readMs] of fresh) file.sql(noteSql).run(readMs, answer)
    })
    for (const entry of live) entry.readMs = Math.max(entry.readMs, fresh.get(entry.id) ?? 0)
    this.#fresh = new Map()
  }

  /**
   * Whether an answer of this process is read on another node. When a balancer goes away all its callers leave in one
   * turn: one look at the file is enough for all of their answers.
   */
  isElsewhere(ray: Ray): Promise<boolean> {
    return new Promise((resolve, reject) => {
      if (this.#questions.push({ ray, resolve, reject }) === 1) this.#parts.clock.soon(() => void this.#answer())
    })
  }

  async #answer(): Promise<void> {
    const questions = this.#questions
    this.#questions = []
    const asked = new Set(questions.map(({ ray }) => ray))
    const entries = [...this.#parts.live].filter(({ id, info }) => id !== 0 && asked.has(info.ray))
    try {
      const read = entries.length === 0 ? new Set<Ray>() : await this.#look(entries)
      for (const { ray, resolve } of questions) resolve(read.has(ray))
    } catch (cause) {
      for (const { reject } of questions) reject(cause)
    }
  }

  async #look(entries: readonly SqliteEntry[]): Promise<Set<Ray>> {
    const { file, clock, options } = this.#parts
    const ids = JSON.stringify(entries.map(({ id }) => id))
    const rows = await file.patiently(() => file.read(() => file.sql(lookSql).all(ids)))
    const readMsById = new Map(rows.map((row) => [Number(row['id']), Number(row['read_ms'])]))
    const sinceMs = clock.nowMs() - options.leaseMs
    const isRead = ({ id, readMs }: SqliteEntry): boolean => {
      const foundMs = readMsById.get(id) ?? 0
      return foundMs > readMs && foundMs >= sinceMs
    }
    return new Set(entries.filter(isRead).map(({ info }) => info.ray))
  }
}
