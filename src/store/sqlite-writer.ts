/**
 * The group commit: what all answers of this process got in one turn is written in one transaction, and told to have
 * been kept after it. In the same transaction each answer's head is moved on, if it is still as this process left it:
 * the fence against a writer whose lease has passed to another.
 */
import { Fault } from '../fault/fault.ts'
import type { Clock } from '../ground/clock.ts'
import { Crowd } from '../ground/crowd.ts'
import type { AnswerInfo, EntryListener } from './journal.ts'
import type { JournalOptions } from './journal-options.ts'
import { answerOverheadBytes, forgetAtMs } from './retention.ts'
import { type EntryKeeper, SqliteEntry } from './sqlite-entry.ts'
import { faultOf, isBusy, type SqliteFile } from './sqlite-file.ts'
import { countTotal, endAnswer, forgetOldest, readTotal, type Total } from './sqlite-forget.ts'
import type { SqliteLease } from './sqlite-lease.ts'
import { pack, packAsides } from './sqlite-piece.ts'

/** After the disk has failed, new work is refused and one try to write is made in this time. */
const retryPeriodMs = 1000
/** Another process is writing: the next try, and how long we try. */
const busyPauseMs = 1
const busyMaxMs = 5000
/** Commits are put off for so many others at most: whoever waits for an event waits for its commit. */
const othersMax = 3
/** Making room blocks the process: so long for others' commits, and so many answers at once. */
const roomWaitMs = 50
const roomAnswers = 64

/** What is written to see whether the disk takes it: what an answer takes, not what may just fit. */
const probeBytes = 65_536
/** A piece of no answer; it goes with those around it. */
const probeSql = `
  INSERT INTO piece (id, answer, prev, first_seq, sum, data)
  SELECT coalesce(max(id), 0) + 1, 0, 0, 0, 0, zeroblob(?) FROM piece`

const headSql = `
  UPDATE head SET count = ?, last_piece = ?, bytes = ?, passing_bytes = ?
  WHERE answer = ? AND owner = ? AND epoch = ? AND count = ?`
const answerSql = `
  INSERT INTO answer (ray, route, model, caller, began_ms, is_stream, is_stored, call_key, first_piece)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`
/** One that ended before it was first committed; what only one under way needs is not written. */
const wholeSql = `
  INSERT INTO answer (ray, route, model, caller, began_ms, is_stream, is_stored, call_key, first_piece, last_piece,
    count, bytes, outcome, sealed_ms, forget_ms)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`
/** An answer that a repetition of its call may have bears this name. */
const bearerSql = `
  SELECT 1 FROM alias n JOIN answer a ON a.id = n.answer
  WHERE n.id = ?1 AND (a.outcome IS NULL OR a.outcome = 'complete' AND a.sealed_ms >= ?3)
    AND (a.forget_ms IS NULL OR a.forget_ms > ?2)`

export class SqliteWriter implements EntryKeeper {
  readonly live = new Crowd<SqliteEntry>()
  #file: SqliteFile
  #clock: Clock
  #options: JournalOptions
  #lease: SqliteLease
  /** What the next commit writes; an array and not a Set, see `ground/crowd.ts`. */
  #dirty: SqliteEntry[] = []
  #isScheduled = false
  #isClosed = false
  #lastCommitMs = Number.NEGATIVE_INFINITY
  #failedMs: number | null = null
  #busySinceMs: number | null = null
  #waiting: (() => void)[] = []
  #total: Total
  /** Claimed by events that are not committed yet. */
  #claimedBytes = 0
  #nextPiece = 0

  constructor(file: SqliteFile, clock: Clock, options: JournalOptions, lease: SqliteLease) {
    this.#file = file
    this.#clock = clock
    this.#options = options
    this.#lease = lease
    this.#total = readTotal(file)
  }

  get isBehind(): boolean {
    return this.#options.delivery === 'behind'
  }

  get keptBytes(): number {
    return this.#total.bytes + this.#claimedBytes
  }

  get answerCount(): number {
    return this.#total.answers + this.#dirty.filter(({ id, isGone }) => id === 0 && !isGone).length
  }

  /** As another process or the sweep has left it. */
  set total(total: Total) {
    this.#total = total
  }

