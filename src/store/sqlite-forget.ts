/** How answers end in the shared file and leave it, and how their room is counted. All within write transactions. */
import type { Outcome } from './journal.ts'
import type { SqliteFile } from './sqlite-file.ts'

/** What all answers take, by all processes together. */
export interface Total {
  readonly bytes: number
  readonly answers: number
}

/** Changes the count and gives the new one. */
export function countTotal(file: SqliteFile, bytes: number, answers: number): Total {
  const row = file
    .sql('UPDATE total SET bytes = bytes + ?, answers = answers + ? RETURNING bytes, answers')
    .get(bytes, answers)
  return row as unknown as Total
}

export const readTotal = (file: SqliteFile): Total =>
  file.sql('SELECT bytes, answers FROM total').get() as unknown as Total

/** An answer is gone at once; its pieces leave when all before them have. Gives the bytes that it was charged. */
export function forgetAnswer(file: SqliteFile, answer: number): number {
  const head = file.sql('DELETE FROM head WHERE answer = ? RETURNING bytes').get(answer)
  if (head) file.sql('DELETE FROM request WHERE answer = ?').run(answer)
  const row = file.sql('DELETE FROM answer WHERE id = ? RETURNING bytes, packed_count').get(answer)
  if (!row) return 0
  file.sql('DELETE FROM alias WHERE answer = ?').run(answer)
  if (row['packed_count'] !== 0) file.sql('DELETE FROM packed WHERE answer = ?').run(answer)
  return Number(head?.['bytes'] ?? row['bytes'])
}

/** Forgets ended answers, oldest first, at most `countMax`, until `neededBytes` are free. Gives the new total. */
export function forgetOldest(file: SqliteFile, neededBytes: number, countMax: number): Total {
  let freedBytes = 0
  let freedCount = 0
  const rows = file
    .sql('SELECT id FROM answer WHERE sealed_ms IS NOT NULL ORDER BY sealed_ms, id LIMIT ?')
    .all(countMax)
  for (const { id } of rows as unknown as { id: number }[]) {
    if (freedBytes >= neededBytes) break
    freedBytes += forgetAnswer(file, id)
    freedCount++
  }
  return countTotal(file, -freedBytes, -freedCount)
}

/** How the end of an answer is written: the same for its writer and for the sweep. */
export interface Ending {
  readonly outcome: Outcome
  readonly nowMs: number
  readonly count: number
  readonly lastPiece: number
  /** What it is charged from now on. */
  readonly bytes: number
}

const endSql = `
  UPDATE answer SET outcome = ?1, sealed_ms = ?2, count = ?3, last_piece = ?4, bytes = ?5,
    is_cancelled = (SELECT cancel_ms IS NOT NULL FROM head WHERE answer = id),
    forget_ms = forget_at(began_ms, ?2, read_ms, is_stored) WHERE id = ?6`

/** An answer has ended: its request is forgotten, and nobody holds it any more. */
export function endAnswer(file: SqliteFile, answer: number, ending: Ending): void {
  const { outcome, nowMs, count, lastPiece, bytes } = ending
  file.sql(endSql).run(outcome, nowMs, count, lastPiece, bytes, answer)
  file.sql('DELETE FROM head WHERE answer = ?').run(answer)
  file.sql('DELETE FROM request WHERE answer = ?').run(answer)
}
