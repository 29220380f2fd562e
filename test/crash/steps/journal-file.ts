/** The file of a journal, read from outside and without its code: what it holds of each answer, and what is wrong. */
import { DatabaseSync } from 'node:sqlite'
import { join } from 'node:path'
import { unpack } from '../../../src/store/sqlite-piece.ts'

export interface KeptAnswer {
  readonly id: number
  readonly ray: string
  readonly outcome: string | null
  readonly isStream: boolean
  readonly events: readonly string[]
  /** Null when its events are numbered without a gap and as many as it says. */
  readonly complaint: string | null
}

interface AnswerRow {
  readonly id: number
  readonly ray: string
  readonly outcome: string | null
  readonly is_stream: number
  readonly count: number
  readonly last_piece: number
  readonly packed_count: number
}

interface PieceRow {
  readonly answer: number
  readonly prev: number
  readonly first_seq: number
  readonly sum: number
  readonly lengths: Uint8Array | null
  readonly data: Uint8Array
}

export class JournalFile implements Disposable {
  #database: DatabaseSync

  /** @param state folder of the gateway. */
  constructor(state: string) {
    this.#database = new DatabaseSync(join(state, 'journal.db'), { timeout: 5000 })
  }

  /** Answers under way, whoever holds them. */
  get liveCount(): number {
    return Number(this.#database.prepare('SELECT count(*) AS n FROM head').get()?.['n'])
  }

  get lastId(): number {
    return Number(this.#database.prepare('SELECT max(id) AS id FROM answer').get()?.['id'] ?? 0)
  }

  /** How far the answers begun after this one have come. */
  heads(after: number): { ray: string; count: number; epoch: number }[] {
    return this.#database
      .prepare('SELECT a.ray, h.count, h.epoch FROM head h JOIN answer a ON a.id = h.answer WHERE a.id > ?')
      .all(after) as unknown as { ray: string; count: number; epoch: number }[]
  }

  /** The next one to sweep may do so at once. */
  hastenSweep(): void {
    this.#database.prepare('UPDATE total SET swept_ms = 0').run()
  }

  /** Answers begun after this one. */
  answers(after: number): KeptAnswer[] {
    const rows = this.#database
      .prepare('SELECT * FROM answer WHERE id > ? ORDER BY id')
      .all(after) as unknown as AnswerRow[]
    return rows.map((row) => {
      const { id, ray, outcome } = row
      const isStream = row.is_stream === 1
      try {
        return { id, ray, outcome, isStream, events: this.#events(row), complaint: null }
      } catch (error) {
        return { id, ray, outcome, isStream, events: [], complaint: (error as Error).message }
      }
    })
  }

  [Symbol.dispose](): void {
    this.#database.close()
  }

  /** From the last piece back to the first. @throws {Error} in words. */
  #events({ id, count, last_piece, packed_count }: AnswerRow): string[] {
    if (packed_count > 0) throw new Error('packed, which no answer here is old enough for')
    const read = this.#database.prepare('SELECT answer, prev, first_seq, sum, lengths, data FROM piece WHERE id = ?')
    let events: string[] = []
    let due = count
    for (let at = last_piece; at !== 0; ) {
      const piece = read.get(at) as unknown as PieceRow | undefined
      if (piece?.answer !== id) throw new Error(`piece ${at} is not of answer ${id}`)
      const here = unpack(piece.lengths, piece.data, piece.sum).map((event) => event.toString())
      if (piece.first_seq + here.length !== due)
        throw new Error(`events ${piece.first_seq} to ${piece.first_seq + here.length - 1} before number ${due}`)
      events = [...here, ...events]
      due = piece.first_seq
      at = piece.prev
    }
    if (due !== 0) throw new Error(`nothing before number ${due}`)
    return events
  }
}