  begin(
    info: AnswerInfo,
    request: Buffer | null,
    listener: EntryListener,
    soleName: string | null,
    sinceMs: number,
  ): SqliteEntry {
    if (this.#isClosed) throw new Fault('HF_JOURNAL_FULL', { detail: 'the journal is closed' })
    if (this.#failedMs !== null && !this.#isWritableAgain())
      throw new Fault('HF_JOURNAL_FULL', { detail: 'the disk refuses writes' })
    const entry = new SqliteEntry(this, info, listener)
    entry.request = request && request.length <= this.#options.requestBytesMax ? request : null
    entry.pendingPassingBytes = entry.request?.length ?? 0
    entry.pendingBytes = answerOverheadBytes + entry.pendingPassingBytes
    this.#needRoom(entry.pendingBytes)
    this.#claimedBytes += entry.pendingBytes
    this.live.add(entry)
    entry.soleName = soleName
    entry.soleSinceMs = sinceMs
    if (soleName !== null) entry.alias(soleName)
    this.touch(entry)
    return entry
  }

  claim(entry: SqliteEntry, eventBytes: number, chargedBytes: number): void {
    if (entry.eventBytes + eventBytes > this.#options.answerBytesMax) throw new Fault('HF_UPSTREAM_TOO_LARGE')
    this.#needRoom(chargedBytes)
    this.#claimedBytes += chargedBytes
  }

  claimEnd(chargedBytes: number): void {
    this.#claimedBytes += chargedBytes
  }

  touch(entry: SqliteEntry): void {
    if (!entry.isDirty) this.#dirty.push(entry)
    entry.isDirty = true
    this.schedule()
  }

  /**
   * The first commit after a pause comes at once. Only one process at a time can commit: where several do, each does so
   * more seldom, and more at once.
   */
  schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    const windowMs = this.#options.commitWindowMs * (1 + Math.min(this.#lease.otherCount, othersMax))
    const waitMs = this.#lastCommitMs + windowMs - this.#clock.monotonicMs()
    if (waitMs > 0) this.#clock.after(waitMs, () => this.commit())
    else this.#clock.soon(() => this.commit())
  }

  /** Resolves when what has been done so far to answers that match is in the file, or is lost. */
  async flush(matches: (entry: SqliteEntry) => boolean): Promise<void> {
    if (!this.#dirty.some(matches)) return
    this.commit()
    if (this.#busySinceMs !== null) await new Promise<void>((resolve) => void this.#waiting.push(resolve))
  }

  /** Writes what is due now: events, ends and a sign of life. */
  commit(): void {
    this.#isScheduled = false
    if (this.#isClosed || (this.#dirty.length === 0 && this.live.size === 0)) return
    try {
      this.#file.sql('BEGIN IMMEDIATE').run()
    } catch (cause) {
      if (isBusy(cause) && this.#isPatient()) return this.#comeBack(busyPauseMs)
      return this.#fail(this.#takeDirty(), cause)
    }
    const entries = this.#takeDirty()
    const fresh = entries.filter(({ id }) => id === 0)
    try {
      const lost = this.#writeAll(entries, fresh.length > 0)
      this.#file.sql('COMMIT').run()
      this.#settle(entries, lost)
    } catch (cause) {
      for (const entry of fresh) entry.id = 0 // its row was rolled back, and another answer may get that number
      this.#fail(entries, cause)
    }
  }

  /** The answer is in other hands, or gone. */
  lose(entry: SqliteEntry, detail: string): void {
    if (entry.isGone) return
    this.#leave(entry)
    this.#claimedBytes -= entry.drop()
    entry.deafen().onLost(new Fault('HF_LEASE_LOST', { detail }))
  }

  /** Writes what is left and gives all leases back; waits a little for others that write. */
  close(): void {
    if (this.#isClosed) return
    for (const entry of this.live) entry.release()
    this.#file.waitFor(2000, () => this.commit())
    this.#isClosed = true
    const fault = new Fault('HF_JOURNAL_FULL', { detail: 'the journal is closed' })
    for (const entry of this.live) this.#spoil(entry, fault)()
    this.#wake()
  }

  #takeDirty(): SqliteEntry[] {
    this.#busySinceMs = null
    const entries = this.#dirty
    this.#dirty = []
    for (const entry of entries) entry.isDirty = false
    return entries.filter(({ isGone }) => !isGone)
  }

  #isPatient(): boolean {
    this.#busySinceMs ??= this.#clock.monotonicMs()
    return this.#clock.monotonicMs() - this.#busySinceMs < busyMaxMs
  }

  #comeBack(waitMs: number): void {
    this.#isScheduled = true
    this.#clock.after(waitMs, () => this.commit())
  }

  /** Those that are not ours any more; nothing of them is written. */
  #writeAll(entries: readonly SqliteEntry[], hasFresh: boolean): Set<SqliteEntry> {
    if (this.#lease.isBeatDue || (hasFresh && !this.#lease.isListed)) this.#lease.beat()
    this.#nextPiece = Number(this.#file.sql('SELECT max(id) AS last FROM piece').get()?.['last'] ?? 0) + 1
    const lost = new Set<SqliteEntry>()
    let bytes = 0
    let answers = 0
    for (const entry of entries) {
      const isFresh = entry.id === 0
      if (!this.#write(entry)) {
        lost.add(entry)
        continue
      }
      bytes += entry.pendingBytes
      if (entry.outcome) bytes -= entry.passingBytes + entry.pendingPassingBytes
      if (isFresh) answers++
    }
    if (bytes !== 0 || answers !== 0) this.#total = countTotal(this.#file, bytes, answers)
    return lost
  }

  /** False when the lease is lost. */
  #write(entry: SqliteEntry): boolean {
    const prev = entry.lastPiece
    const isGrown = entry.pending.length > 0
    const piece = isGrown ? this.#nextPiece : prev
    const isWhole = entry.id === 0 && entry.outcome !== null
    if (!(entry.id === 0 ? this.#enter(entry, piece) : this.#moveHead(entry, piece))) return false
    if (isGrown) this.#writePiece(entry, prev)
    entry.nextLastPiece = piece
    for (const id of entry.pendingAliases)
      this.#file.sql('INSERT OR REPLACE INTO alias (id, answer) VALUES (?, ?)').run(id, entry.id)
    if (entry.outcome && !isWhole) {
      const bytes = entry.bytes + entry.pendingBytes - entry.passingBytes - entry.pendingPassingBytes
      const { outcome, count } = entry
      endAnswer(this.#file, entry.id, { outcome, nowMs: this.#clock.nowMs(), count, lastPiece: piece, bytes })
    }
    if (entry.isReleased)
      this.#file.sql('UPDATE head SET owner = NULL, left_ms = ? WHERE answer = ?').run(this.#clock.nowMs(), entry.id)
    return true
  }

  #enter(entry: SqliteEntry, piece: number): boolean {
    const { ray, route, model, caller, beganMs, isStream, isStored, callKey } = entry.info
    const { soleName, soleSinceMs, outcome, count } = entry
    const nowMs = this.#clock.nowMs()
    if (soleName !== null && this.#file.sql(bearerSql).get(soleName, nowMs, soleSinceMs)) return false
    const row = [ray, route, model, caller, beganMs, isStream ? 1 : 0, isStored ? 1 : 0, callKey, this.#nextPiece]
    const lastBytes = entry.pendingBytes - entry.pendingPassingBytes
    const forgetMs = forgetAtMs({ beganMs, sealedMs: nowMs, readMs: null, isStored }, this.#options)
    const { changes, lastInsertRowid } = outcome
      ? this.#file.sql(wholeSql).run(...row, piece, count, lastBytes, outcome, nowMs, forgetMs)
      : this.#file.sql(answerSql).run(...row)
    if (changes === 0) return false
    entry.id = Number(lastInsertRowid)
    if (outcome) return true
    if (entry.request) this.#file.sql('INSERT INTO request (answer, data) VALUES (?, ?)').run(entry.id, entry.request)
    this.#file
      .sql(
        'INSERT INTO head (answer, owner, epoch, count, last_piece, bytes, passing_bytes) VALUES (?, ?, ?, ?, ?, ?, ?)',
      )
      .run(entry.id, this.#lease.id, entry.epoch, entry.count, piece, entry.pendingBytes, entry.pendingPassingBytes)
    return true
  }

  #moveHead(entry: SqliteEntry, piece: number): boolean {
    const bytes = entry.bytes + entry.pendingBytes
    const passingBytes = entry.passingBytes + entry.pendingPassingBytes
    return (
      this.#file
        .sql(headSql)
        .run(...[entry.count, piece, bytes, passingBytes], ...[entry.id, this.#lease.id, entry.epoch, entry.keptCount])
        .changes !== 0
    )
  }

  #writePiece(entry: SqliteEntry, prev: number): void {
    const id = this.#nextPiece++
    const { lengths, data, sum } = pack(entry.pending)
    this.#file
      .sql('INSERT INTO piece (id, answer, prev, first_seq, sum, lengths, data) VALUES (?, ?, ?, ?, ?, ?, ?)')
      .run(id, entry.id, prev, entry.keptCount, sum, lengths, data)
    const asides = entry.pendingAsides && packAsides(entry.pendingAsides)
    if (asides)
      this.#file.sql('INSERT INTO aside (piece, lengths, data) VALUES (?, ?, ?)').run(id, asides.lengths, asides.data)
  }

  /** The commit has come about. */
  #settle(entries: readonly SqliteEntry[], lost: ReadonlySet<SqliteEntry>): void {
    this.#lastCommitMs = this.#clock.monotonicMs()
    const told: (() => void)[] = []
    for (const entry of entries) {
      if (lost.has(entry)) {
        told.push(() => this.lose(entry, 'another node has the answer, or it was removed'))
        continue
      }
      const isGrown = entry.count > entry.keptCount
      if (isGrown) this.#failedMs = null // an end alone may fit where an event does not
      this.#claimedBytes -= entry.pendingBytes
      entry.settle()
      const { listener, keptCount } = entry
      if (isGrown) told.push(() => listener.onKept(keptCount))
      if (entry.outcome || entry.isReleased) {
        this.#leave(entry)
        entry.deafen()
      }
    }
    for (const tell of told) tell()
    this.#wake()
  }

  #fail(entries: readonly SqliteEntry[], cause: unknown): void {
    if (this.#file.database.isTransaction) this.#file.sql('ROLLBACK').run()
    this.#lease.unbeat()
    this.#failedMs = this.#clock.monotonicMs()
    this.#lastCommitMs = this.#failedMs
    const fault = new Fault('HF_JOURNAL_FULL', { detail: faultOf(cause).detail, cause })
    const told: (() => void)[] = []
    for (const entry of entries) {
      const isNews = entry.id === 0 || entry.pending.length > 0 || entry.pendingAliases.length > 0
      if (isNews) told.push(this.#spoil(entry, fault))
      if (entry.isGone) continue
      entry.isDirty = true
      this.#dirty.push(entry) // its end is written with the next commit that works
    }
    if (this.#dirty.length > 0 && !this.#isScheduled) this.#comeBack(retryPeriodMs)
    for (const tell of told) tell()
    this.#wake()
  }

  /** What was pending is lost: what is kept before it is all there will be of the answer. */
  #spoil(entry: SqliteEntry, fault: Fault): () => void {
    this.#claimedBytes -= entry.drop()
    entry.count = entry.keptCount
    entry.outcome = 'failed'
    entry.isReleased = false
    if (entry.id === 0) this.#leave(entry)
    const listener = entry.deafen()
    return () => listener.onLost(fault)
  }

  #leave(entry: SqliteEntry): void {
    if (entry.isGone) return
    entry.isGone = true
    this.live.remove(entry)
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve()
  }

  #isWritableAgain(): boolean {
    if (this.#clock.monotonicMs() - (this.#failedMs ?? 0) < retryPeriodMs) return false
    try {
      this.#file.write(() => this.#file.sql(probeSql).run(probeBytes))
      this.#failedMs = null
      return true
    } catch {
      this.#failedMs = this.#clock.monotonicMs()
      return false
    }
  }

  /** Ended answers make room, if they must. @throws {Fault} when live ones alone fill the journal. */
  #needRoom(bytes: number): void {
    const { totalBytesMax } = this.#options
    const missingBytes = (): number => this.keptBytes + bytes - totalBytesMax
    if (missingBytes() <= 0) return
    try {
      for (let before = Number.POSITIVE_INFINITY; missingBytes() > 0 && this.#total.answers < before; ) {
        before = this.#total.answers
        // A good deal more than is needed, so that a full journal does not do this at every event.
        const neededBytes = missingBytes() + totalBytesMax / 64
        this.#total = this.#file.waitFor(roomWaitMs, () =>
          this.#file.write(() => forgetOldest(this.#file, neededBytes, roomAnswers)),
        )
      }
    } catch (cause) {
      throw new Fault('HF_JOURNAL_FULL', { detail: faultOf(cause).detail, cause })
    }
    if (missingBytes() > 0) throw new Fault('HF_JOURNAL_FULL')
  }
}
