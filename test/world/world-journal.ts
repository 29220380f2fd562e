/**
 * The journal of one simulated gateway, on the disk that all of them share. What is written is kept a moment later; a
 * process that dies in that moment loses it, and one that was stopped for too long finds its leases gone.
 */
import { Fault } from '../../src/fault/fault.ts'
import type { Ray } from '../../src/fault/ray.ts'
import type { Clock, Timer } from '../../src/ground/clock.ts'
import type {
  Adopted,
  AnswerInfo,
  EntryListener,
  Journal,
  JournalCursor,
  JournalEntry,
  Outcome,
} from '../../src/store/journal.ts'
import type { JournalOptions } from '../../src/store/journal-options.ts'
import { WorldCursor } from './world-cursor.ts'
import { type Row, rowOverheadBytes, type WorldDisk, type Write } from './world-disk.ts'

/** How long the disk takes, milliseconds, drawn anew each time. */
export interface DiskPace {
  /** Whose time the way to the disk takes: the world's, so that what is on its way arrives though the process dies. */
  readonly clock: Clock
  /** From the asking until it is kept; null when that is at once, within the asking. */
  readonly keepMs: (() => number) | null
  /** From being kept until the asker knows. */
  readonly tellMs: () => number
  readonly readMs: () => number
  /** How often a journal looks for cancels that came in elsewhere. */
  readonly lookMs: number
}

const findMax = 16
const orphansMax = 1000

interface Batch {
  readonly writes: readonly { readonly entry: WorldEntry; readonly write: Write }[]
  /** The process died before the disk had it. */
  isLost: boolean
}

class WorldEntry implements JournalEntry {
  readonly ray: Ray
  readonly epoch: number
  readonly listener: EntryListener
  count: number
  keptCount: number
  bytes: number
  isOver = false
  isLost = false
  hasToldCancel = false
  #journal: WorldJournal

  constructor(journal: WorldJournal, ray: Ray, listener: EntryListener, row: Row | null) {
    this.#journal = journal
    this.ray = ray
    this.listener = listener
    this.epoch = row?.epoch ?? 1
    this.count = row?.events.length ?? 0
    this.keptCount = this.count
    this.bytes = row?.bytes ?? 0
  }

  append(event: Buffer, aside?: Buffer): void {
    if (this.isOver) return
    this.#journal.claim(this, event.length + (aside?.length ?? 0))
    this.#journal.put(this, { do: 'append', seq: this.count++, event, aside: aside ?? null, ...this.#claim() })
  }

  alias(id: string): void {
    if (!this.isOver) this.#journal.put(this, { do: 'alias', id, ...this.#claim() })
  }

  seal(outcome: Outcome, lastWord?: Buffer): void {
    if (this.isOver) return
    if (lastWord) {
      this.#journal.claimEnd(lastWord.length)
      this.#journal.put(this, { do: 'append', seq: this.count++, event: lastWord, aside: null, ...this.#claim() })
    }
    this.isOver = true
    this.#journal.put(this, { do: 'seal', outcome, ...this.#claim() })
  }

  release(): void {
    if (this.isOver) return
    this.isOver = true
    this.#journal.put(this, { do: 'release', ...this.#claim() })
  }

  #claim(): { ray: Ray; node: string; epoch: number } {
    return { ray: this.ray, node: this.#journal.node, epoch: this.epoch }
  }
}

export class WorldJournal implements Journal {
  /** As a database that nodes share: what is not finished may be left to others. */
  readonly engine = 'sqlite'
  readonly node: string
  #disk: WorldDisk
  #clock: Clock
  #options: JournalOptions
  #pace: DiskPace
  #entries = new Map<Ray, WorldEntry>()
  /** Lost to a disk that was full: their leases are given back as soon as it takes writes again. */
  #stranded: WorldEntry[] = []
  #waiting: { entry: WorldEntry; write: Write }[] = []
  #flying: Batch | null = null
  /** Bytes that wait to be kept. */
  #claimedBytes = 0
  #isDiskFull = false
  #timers: Timer[]

