/**
 * The events of one answer in the file: first what has been packed, then pieces, each of which names the one before it.
 * Whoever reads learns the pieces from the last one backwards, once, and remembers them.
 */
import type { Outcome } from './journal.ts'
import { Damage, type SqliteFile } from './sqlite-file.ts'
import { unpack, unpackAsides } from './sqlite-piece.ts'

/** What the rows of an answer and of its head say. */
export interface AnswerState {
  readonly outcome: Outcome | null
  readonly count: number
  readonly lastPiece: number
  readonly packedTo: number
  readonly packedCount: number
  readonly isCancelled: boolean
  /** Wall time from which it is no longer there; null while it is under way. */
  readonly forgetMs: number | null
  readonly owner: number | null
}

const stateSql = `
  SELECT a.outcome, coalesce(h.count, a.count) AS count, coalesce(h.last_piece, a.last_piece) AS lastPiece,
    a.packed_to AS packedTo, a.packed_count AS packedCount,
    a.is_cancelled OR h.cancel_ms IS NOT NULL AS isCancelled, a.forget_ms AS forgetMs, h.owner
  FROM answer a LEFT JOIN head h ON h.answer = a.id WHERE a.id = ?`

/** Null when there is no such answer. */
export function readState(file: SqliteFile, answer: number): AnswerState | null {
  const row = file.sql(stateSql).get(answer)
  return row ? { ...(row as unknown as AnswerState), isCancelled: row['isCancelled'] === 1 } : null
}

/** Pieces that are learnt in one go: some milliseconds. */
const learnMax = 2000

interface PieceRow {
  readonly sum: number
  readonly lengths: Uint8Array | null
  readonly data: Uint8Array
}

/** The events of one row; `asides` only where they were asked for and there are some. */
interface Stretch {
  readonly firstSeq: number
  readonly events: readonly Buffer[]
  readonly asides: readonly (Buffer | null)[] | null
}

export class SqliteChain {
  #file: SqliteFile
  #answer: number
  #packedTo = 0
  #packedCount = 0
  /** Pieces from the first unpacked one on, and the number of the first event of each. */
  #ids: number[] = []
  #seqs: number[] = []
  /** Pieces learnt on the way back that do not reach those above yet, the newest first. */
  #walked: { ids: number[]; seqs: number[]; next: number } | null = null

  constructor(file: SqliteFile, answer: number) {
    this.#file = file
    this.#answer = answer
  }

  /** Pieces that are not packed, oldest first; all of them once `learn` has said so. */
  get pieces(): readonly number[] {
    return this.#ids
  }

  /** Within one transaction with `state`. False when there is more to learn: call it again. @throws {Damage} */
  learn({ lastPiece, packedTo, packedCount }: AnswerState): boolean {
    this.#packedTo = packedTo
    this.#packedCount = packedCount
    while ((this.#ids[0] ?? Number.POSITIVE_INFINITY) <= packedTo) this.#dropPacked()
    for (let left = learnMax; left > 0; left--) {
      const knownTo = Math.max(packedTo, this.#ids.at(-1) ?? 0)
      this.#walked ??= lastPiece > knownTo ? { ids: [], seqs: [], next: lastPiece } : null
      if (!this.#walked) return true
      if (this.#walked.next <= knownTo) this.#join(this.#walked)
      else this.#stepBack(this.#walked)
    }
    return false
  }

  /** Events from number `from` on, as many as fit and at least one; within the transaction of `learn`. */
  read(from: number, bytesMax: number, count: number): Buffer[] {
    const found: Buffer[] = []
    let bytes = 0
    for (let seq = from; seq < count; ) {
      const { firstSeq, events } = this.#stretchAt(seq, false)
      for (const event of events.slice(seq - firstSeq)) {
        bytes += event.length
        if (bytes > bytesMax && found.length > 0) return found
        found.push(event)
        seq++
      }
    }
    return found
  }

  /** The events of the row that holds number `seq`, from that on, with their asides. */
  readRow(seq: number): { event: Buffer; aside: Buffer | null }[] {
    const { firstSeq, events, asides } = this.#stretchAt(seq, true)
    return events.map((event, i) => ({ event, aside: asides?.[i] ?? null })).slice(seq - firstSeq)
  }

  #dropPacked(): void {
    const count = this.#ids.findIndex((id) => id > this.#packedTo)
    this.#ids.splice(0, count === -1 ? this.#ids.length : count)
    this.#seqs.splice(0, count === -1 ? this.#seqs.length : count)
  }

  #stepBack(walked: { ids: number[]; seqs: number[]; next: number }): void {
    const row = this.#file.sql('SELECT prev, first_seq, answer FROM piece WHERE id = ?').get(walked.next)
    if (!row || row['answer'] !== this.#answer || (row['prev'] as number) >= walked.next)
      throw new Damage(`piece ${walked.next} of the journal is gone`)
    walked.ids.push(walked.next)
    walked.seqs.push(row['first_seq'] as number)
    walked.next = row['prev'] as number
  }

  #join({ ids, seqs }: { ids: number[]; seqs: number[] }): void {
    this.#walked = null
    // What was packed while it was being learnt is not needed.
    for (let i = ids.length - 1; i >= 0; i--) {
      if ((ids[i] ?? 0) <= this.#packedTo) continue
      this.#ids.push(ids[i] ?? 0)
      this.#seqs.push(seqs[i] ?? 0)
    }
  }

  #stretchAt(seq: number, withAsides: boolean): Stretch {
    const stretch = seq < this.#packedCount ? this.#packedAt(seq) : this.#pieceAt(seq, withAsides)
    if (seq < stretch.firstSeq || seq >= stretch.firstSeq + stretch.events.length)
      throw new Damage(`event ${seq} of an answer is not where it should be`)
    return stretch
  }

  #packedAt(seq: number): Stretch {
    const row = this.#file
      .sql(
        `SELECT first_seq, sum, lengths, data, aside_lengths, aside_data FROM packed
        WHERE answer = ? AND first_seq <= ? ORDER BY first_seq DESC LIMIT 1`,
      )
      .get(this.#answer, seq)
    if (!row) throw new Damage('packed events of the journal are gone')
    const { lengths, data, sum } = row as unknown as PieceRow
    const asideLengths = row['aside_lengths'] as Uint8Array | null
    return {
      firstSeq: row['first_seq'] as number,
      events: unpack(lengths, data, sum),
      asides: asideLengths && unpackAsides(asideLengths, row['aside_data'] as Uint8Array),
    }
  }

  #pieceAt(seq: number, withAsides: boolean): Stretch {
    const index = this.#indexOf(seq)
    const id = this.#ids[index] ?? 0
    const row = this.#file.sql('SELECT sum, lengths, data FROM piece WHERE id = ?').get(id)
    if (!row) throw new Damage(`piece ${id} of the journal is gone`)
    const { lengths, data, sum } = row as unknown as PieceRow
    const aside = withAsides ? this.#file.sql('SELECT lengths, data FROM aside WHERE piece = ?').get(id) : undefined
    return {
      firstSeq: this.#seqs[index] ?? 0,
      events: unpack(lengths, data, sum),
      asides: aside ? unpackAsides(aside['lengths'] as Uint8Array, aside['data'] as Uint8Array) : null,
    }
  }

  /** The last piece that begins at or before `seq`. */
  #indexOf(seq: number): number {
    let low = 0
    let high = this.#seqs.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if ((this.#seqs[middle] ?? 0) <= seq) low = middle
      else high = middle - 1
    }
    return low
  }
}
