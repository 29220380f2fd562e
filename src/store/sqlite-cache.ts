/**
 * A store of copies on the disk: the index in SQLite, larger bodies in files of their own, the bodies used last in
 * memory. A file is written beside its place and then named; an entry whose file is missing is no entry, and a file
 * that no entry knows is removed. So whatever a crash leaves is whole or nothing.
 */
import { mkdirSync, rmSync } from 'node:fs'
import { readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock, Timer } from '../ground/clock.ts'
import type {
  CacheChoice,
  CacheEntry,
  CacheLease,
  CacheSize,
  CacheStore,
  ListedEntry,
  NewEntry,
} from './cache-store.ts'
import { MemoryBodies } from './memory-bodies.ts'
import { type Dropped, SqliteCacheIndex } from './sqlite-cache-index.ts'
import { isBusy, isDamage, reasonOf } from './sqlite-file.ts'

/** Up to this size a body stands in the index: one page of it is read sooner than a file is opened. */
const inlineBytesMax = 32 * 1024
const markPeriodMs = 2000
/** Marks beyond these are lost, which costs a body its second chance and nothing more. */
const marksMax = 1000
/** Bodies on their way to the disk; what comes then is not kept. */
const writesMax = 64
const lentMax = 4096
/** A quarter of a second: a process that holds the index for longer was stopped in the middle. */
const writeAgainMs = 5
const writeTriesMax = 50
const dropAgainMs = 20
const dropTriesMax = 250
/** A file younger than this may be one whose entry is being written. */
const strayMs = 600_000

export interface SqliteCacheOptions {
  /** Null: in the memory of this process, shared with nobody. */
  readonly path: string | null
  /** Folder of larger bodies; beside `path`. */
  readonly folder: string
  readonly bytesMax: number
  readonly memoryBytesMax: number
  /** Larger bodies are not kept. */
  readonly entryBytesMax: number
  /** Name of this process among others that fetch what is to be kept, too; left out, nobody is told of that. */
  readonly owner?: string
  readonly warn: (detail: string) => void
}

export class SqliteCache implements CacheStore {
  #options: SqliteCacheOptions
  #index: SqliteCacheIndex
  #bodies: MemoryBodies
  #used = new Set<number>()
  #writing = new Map<number, Promise<void>>()
  #reading = new Map<number, Promise<Buffer | null>>()
  /** Bodies that somebody has still in hand, such as a slow reader: nobody reads them a second time. */
  #lent = new Map<number, WeakRef<Buffer>>()
  #isClosed = false
  #hasLeases = false
  #timer: Timer
  #clock: Clock

  /** @throws when the file cannot be opened; one that is damaged is thrown away, for there is nothing in it to lose. */
  constructor(clock: Clock, options: SqliteCacheOptions) {
    this.#clock = clock
    this.#options = options
    this.#bodies = new MemoryBodies(options.memoryBytesMax)
    this.#index = this.#open()
    this.#timer = clock.every(markPeriodMs, () => this.#mark())
    if (options.path !== null) void this.#sweep()
  }

  find(key: string): readonly CacheEntry[] {
    return this.#try(() => this.#index.find(key)) ?? []
  }