  /** @param node its name among those that share the disk; a process that is started anew has a new one. */
  constructor(node: string, disk: WorldDisk, clock: Clock, options: JournalOptions, pace: DiskPace) {
    this.node = node
    this.#disk = disk
    this.#clock = clock
    this.#options = options
    this.#pace = pace
    disk.sign(node)
    this.#timers = [
      clock.every(options.leaseMs / 4, () => this.#beat()),
      clock.every(pace.lookMs, () => this.#lookForCancels()),
    ]
  }

  get keptBytes(): number {
    this.#disk.find('') // what is past its time is forgotten
    return this.#disk.bytes + this.#claimedBytes
  }

  get liveBytes(): number {
    const live = [...this.#disk.rows.values()].filter(({ outcome }) => outcome === null)
    return live.reduce((sum, { bytes }) => sum + bytes, 0)
  }

  get answerCount(): number {
    this.#disk.find('')
    return this.#disk.rows.size + this.#begun().length
  }

  /** Answers whose lease this node believes to hold. */
  get liveCount(): number {
    return this.#entries.size
  }

  begin(
    answer: AnswerInfo,
    request: Buffer | null,
    listener: EntryListener,
    soleName: string | null = null,
    sinceMs = 0,
  ): JournalEntry {
    const kept = request && request.length <= this.#options.requestBytesMax ? request : null
    const bytes = rowOverheadBytes + (kept?.length ?? 0)
    this.#disk.find('')
    if (this.#isDiskFull || this.#isFullAtOnce) throw new Fault('HF_JOURNAL_FULL', { detail: 'the disk is full' })
    if (!this.#disk.makeRoom(bytes, this.#claimedBytes)) throw new Fault('HF_JOURNAL_FULL')
    const entry = new WorldEntry(this, answer.ray, listener, null)
    this.#entries.set(answer.ray, entry)
    this.#claimedBytes += bytes
    entry.bytes = bytes
    const since = { soleName, sinceMs: sinceMs + this.#clock.monotonicMs() - this.#clock.nowMs() }
    this.put(entry, { do: 'begin', info: answer, request: kept, node: this.node, ...since })
    return entry
  }

  async open(id: string): Promise<JournalCursor | null> {
    await this.#read()
    const row = this.#disk.find(id)
    const info = row?.info ?? this.#begun().find(({ ray }) => ray === id)
    return info ? this.#cursor(info, row) : null
  }

  async find(caller: string, callKey: string): Promise<readonly JournalCursor[]> {
    await this.#read()
    const isIt = (info: AnswerInfo): boolean => info.caller === caller && info.callKey === callKey
    const begun = this.#begun().filter(isIt).toReversed()
    const rows = this.#disk.newestFirst().filter(({ info }) => isIt(info))
    const cursors = [
      ...begun.map((info) => this.#cursor(info, null)),
      ...rows.map((row) => this.#cursor(row.info, row)),
    ]
    return cursors.slice(0, findMax)
  }

  async recall(ray: Ray): Promise<Adopted['events'] | null> {
    await this.#read()
    const row = this.#disk.rows.get(ray)
    const entry = this.#entries.get(ray)
    if (!entry) return row && row.outcome === null ? eventsOf(row) : null
    // What it wrote and is not kept yet is its own all the same; what an heir has written meanwhile is not.
    const waiting = [...(this.#flying?.writes ?? []), ...this.#waiting].flatMap(({ write }) =>
      write.do === 'append' && write.ray === ray && write.seq >= entry.keptCount ? [write] : [],
    )
    return [...(row ? eventsOf(row).slice(0, entry.keptCount) : []), ...waiting]
  }

  async isReadElsewhere(): Promise<boolean> {
    return false
  }

  async orphans(): Promise<readonly Ray[]> {
    await this.#read()
    const rows = [...this.#disk.rows.values()].filter((row) => this.#disk.isOrphan(row))
    return rows.slice(0, orphansMax).map(({ info }) => info.ray)
  }

  async adopt(ray: Ray, listener: EntryListener): Promise<Adopted | null> {
    await this.#read()
    const row = this.#disk.rows.get(ray)
    if (!row || this.#disk.isFull || !this.#disk.isOrphan(row)) return null
    // An own lease that ran out (this node was stopped) is taken anew like any other.
    const former = this.#entries.get(ray)
    this.#disk.adopt(row, this.node)
    this.#disk.sign(this.node)
    if (former) this.#lose(former, new Fault('HF_LEASE_LOST'))
    const entry = new WorldEntry(this, ray, listener, row)
    entry.hasToldCancel = row.isCancelled
    this.#entries.set(ray, entry)
    const adopted = { info: row.info, entry, request: row.request, events: eventsOf(row), isCancelled: row.isCancelled }
    await this.#told()
    return adopted
  }

  async bury(node: string): Promise<void> {
    await this.#read()
    this.#disk.bury(node)
  }

  async cancel(id: string): Promise<boolean> {
    await this.#read()
    const row = this.#disk.find(id)
    const entry = this.#entries.get((row?.info.ray ?? id) as Ray)
    if (this.#disk.isFull) return false
    if (!row && entry) {
      // It was begun a moment ago, and the disk does not know it yet.
      const { ray, epoch } = entry
      this.put(entry, { do: 'cancel', ray, epoch, node: this.node })
      return true
    }
    if (!row || row.outcome !== null) return false
    this.#disk.cancel(row, this.node)
    this.#lookForCancels()
    return true
  }

  async remove(id: string): Promise<boolean> {
    await this.#read()
    const row = this.#disk.find(id)
    const entry = this.#entries.get((row?.info.ray ?? id) as Ray)
    // Without a row it is there only if it was begun a moment ago; else another node removed it.
    const isThere = row !== null || this.#begun().some(({ ray }) => ray === id)
    if (row) this.#disk.remove(row, this.node)
    if (entry) this.#lose(entry, new Fault('HF_LEASE_LOST', { detail: 'the answer was removed' }))
    return isThere
  }

  compact(): void {}

  /** Who keeps at once also knows at once that it cannot. */
  get #isFullAtOnce(): boolean {
    return this.#pace.keepMs === null && this.#disk.isFull
  }

  /** The process was killed: what the disk does not have yet, it may or may not get. */
  die(isLost: boolean): void {
    if (this.#flying) this.#flying.isLost = isLost
    this.#waiting = []
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const timer of this.#timers) timer.cancel()
    // What is still to be written is written now, and the leases are given back; nobody is told any more.
    const rest = [...(this.#flying?.writes ?? []), ...this.#waiting]
    if (this.#flying) this.#flying.isLost = true
    this.#waiting = []
    if (this.#disk.isFull) return
    for (const { entry, write } of rest) if (!entry.isLost) this.#disk.write(write)
    for (const { ray, epoch } of this.#entries.values())
      this.#disk.write({ do: 'release', ray, epoch, node: this.node })
  }

  /** @throws {Fault} when there is no room for so many bytes more. */
  claim(entry: WorldEntry, bytes: number): void {
    if (this.#isFullAtOnce) throw new Fault('HF_JOURNAL_FULL', { detail: 'the disk is full' })
    if (entry.bytes + bytes > this.#options.answerBytesMax) throw new Fault('HF_UPSTREAM_TOO_LARGE')
    if (!this.#disk.makeRoom(bytes, this.#claimedBytes)) throw new Fault('HF_JOURNAL_FULL')
    entry.bytes += bytes
    this.#claimedBytes += bytes
  }

  claimEnd(bytes: number): void {
    this.#claimedBytes += bytes
  }

  put(entry: WorldEntry, write: Write): void {
    this.#waiting.push({ entry, write })
    if (!this.#flying) this.#flush()
  }

  /** One batch at a time is on its way to the disk; what comes meanwhile is the next. */
  #flush(): void {
    while (this.#waiting.length > 0 && !this.#flying) {
      const batch: Batch = { writes: this.#waiting, isLost: false }
      this.#waiting = []
      this.#flying = batch
      const { keepMs, tellMs } = this.#pace
      if (keepMs === null) {
        this.#arrive(batch)()
        this.#flying = null
        continue
      }
      // It arrives whatever becomes of the process meanwhile; only the news of it needs somebody who lives.
      this.#pace.clock.after(keepMs(), () => {
        const tell = batch.isLost ? () => {} : this.#arrive(batch)
        this.#clock.after(tellMs(), () => {
          this.#flying = null
          tell()
          this.#flush()
        })
      })
    }
  }

  /** The disk takes the batch; returns what is to be told of it. */
  #arrive(batch: Batch): () => void {
    const isFull = this.#disk.isFull
    const results = batch.writes.map(({ entry, write }) => {
      const isKept = !isFull && !entry.isLost && this.#disk.write(write)
      return { entry, write, isKept }
    })
    return () => {
      this.#isDiskFull = isFull
      for (const { write } of results) this.#unclaim(write)
      for (const { entry, write, isKept } of results) if (isKept && !entry.isLost) this.#kept(entry, write)
      const told = results.filter(({ write, isKept }) => isKept && write.do === 'append').map(({ entry }) => entry)
      for (const entry of new Set(told)) if (!entry.isLost) entry.listener.onKept(entry.keptCount)
      for (const { entry, isKept } of results)
        if (!isKept) this.#lose(entry, new Fault(isFull ? 'HF_JOURNAL_FULL' : 'HF_LEASE_LOST'))
    }
  }

  #cursor(info: AnswerInfo, row: Row | null): WorldCursor {
    const isWaited = (): boolean => this.#begun().some(({ ray }) => ray === info.ray)
    return new WorldCursor(this.#disk, info, row, () => this.#read(), isWaited)
  }

  /** Answers that were begun here a moment ago, so that the disk does not know them yet; oldest first. */
  #begun(): AnswerInfo[] {
    return [...(this.#flying?.writes ?? []), ...this.#waiting].flatMap(({ entry, write }) =>
      write.do === 'begin' && !entry.isLost && !this.#disk.rows.has(write.info.ray) ? [write.info] : [],
    )
  }

  #unclaim(write: Write): void {
    if (write.do === 'append') this.#claimedBytes -= write.event.length + (write.aside?.length ?? 0)
    if (write.do === 'begin') this.#claimedBytes -= rowOverheadBytes + (write.request?.length ?? 0)
  }

  #kept(entry: WorldEntry, write: Write): void {
    if (write.do === 'append') entry.keptCount = write.seq + 1
    if ((write.do === 'seal' || write.do === 'release') && this.#entries.get(entry.ray) === entry)
      this.#entries.delete(entry.ray)
  }

  #lose(entry: WorldEntry, fault: Fault): void {
    if (entry.isLost) return
    entry.isLost = true
    entry.isOver = true
    if (this.#entries.get(entry.ray) === entry) this.#entries.delete(entry.ray)
    if (fault.code === 'HF_JOURNAL_FULL') this.#stranded.push(entry)
    // Within `put` the caller is in the middle of something.
    if (this.#pace.keepMs === null) this.#clock.soon(() => entry.listener.onLost(fault))
    else entry.listener.onLost(fault)
  }

  #beat(): void {
    if (this.#disk.isFull) return
    this.#isDiskFull = false
    this.#disk.sign(this.node)
    for (const { ray, epoch } of this.#stranded.splice(0))
      this.#disk.write({ do: 'release', ray, epoch, node: this.node })
  }

  #lookForCancels(): void {
    for (const entry of this.#entries.values()) {
      if (entry.hasToldCancel || entry.isOver) continue
      if (!this.#disk.rows.get(entry.ray)?.isCancelled) continue
      entry.hasToldCancel = true
      entry.listener.onCancel()
    }
  }

  #read(): Promise<void> {
    return this.#wait(this.#pace.readMs())
  }

  #told(): Promise<void> {
    return this.#wait(this.#pace.tellMs())
  }

  #wait(delayMs: number): Promise<void> {
    if (delayMs === 0) return Promise.resolve()
    return new Promise((resolve) => this.#clock.after(delayMs, resolve))
  }
}

function eventsOf(row: Row): Adopted['events'] {
  return row.events.map(({ event }, number) => ({ event, aside: row.asides.get(number) ?? null }))
}
