/**
 * Forgetting in the shared file, by whichever process comes first, a few milliseconds at a time. Answers leave by their
 * clocks; pieces are cut off at the front, as far as no answer that is kept begins before. One that is kept long and
 * holds up much behind it is packed: its pieces move out of the way.
 */
import type { Clock, Timer } from '../ground/clock.ts'
import type { JournalOptions } from './journal-options.ts'
import { orphanPatienceMs } from './retention.ts'
import { readState, SqliteChain } from './sqlite-chain.ts'
import { isBusy, type SqliteFile } from './sqlite-file.ts'
import { countTotal, endAnswer, forgetAnswer, forgetOldest, readTotal, type Total } from './sqlite-forget.ts'
import type { SqliteLease } from './sqlite-lease.ts'
import { pack, packAsides } from './sqlite-piece.ts'

const sweepPeriodMs = 15_000
/** Between two steps, so that the process does its other work; longer when another process is writing. */
const stepPauseMs = 2
const busyPauseMs = 20
const stepsMax = 100_000
/** What one step does at most. */
const stepAnswers = 200
const stepPieces = 1000
const stepBytes = 2 ** 20
const stepPages = 256
/** Free pages that stay in the file for what is written next, and the share of the file above which they do not. */
const sparePages = 2048
const spareShare = 1 / 4
/** From this share of the room on, the oldest are forgotten before somebody has to wait for it; down to that. */
const crowdedShare = 15 / 16
const easedShare = 14 / 16

const staleSql = `
  SELECT h.answer, h.count, h.last_piece AS lastPiece, h.bytes, h.passing_bytes AS passingBytes
  FROM head h LEFT JOIN node n ON n.id = h.owner
  WHERE (h.owner IS NULL OR n.id IS NULL OR n.id IN (SELECT value FROM json_each(?1)))
    AND coalesce(CASE WHEN h.owner IS NULL THEN h.left_ms END, n.beat_ms, 0) <= ?2 LIMIT ?3`

interface StaleRow {
  readonly answer: number
  readonly count: number
  readonly lastPiece: number
  readonly bytes: number
  readonly passingBytes: number
}

/** Does a little; true when there is more to do. */
type Step = () => boolean

export class SqliteSweep {
  #file: SqliteFile
  #clock: Clock
  #options: JournalOptions
  #lease: SqliteLease
  #onTotal: (total: Total) => void
  #onFail: (cause: unknown) => void
  #timer: Timer
  #isRunning = false
  #isClosed = false
  #hasFreed = false
  #packing: { answer: number; chain: SqliteChain } | null = null

  constructor(
    parts: { file: SqliteFile; clock: Clock; options: JournalOptions; lease: SqliteLease },
    listener: { onTotal: (total: Total) => void; onFail: (cause: unknown) => void },
  ) {
    this.#file = parts.file
    this.#clock = parts.clock
    this.#options = parts.options
    this.#lease = parts.lease
    this.#onTotal = listener.onTotal
    this.#onFail = listener.onFail
    this.#timer = parts.clock.every(sweepPeriodMs, () => this.#sweep())
  }

  /** The journal is filling: forgets the oldest without waiting for its turn. */
  ease(bytes: number): void {
    if (bytes <= this.#options.totalBytesMax * crowdedShare) return
    this.#start([() => this.#makeRoom(), ...this.#cuts])
  }

  /** The disk is short: gives back whatever is free in the file, and moves together what is kept. */
  compact(): void {
    this.#start([() => this.#forgetPast(), () => this.#packFront(), ...this.#cuts, () => this.#freePages(0)])
  }

  close(): void {
    this.#isClosed = true
    this.#timer.cancel()
  }

  #sweep(): void {
    if (this.#isRunning) return
    try {
      if (!this.#isOurTurn()) return
    } catch (cause) {
      if (!isBusy(cause)) this.#onFail(cause)
      return
    }
    this.#start([
      () => this.#failOrphans(),
      () => this.#forgetPast(),
      () => this.#makeRoom(),
      () => this.#packFront(),
      ...this.#cuts,
      () => this.#forgetNodes(),
    ])
  }

  get #cuts(): Step[] {
    return [() => this.#cutPieces(), () => this.#cutAsides(), () => this.#freePages()]
  }

