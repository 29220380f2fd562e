/**
 * The journal in SQLite (WAL): survives the death of the gateway, and is one for all processes of a machine. Events of
 * one turn, over all answers, are committed together; an event is delivered only after its commit.
 */
import { writeFileSync } from 'node:fs'
import type { DatabaseSync } from 'node:sqlite'
import type { Ray } from '../fault/ray.ts'
import type { Clock, Timer } from '../ground/clock.ts'
import type { Adopted, AnswerInfo, EntryListener, Journal, JournalCursor, JournalEntry } from './journal.ts'
import type { JournalOptions } from './journal-options.ts'
import { answerOverheadBytes, eventOverheadBytes, foundMax, orphansMax } from './retention.ts'
import { readState } from './sqlite-chain.ts'
import { infoColumns, infoOf, isDamageFault, readAll, type Shelf, SqliteCursor } from './sqlite-cursor.ts'
import { SqliteEntry } from './sqlite-entry.ts'
import { isBusy, reasonOf, type SqliteFile } from './sqlite-file.ts'
import { countTotal, forgetAnswer, readTotal } from './sqlite-forget.ts'
import { beatsPerLease, SqliteLease } from './sqlite-lease.ts'
import { SqliteReadings } from './sqlite-readings.ts'
import type { RecoveryLog } from './sqlite-recovery.ts'
import { openJournalFile, suspectPath } from './sqlite-schema.ts'
import { SqliteSweep } from './sqlite-sweep.ts'
import { SqliteWriter } from './sqlite-writer.ts'

/** What other processes have done is looked for so often. */
const pollPeriodMs = 200
/** An error that does not end is said so often. */
const notePeriodMs = 60_000

const orphansSql = `
  SELECT a.ray FROM head h JOIN answer a ON a.id = h.answer
  WHERE h.owner IS NULL OR h.owner IN (SELECT value FROM json_each(?)) OR h.owner NOT IN (SELECT id FROM node)
  ORDER BY h.answer LIMIT ${orphansMax}`
const orphanSql = `
  SELECT a.*, r.data AS request, h.owner, h.epoch, h.count AS head_count, h.last_piece AS head_piece,
    h.bytes AS head_bytes, h.passing_bytes, h.cancel_ms
  FROM answer a JOIN head h ON h.answer = a.id LEFT JOIN request r ON r.answer = a.id WHERE a.ray = ?`

type Row = Record<string, unknown>

export class SqliteJournal implements Journal, Shelf {
  readonly engine = 'sqlite'
  readonly file: SqliteFile
  readonly clock: Clock
  readonly lease: SqliteLease
  #path: string
  #share: DatabaseSync
  #log: RecoveryLog | null
  #writer: SqliteWriter
  #sweep: SqliteSweep
  #timers: readonly Timer[]
  #readings: SqliteReadings
  #dataVersion = -1
  #liveBytes = 0
  #isClosed = false
  #isSuspect = false
  /** When an error of each kind was last said. */
  #notedMs = new Map<string, number>()

  /**
   * @param path of the file, the same for all processes of the machine.
   * @param node name of this process, unique for each start.
   * @throws {Error} in words when the file cannot be used.
   */
  constructor(path: string, clock: Clock, options: JournalOptions, node: string, log: RecoveryLog | null = null) {
    this.clock = clock
    this.#path = path
    this.#log = log
    const { file, share } = openJournalFile(path, clock, options, log)
    this.file = file
    this.#share = share
    this.lease = new SqliteLease(file, clock, node, options.leaseMs)
    this.#writer = new SqliteWriter(file, clock, options, this.lease)
    this.#readings = new SqliteReadings({ file, clock, options, live: this.#writer.live })
    this.#sweep = new SqliteSweep(
      { file, clock, options, lease: this.lease },
      { onTotal: (total) => void (this.#writer.total = total), onFail: (cause) => this.#note('sweep', cause) },
    )
    this.#timers = [
      clock.every(options.leaseMs / beatsPerLease, () => this.#beat()),
      clock.every(pollPeriodMs, () => this.#poll()),
    ]
  }

  get keptBytes(): number {
    return this.#writer.keptBytes
  }

  get liveBytes(): number {
    try {
      this.#liveBytes = Number(this.file.sql('SELECT total(bytes) AS bytes FROM head').get()?.['bytes'])
    } catch {
      // Another process is in the way: the last number will do.
    }
    return this.#liveBytes
  }

  get answerCount(): number {
    return this.#writer.answerCount
  }

  begin(
    answer: AnswerInfo,
    request: Buffer | null,
    listener: EntryListener,
    soleName: string | null = null,
    sinceMs = 0,
  ): JournalEntry {
    return this.#writer.begin(answer, request, listener, soleName, sinceMs)
  }

  async open(id: string): Promise<JournalCursor | null> {
    await this.#writer.flush(isNamed(id))
    return this.#look(() => {
      const answer = this.#answerOf(id)
      return answer === null ? null : this.#cursor(answer)
    })
  }

