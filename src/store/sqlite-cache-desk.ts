/**
 * The store of copies of a gateway that may be running, or not, for as long as one question takes: workers see at once
 * what is taken out here.
 */
import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock } from '../ground/clock.ts'
import type { CacheDesk } from './cache-desk.ts'
import type { CacheChoice, CacheSize, ListedEntry } from './cache-store.ts'
import { SqliteCacheIndex } from './sqlite-cache-index.ts'

/** Nothing is put in here, so there is no limit to keep. */
const bytesMax = Number.MAX_SAFE_INTEGER
/** Workers write in between. */
const patienceMs = 5000

export class SqliteCacheDesk implements CacheDesk, Disposable {
  #index: SqliteCacheIndex
  #folder: string

  /** Null where there is none. @throws when it cannot be opened */
  static open(path: string, folder: string): SqliteCacheDesk | null {
    return existsSync(path) ? new SqliteCacheDesk(path, folder) : null
  }

  private constructor(path: string, folder: string) {
    this.#index = new SqliteCacheIndex(path, systemClock, bytesMax)
    this.#folder = folder
  }

  get size(): CacheSize {
    return this.#index.size
  }

  list(choice: CacheChoice, countMax: number): readonly ListedEntry[] {
    return this.#index.list(choice, countMax)
  }

  purge(choice: CacheChoice): number {
    const dropped = this.#index.drop(choice, patienceMs)
    for (const { id, hasFile } of dropped) if (hasFile) rmSync(join(this.#folder, `${id}.body`), { force: true })
    return dropped.length
  }

  [Symbol.dispose](): void {
    this.#index.close()
  }
}