  body(entry: CacheEntry): Buffer | null | Promise<Buffer | null> {
    const { id, bodyBytes } = entry
    if (this.#used.size < marksMax) this.#used.add(id)
    if (bodyBytes === 0) return Buffer.alloc(0)
    const known = this.#bodies.get(id)
    if (known) return known
    if (bodyBytes > inlineBytesMax && this.#options.path !== null) return this.#readFile(entry)
    const body = this.#try(() => this.#index.body(id))
    if (body) this.#bodies.put(id, body)
    return body
  }

  async put(entry: NewEntry): Promise<CacheEntry | null> {
    const { length } = entry.body
    const { path, entryBytesMax, bytesMax } = this.#options
    const isInline = length <= inlineBytesMax || path === null
    if (length > Math.min(entryBytesMax, bytesMax / 4) || (!isInline && this.#writing.size >= writesMax)) return null
    const kept = await this.#patiently(() => this.#index.put(entry, isInline))
    if (kept === null) return null
    this.#forget(kept.dropped)
    if (kept.entry === null) return null
    // What was cut out of a larger buffer would keep all of that in memory.
    const body = entry.body.buffer.byteLength > length * 2 ? Buffer.from(entry.body) : entry.body
    this.#bodies.put(kept.entry.id, body, !isInline)
    if (!isInline) this.#writeFile(kept.entry.id, body)
    return kept.entry
  }

  async renew({ id }: CacheEntry, meta: string): Promise<void> {
    await this.#patiently(() => this.#index.renew(id, meta))
  }

  drop(choice: CacheChoice): number {
    // Most changes are of what is not kept.
    if ('key' in choice && this.find(choice.key).length === 0) return 0
    return this.#dropNow(choice, dropTriesMax)
  }

  lease(key: string, ms: number): CacheLease | null {
    const granted: CacheLease = { key, [Symbol.dispose]: () => {} }
    if (!this.#isShared) return granted
    // To look first costs a tenth of a write that changes nothing.
    const isOurs = this.#try(
      () => !this.#index.isLeased(key) && this.#index.lease(key, this.#owner, this.#clock.nowMs() + Math.ceil(ms)),
      isBusy,
    )
    if (isOurs === false) return null
    if (isOurs === null) return granted
    this.#hasLeases = true
    return { key, [Symbol.dispose]: () => void this.#endLease(key) }
  }

  /** Others find what they waited for in files, too. */
  async #endLease(key: string): Promise<void> {
    if (this.#writing.size > 0) await Promise.all(this.#writing.values())
    this.#try(() => this.#index.endLease(key, this.#owner), isBusy)
  }

  isLeased(key: string): boolean {
    return this.#isShared && this.#try(() => this.#index.isLeased(key)) === true
  }

  list(choice: CacheChoice, countMax: number): readonly ListedEntry[] {
    return this.#index.list(choice, countMax)
  }

  get size(): CacheSize {
    return this.#try(() => this.#index.size) ?? { entries: 0, bytes: 0 }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#timer.cancel()
    await Promise.all(this.#writing.values())
    this.#mark()
    this.#isClosed = true
    this.#index.close()
  }

  /** Again in a moment, while another process is in the way: what has changed must not be used for long. */
  #dropNow(choice: CacheChoice, triesLeft: number): number {
    if (this.#isClosed) return 0
    try {
      const dropped = this.#index.drop(choice)
      this.#forget(dropped)
      return dropped.length
    } catch (cause) {
      if (!isBusy(cause) || triesLeft === 0) this.#options.warn(`not dropped: ${reasonOf(cause)}`)
      else this.#clock.after(dropAgainMs, () => this.#dropNow(choice, triesLeft - 1))
      return 0
    }
  }

  #open(): SqliteCacheIndex {
    const { path, folder, bytesMax, warn } = this.#options
    if (path === null) return new SqliteCacheIndex(':memory:', this.#clock, bytesMax)
    mkdirSync(folder, { recursive: true })
    try {
      return new SqliteCacheIndex(path, this.#clock, bytesMax)
    } catch (cause) {
      if (!isDamage(cause) && !/layout/.test(reasonOf(cause))) throw cause
      warn(`the cache is begun anew: ${reasonOf(cause)}`)
      for (const end of ['', '-wal', '-shm']) rmSync(`${path}${end}`, { force: true })
      return new SqliteCacheIndex(path, this.#clock, bytesMax)
    }
  }

  get #owner(): string {
    return this.#options.owner ?? ''
  }

  get #isShared(): boolean {
    return this.#options.owner !== undefined && this.#options.path !== null
  }

  /** A copy that cannot be had is no failure of anybody's request. `isFine`: what need not be told. */
  #try<T>(run: () => T, isFine: (cause: unknown) => boolean = () => false): T | null {
    if (this.#isClosed) return null
    try {
      return run()
    } catch (cause) {
      if (!isFine(cause)) this.#options.warn(reasonOf(cause))
      return null
    }
  }

  /** Again and again for a while, where another process writes; this one goes on with its other work meanwhile. */
  async #patiently<T>(run: () => T): Promise<T | null> {
    for (let triesLeft = writeTriesMax; !this.#isClosed; triesLeft--) {
      try {
        return run()
      } catch (cause) {
        if (!isBusy(cause) || triesLeft === 0) {
          this.#options.warn(reasonOf(cause))
          return null
        }
      }
      await new Promise<void>((resolve) => void this.#clock.after(writeAgainMs, resolve))
    }
    return null
  }

  #mark(): void {
    if (this.#hasLeases) this.#try(() => this.#index.sweepLeases(), isBusy)
    this.#hasLeases = false
    if (this.#used.size === 0) return
    const used = this.#used
    this.#used = new Set()
    this.#try(() => this.#index.markUsed(used))
  }

  #fileOf(id: number): string {
    return join(this.#options.folder, `${id}.body`)
  }

  #writeFile(id: number, body: Buffer): void {
    const file = this.#fileOf(id)
    const write = async (): Promise<void> => {
      try {
        await writeFile(`${file}.part`, body)
        await rename(`${file}.part`, file)
        // It may have been dropped meanwhile, when there was no file to remove yet.
        if (this.#try(() => this.#index.has(id)) === false) await rm(file, { force: true })
      } catch (cause) {
        this.#options.warn(`a body could not be written: ${reasonOf(cause)}`)
        await rm(`${file}.part`, { force: true }).catch(() => {})
      }
      this.#bodies.unpin(id)
      this.#writing.delete(id)
    }
    this.#writing.set(id, write())
  }

  /** Those that want the same body wait for one reading. */
  #readFile({ id, bodyBytes }: CacheEntry): Promise<Buffer | null> {
    const lent = this.#lent.get(id)?.deref()
    if (lent) return Promise.resolve(lent)
    const underWay = this.#reading.get(id)
    if (underWay) return underWay
    const read = readFile(this.#fileOf(id))
      .then((body) => (body.length === bodyBytes ? body : null))
      .catch(() => null)
      .then((body) => {
        this.#reading.delete(id)
        if (body) {
          this.#bodies.put(id, body)
          this.#lent.delete(id)
          this.#lent.set(id, new WeakRef(body))
          const [oldest] = this.#lent.keys()
          if (this.#lent.size > lentMax && oldest !== undefined) this.#lent.delete(oldest)
        }
        return body
      })
    this.#reading.set(id, read)
    return read
  }

  #forget(dropped: readonly Dropped[]): void {
    for (const { id, hasFile } of dropped) {
      this.#bodies.drop(id)
      this.#used.delete(id)
      if (hasFile && !this.#writing.has(id)) void rm(this.#fileOf(id), { force: true }).catch(() => {})
    }
  }

  /** Removes files that no entry knows: what a crash left. */
  async #sweep(): Promise<void> {
    const { folder } = this.#options
    const names = await readdir(folder).catch(() => [])
    const limitMs = this.#clock.nowMs() - strayMs
    // Where the machine lost power the index may have forgotten its last entries; their numbers are given again.
    const lastId = this.#try(() => this.#index.lastId) ?? Number.POSITIVE_INFINITY
    for (const name of names) {
      const id = Number(/^(\d+)\.body(?:\.part)?$/.exec(name)?.[1] ?? 0)
      if (this.#isClosed) return
      if (id === 0 || this.#writing.has(id)) continue
      const isKnown = !name.endsWith('.part') && this.#try(() => this.#index.has(id)) !== false
      const file = join(folder, name)
      const { mtimeMs } = await stat(file).catch(() => ({ mtimeMs: Number.POSITIVE_INFINITY }))
      if (!isKnown && (id > lastId || mtimeMs < limitMs)) await rm(file, { force: true }).catch(() => {})
    }
  }
}