  async find(caller: string, callKey: string): Promise<readonly JournalCursor[]> {
    await this.#writer.flush(({ info }) => info.callKey === callKey && info.caller === caller)
    return this.#look(() =>
      this.file
        .sql(
          `SELECT id FROM answer WHERE caller = ? AND call_key = ? AND (forget_ms IS NULL OR forget_ms > ?)
          ORDER BY id DESC LIMIT ${foundMax}`,
        )
        .all(caller, callKey, this.clock.nowMs())
        .map((row) => this.#cursor(row['id'] as number))
        .filter((cursor) => cursor !== null),
    )
  }

  async recall(ray: Ray): Promise<Adopted['events'] | null> {
    await this.#writer.flush(isNamed(ray))
    const entry = [...this.#writer.live].find(({ info, id }) => info.ray === ray && id !== 0)
    return entry ? this.#minding(() => readAll(this, entry.id, entry.keptCount)) : null
  }

  isReadElsewhere(ray: Ray): Promise<boolean> {
    return this.#minding(() => this.#readings.isElsewhere(ray))
  }

  async orphans(): Promise<readonly Ray[]> {
    return this.#look(() =>
      this.file
        .sql(orphansSql)
        .all(this.lease.silentIds())
        .map((row) => row['ray'] as Ray),
    )
  }

  async adopt(ray: Ray, listener: EntryListener): Promise<Adopted | null> {
    await this.#writer.flush(isNamed(ray))
    const row = await this.#change(() => this.#take(ray))
    if (!row) return null
    const entry = this.#entryOf(row, listener)
    let events: Adopted['events'] | null = null
    try {
      events = await this.#minding(() => readAll(this, entry.id, entry.keptCount))
    } catch (cause) {
      entry.deafen()
      // Nobody can go on with what cannot be read.
      if (isDamageFault(cause)) entry.seal('failed')
      else entry.release()
      throw cause
    }
    if (!events) {
      entry.deafen()
      this.#writer.lose(entry, 'the answer was removed')
      return null
    }
    const request = row['request'] as Uint8Array | null
    const isCancelled = row['cancel_ms'] !== null
    return { info: entry.info, entry, request: request && Buffer.from(request), events, isCancelled }
  }

  async bury(node: string): Promise<void> {
    if (node !== this.lease.name) await this.#change(() => this.lease.bury(node))
  }

