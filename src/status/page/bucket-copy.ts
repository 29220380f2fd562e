/**
 * Keeps a copy of the page in a bucket: what changed is put there, a few at a time, each again a few times when that
 * fails; what could not be put is tried with the next change. Nothing is removed: an address that was once given holds.
 */
import type { Clock } from '../../ground/clock.ts'
import type { Random } from '../../ground/random.ts'
import type { Log } from '../../observe/log.ts'
import type { PageFile } from './page-file.ts'
import { type ToPut, PutError } from './put-object.ts'
import { hashOf } from './snapshot.ts'

const atOnce = 4
const attemptsMax = 4
const waitMs = 500
/** After so many failures in one round the store is gone, or refuses us; the rest waits for the next. */
const failuresMax = 8

export interface BucketParts {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  /** @throws {PutError} */
  readonly put: (object: ToPut) => Promise<void>
  readonly periodMs: number
  readonly maxAgeSeconds: number
}

export class BucketCopy {
  #parts: BucketParts
  /** What is there, by key. */
  #put = new Map<string, string>()
  #next: readonly PageFile[] | null = null
  #copying: Promise<void> | null = null
  #isClosed = false
  #closed = Promise.withResolvers<void>()
  #isBroken = false

  constructor(parts: BucketParts) {
    this.#parts = parts
  }

  /** In the background; of several that come while one is under way, the last. */
  copy(files: readonly PageFile[]): void {
    this.#next = files
    if (!this.#isClosed) this.#copying ??= this.#run().finally(() => (this.#copying = null))
  }

  /** Resolves when the round that is under way is over; what failed is not tried again. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#closed.resolve()
    await this.#copying
  }

  async #run(): Promise<void> {
    while (this.#next && !this.#isClosed) {
      const files = this.#next
      this.#next = null
      await this.#copyOnce(files)
      await this.#wait(this.#parts.periodMs)
    }
  }

  async #copyOnce(files: readonly PageFile[]): Promise<void> {
    const changed = files
      .map((file) => ({ file, hash: hashOf(file.bytes) }))
      .filter(({ file, hash }) => this.#put.get(file.path) !== hash)
    let failures = 0
    const take = async (some: typeof changed): Promise<void> => {
      for (let next = some.shift(); next && failures < failuresMax; next = some.shift()) {
        if (await this.#putOne(next.file)) this.#put.set(next.file.path, next.hash)
        else failures++
      }
    }
    // The first page last: what it leads to is there by then.
    for (const rank of [0, 1, 2]) {
      const some = changed.filter(({ file }) => rankOf(file) === rank)
      await Promise.all(Array.from({ length: atOnce }, () => take(some)))
    }
    const known = new Set(files.map(({ path }) => path))
    for (const path of [...this.#put.keys()]) if (!known.has(path)) this.#put.delete(path)
    if (failures === 0) this.#isBroken = false
  }

  async #putOne({ path, contentType, bytes }: PageFile): Promise<boolean> {
    const { put, log, maxAgeSeconds } = this.#parts
    const headers = {
      'content-type': contentType,
      'cache-control': `max-age=${maxAgeSeconds}, stale-if-error=86400`,
    }
    for (let attempt = 1; ; attempt++) {
      try {
        await put({ key: path, headers, body: bytes })
        return true
      } catch (error) {
        const isLasting = error instanceof PutError && error.isLasting
        if (!isLasting && attempt < attemptsMax && !this.#isClosed) {
          await this.#wait(waitMs * 2 ** attempt * (0.5 + this.#parts.random.unit()))
          continue
        }
        if (!this.#isBroken) log.warn({ file: path, detail: String(error) }, 'the status page cannot be copied')
        this.#isBroken = true
        return false
      }
    }
  }

  /** Until then, or until it is closed. */
  async #wait(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    using _ = this.#parts.clock.after(ms, resolve)
    await Promise.race([promise, this.#closed.promise])
  }
}

function rankOf({ path }: PageFile): number {
  if (path === 'index.html') return 2
  return path.endsWith('.html') ? 1 : 0
}