  /** Another process may have swept just now. */
  #isOurTurn(): boolean {
    const nowMs = this.#clock.nowMs()
    const { changes } = this.#file
      .sql('UPDATE total SET swept_ms = ?1 WHERE swept_ms <= ?1 - ?2 OR swept_ms > ?1')
      .run(nowMs, sweepPeriodMs * 0.9)
    return changes !== 0
  }

  #start(steps: readonly Step[]): void {
    if (this.#isRunning || this.#isClosed) return
    this.#isRunning = true
    this.#go([...steps], stepsMax)
  }

  #go(steps: Step[], left: number): void {
    const [step] = steps
    if (this.#isClosed || !step || left === 0) return this.#stop()
    let pauseMs = stepPauseMs
    try {
      if (!this.#file.write(step)) steps.shift()
    } catch (cause) {
      if (isBusy(cause)) pauseMs = busyPauseMs
      else {
        this.#onFail(cause)
        steps.shift()
      }
    }
    this.#clock.after(pauseMs, () => this.#go(steps, left - 1))
  }

  #stop(): void {
    this.#isRunning = false
    if (this.#isClosed || !this.#hasFreed) return
    this.#hasFreed = false
    try {
      // Only then does the file become shorter.
      this.#file.database.exec('PRAGMA wal_checkpoint(PASSIVE)')
    } catch (cause) {
      if (!isBusy(cause)) this.#onFail(cause)
    }
  }

  /** What nobody adopted has failed. */
  #failOrphans(): boolean {
    const nowMs = this.#clock.nowMs()
    const limitMs = nowMs - orphanPatienceMs(this.#options)
    const rows = this.#file.sql(staleSql).all(this.#lease.silentIds(), limitMs, stepAnswers) as unknown as StaleRow[]
    for (const { answer, count, lastPiece, bytes, passingBytes } of rows) {
      endAnswer(this.#file, answer, { outcome: 'failed', nowMs, count, lastPiece, bytes: bytes - passingBytes })
      this.#onTotal(countTotal(this.#file, -passingBytes, 0))
    }
    return rows.length === stepAnswers
  }

  #forgetPast(): boolean {
    const rows = this.#file
      .sql('SELECT id FROM answer WHERE forget_ms <= ? ORDER BY forget_ms LIMIT ?')
      .all(this.#clock.nowMs(), stepAnswers) as unknown as { id: number }[]
    let bytes = 0
    for (const { id } of rows) bytes += forgetAnswer(this.#file, id)
    this.#onTotal(countTotal(this.#file, -bytes, -rows.length))
    return rows.length === stepAnswers
  }

  #makeRoom(): boolean {
    const before = readTotal(this.#file)
    const surplusBytes = before.bytes - this.#options.totalBytesMax * easedShare
    if (surplusBytes <= 0) return false
    const after = forgetOldest(this.#file, surplusBytes, stepAnswers)
    this.#onTotal(after)
    return after.answers < before.answers
  }

  /** Cuts the front of the pieces off. The last one stays, for numbers must go on growing: if need be, an empty one. */
  #cutPieces(): boolean {
    const { low, high } = this.#file
      .sql('SELECT (SELECT min(id) FROM piece) AS low, (SELECT max(id) FROM piece) AS high')
      .get() as unknown as { low: number | null; high: number | null }
    if (low === null || high === null) return false
    const row = this.#file.sql('SELECT min(first_piece) AS front FROM answer').get()
    const front = (row?.['front'] as number | null) ?? Number.MAX_SAFE_INTEGER
    let last = high
    if (front > high && !this.#isMark(high))
      this.#file
        .sql(`INSERT INTO piece (id, answer, prev, first_seq, sum, data) VALUES (?, 0, 0, 0, 0, x'')`)
        .run((last = high + 1))
    const limit = Math.min(front, last)
    if (low >= limit) return false
    const to = Math.min(this.#stretchEnd(low), limit)
    this.#file.sql('DELETE FROM piece WHERE id < ?').run(to)
    return to < limit
  }

  #isMark(piece: number): boolean {
    return this.#file.sql('SELECT answer FROM piece WHERE id = ?').get(piece)?.['answer'] === 0
  }

  /** Where the pieces end that are cut in one step. */
  #stretchEnd(from: number): number {
    let bytes = 0
    let end = from
    for (const row of this.#file
      .sql('SELECT id, length(data) AS bytes FROM piece WHERE id >= ? ORDER BY id LIMIT ?')
      .all(from, stepPieces) as unknown as { id: number; bytes: number }[]) {
      end = row.id + 1
      if ((bytes += row.bytes) > 4 * stepBytes) break
    }
    return end
  }

  /** Asides are only for those who go on with an answer. */
  #cutAsides(): boolean {
    const live = this.#file.sql('SELECT min(a.first_piece) AS front FROM head h JOIN answer a ON a.id = h.answer').get()
    const front = (live?.['front'] as number | null) ?? Number.MAX_SAFE_INTEGER
    const low = this.#file.sql('SELECT min(piece) AS low FROM aside').get()?.['low'] as number | null
    this.#file
      .sql(
        `UPDATE packed SET aside_lengths = NULL, aside_data = NULL
        WHERE aside_lengths IS NOT NULL AND answer NOT IN (SELECT answer FROM head)`,
      )
      .run()
    if (low === null || low >= front) return false
    const rows = this.#file
      .sql('SELECT piece FROM aside WHERE piece >= ? AND piece < ? ORDER BY piece LIMIT ?')
      .all(low, front, stepPieces) as unknown as { piece: number }[]
    this.#file.sql('DELETE FROM aside WHERE piece <= ?').run(rows.at(-1)?.piece ?? 0)
    return rows.length === stepPieces
  }

  /** Moves pieces of the answer at the front into a row of their own, while most of the file is dead behind it. */
  #packFront(): boolean {
    if (!this.#isMostlyDead()) return this.#endPacking()
    const front = this.#file.sql('SELECT id, first_piece FROM answer ORDER BY first_piece LIMIT 1').get() as unknown as
      | { id: number; first_piece: number }
      | undefined
    const high = Number(this.#file.sql('SELECT max(id) AS high FROM piece').get()?.['high'] ?? 0)
    const state = front && front.first_piece <= high ? readState(this.#file, front.id) : null
    if (!front || !state) return this.#endPacking()
    if (this.#packing?.answer !== front.id)
      this.#packing = { answer: front.id, chain: new SqliteChain(this.#file, front.id) }
    const { chain } = this.#packing
    if (!chain.learn(state)) return true
    const events: { event: Buffer; aside: Buffer | null }[] = []
    let bytes = 0
    let count = 0
    for (; count < chain.pieces.length && count < stepPieces / 4 && bytes < stepBytes / 2; count++) {
      for (const each of chain.readRow(state.packedCount + events.length)) {
        events.push(each)
        bytes += each.event.length
      }
    }
    this.#writePacked(front.id, state.packedCount, events, state.outcome === null)
    this.#file
      .sql('UPDATE answer SET packed_to = ?, packed_count = packed_count + ?, first_piece = ? WHERE id = ?')
      .run(chain.pieces[count - 1] ?? state.packedTo, events.length, chain.pieces[count] ?? high + 1, front.id)
    return true
  }

  #writePacked(
    answer: number,
    firstSeq: number,
    events: readonly { event: Buffer; aside: Buffer | null }[],
    isLive: boolean,
  ): void {
    if (events.length === 0) return
    const { lengths, data, sum } = pack(events.map(({ event }) => event))
    const asides = isLive ? packAsides(events.map(({ aside }) => aside)) : null
    this.#file
      .sql(
        `INSERT INTO packed (answer, first_seq, sum, lengths, data, aside_lengths, aside_data)
        VALUES (?, ?, ?, ?, ?, ?, ?)`,
      )
      .run(answer, firstSeq, sum, lengths, data, asides?.lengths ?? null, asides?.data ?? null)
  }

  #endPacking(): boolean {
    this.#packing = null
    return false
  }

  #pragma(name: 'page_count' | 'freelist_count' | 'page_size'): number {
    return Number(this.#file.sql(`PRAGMA ${name}`).get()?.[name])
  }

  /** More than twice what is kept, and a good deal more. */
  #isMostlyDead(): boolean {
    const usedBytes = (this.#pragma('page_count') - this.#pragma('freelist_count')) * this.#pragma('page_size')
    return usedBytes > 2 * readTotal(this.#file).bytes + this.#options.totalBytesMax / 8
  }

  /** Gives the disk back what is not needed soon. */
  #freePages(pages = Math.max(sparePages, this.#pragma('page_count') * spareShare)): boolean {
    const surplus = this.#pragma('freelist_count') - pages
    if (surplus <= 0) return false
    this.#hasFreed = true
    this.#file.database.exec(`PRAGMA incremental_vacuum(${Math.min(stepPages, Math.ceil(surplus))})`)
    return surplus > stepPages
  }

  #forgetNodes(): boolean {
    this.#lease.forgetNodes()
    return false
  }
}