  async cancel(id: string): Promise<boolean> {
    await this.#writer.flush(isNamed(id))
    const answer = await this.#change(() => {
      const answer = this.#answerOf(id)
      const { changes } = this.file
        .sql('UPDATE head SET cancel_ms = coalesce(cancel_ms, ?) WHERE answer = ?')
        .run(this.clock.nowMs(), answer)
      return changes === 0 ? null : answer
    })
    if (answer === null) return false
    const entry = this.#entry(answer)
    if (entry) tellCancel(entry)
    return true
  }

  async remove(id: string): Promise<boolean> {
    await this.#writer.flush(isNamed(id))
    const answer = await this.#change(() => {
      const answer = this.#answerOf(id)
      if (answer !== null) this.#writer.total = countTotal(this.file, -forgetAnswer(this.file, answer), -1)
      return answer
    })
    if (answer === null) return false
    const entry = this.#entry(answer)
    if (entry) this.#writer.lose(entry, 'the answer was removed')
    return true
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    for (const timer of this.#timers) timer.cancel()
    this.#sweep.close()
    this.#writer.close()
    this.file.close()
    this.#share.close()
  }

  get readNoteMs(): number {
    return this.#readings.noteMs
  }

  noteRead(answer: number): void {
    this.#readings.add(answer)
  }

  noteDamage(cause: unknown): void {
    if (!isDamageFault(cause)) return
    this.#note('read', cause)
    if (this.#isSuspect) return
    this.#isSuspect = true
    try {
      writeFileSync(suspectPath(this.#path), '')
    } catch (error) {
      this.#note('mark', error)
    }
  }

  #note(step: 'beat' | 'mark' | 'poll' | 'read' | 'sweep', cause: unknown): void {
    const nowMs = this.clock.monotonicMs()
    if (nowMs - (this.#notedMs.get(step) ?? Number.NEGATIVE_INFINITY) >= notePeriodMs) {
      this.#notedMs.set(step, nowMs)
      this.#log?.warn({ step, detail: reasonOf(cause) }, 'the journal met an error')
    }
    if (step !== 'read') this.noteDamage(cause)
  }

  async #look<T>(run: () => T): Promise<T> {
    return this.#minding(() => this.file.patiently(() => this.file.read(run)))
  }

  async #change<T>(run: () => T): Promise<T> {
    return this.#minding(() => this.file.patiently(() => this.file.write(run)))
  }

  async #minding<T>(run: () => Promise<T>): Promise<T> {
    try {
      return await run()
    } catch (cause) {
      this.noteDamage(cause)
      throw cause
    }
  }

  /** By ray, else by alias; null when it is not there, or past its time. */
  #answerOf(id: string): number | null {
    const row =
      this.file.sql('SELECT id, forget_ms FROM answer WHERE ray = ?').get(id) ??
      this.file.sql('SELECT id, forget_ms FROM answer WHERE id = (SELECT answer FROM alias WHERE id = ?)').get(id)
    if (!row) return null
    const forgetMs = row['forget_ms'] as number | null
    return forgetMs !== null && forgetMs <= this.clock.nowMs() ? null : (row['id'] as number)
  }

  #cursor(answer: number): JournalCursor | null {
    const row = this.file.sql(`SELECT ${infoColumns} FROM answer WHERE id = ?`).get(answer)
    const state = readState(this.file, answer)
    return row && state ? new SqliteCursor(this, answer, infoOf(row), state) : null
  }

  compact(): void {
    this.#sweep.compact()
  }

  #entry(answer: number): SqliteEntry | undefined {
    return [...this.#writer.live].find(({ id }) => id === answer)
  }

  /** Takes the lease of an orphan; null when it is none. */
  #take(ray: Ray): Row | null {
    this.lease.look()
    const row = this.file.sql(orphanSql).get(ray)
    if (!row || !this.lease.isSilent(row['owner'] as number | null)) return null
    if (this.lease.isBeatDue || !this.lease.isListed) this.lease.beat()
    this.file
      .sql('UPDATE head SET owner = ?, epoch = epoch + 1, left_ms = NULL WHERE answer = ?')
      .run(this.lease.id, row['id'] as number)
    return row
  }

  #entryOf(row: Row, listener: EntryListener): SqliteEntry {
    const entry = new SqliteEntry(this.#writer, infoOf(row), listener)
    entry.id = row['id'] as number
    entry.epoch = (row['epoch'] as number) + 1
    entry.keptCount = row['head_count'] as number
    entry.count = entry.keptCount
    entry.lastPiece = row['head_piece'] as number
    entry.bytes = row['head_bytes'] as number
    entry.passingBytes = row['passing_bytes'] as number
    entry.eventBytes = entry.bytes - entry.passingBytes - answerOverheadBytes - entry.count * eventOverheadBytes
    entry.isCancelTold = row['cancel_ms'] !== null
    this.#writer.live.add(entry)
    return entry
  }

  /** A sign of life while there is something to hold, a look at the others', and what was read. */
  #beat(): void {
    try {
      this.lease.look()
      if (this.#writer.live.size > 0 && this.lease.isBeatDue) this.#writer.commit()
      this.#sweep.ease(this.keptBytes)
      this.#readings.note()
    } catch (cause) {
      if (!isBusy(cause)) this.#note('beat', cause)
    }
  }

  /** What other processes did: answers taken or removed, cancels, room. */
  #poll(): void {
    try {
      const version = Number(this.file.sql('PRAGMA data_version').get()?.['data_version'])
      if (version === this.#dataVersion) return
      this.#dataVersion = version
      this.#writer.total = readTotal(this.file)
      this.#checkHeads()
    } catch (cause) {
      if (!isBusy(cause)) this.#note('poll', cause)
    }
  }

  #checkHeads(): void {
    const owner = this.lease.id
    if (this.#writer.live.size === 0 || owner < 0) return
    const heads = new Map(
      this.file
        .sql('SELECT answer, epoch, cancel_ms FROM head WHERE owner = ?')
        .all(owner)
        .map((row) => [row['answer'], row]),
    )
    for (const entry of this.#writer.live) {
      if (entry.id === 0 || entry.isGone) continue
      const head = heads.get(entry.id)
      if (head?.['epoch'] !== entry.epoch) this.#writer.lose(entry, 'another node has the answer, or it was removed')
      else if (head['cancel_ms'] !== null) tellCancel(entry)
    }
  }
}

/** What was done here just now is found as well: whether an entry is known by this name. */
const isNamed =
  (id: string) =>
  ({ info, pendingAliases }: SqliteEntry): boolean =>
    info.ray === id || pendingAliases.includes(id)

function tellCancel(entry: SqliteEntry): void {
  if (entry.isCancelTold) return
  entry.isCancelTold = true
  entry.listener.onCancel()
}
