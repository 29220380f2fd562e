/** How answers leave the shared file, and how their room is counted. All within write transactions. */
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
