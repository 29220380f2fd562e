/**
 * The answers that the answer cache has in a journal file, for operators: what there is, and its names taken away. The
 * answers themselves stay for those whose they are. The gateway may be running, or not.
 */
import type { Clock } from '../ground/clock.ts'
import { SqliteFile } from './sqlite-file.ts'

/** The names that the cache gives: between these two. */
const [firstName, endName] = ['answer/', 'answer0']
const kindsMax = 10_000

export interface AnswerChoice {
  /** Name of the key for which they were made; null: any. */
  readonly key: string | null
  /** As callers name it; null: any. */
  readonly model: string | null
}

/** Kept answers of one key and model. */
export interface KeptKind {
  readonly key: string
  readonly model: string
  readonly count: number
  readonly bytes: number
  /** When the call of the newest began, milliseconds since 1970. */
  readonly newestMs: number
}

const isChosen = '(?1 IS NULL OR a.caller = ?1) AND (?2 IS NULL OR a.model = ?2)'
const listSql = `
  SELECT a.caller AS key, a.model, count(*) AS count, total(a.bytes) AS bytes, max(a.began_ms) AS newestMs
  FROM alias n JOIN answer a ON a.id = n.answer
  WHERE n.id >= '${firstName}' AND n.id < '${endName}' AND ${isChosen} AND (a.forget_ms IS NULL OR a.forget_ms > ?3)
  GROUP BY 1, 2 ORDER BY 1, 2 LIMIT ${kindsMax}`
const purgeSql = `
  DELETE FROM alias WHERE id >= '${firstName}' AND id < '${endName}'
    AND answer IN (SELECT a.id FROM answer a WHERE ${isChosen})`

export class SqliteKeptAnswers implements Disposable {
  #file: SqliteFile
  #clock: Clock

  /** @throws when it is no journal, or cannot be read */
  constructor(path: string, clock: Clock) {
    this.#file = new SqliteFile(path, clock, 'normal')
    this.#clock = clock
  }

  list({ key, model }: AnswerChoice): KeptKind[] {
    return this.#file.sql(listSql).all(key, model, this.#clock.nowMs()) as unknown as KeptKind[]
  }

  /** How many are no longer found. */
  async purge({ key, model }: AnswerChoice): Promise<number> {
    const run = (): number => Number(this.#file.sql(purgeSql).run(key, model).changes)
    return this.#file.patiently(() => this.#file.write(run))
  }

  [Symbol.dispose](): void {
    this.#file.close()
  }
}
