/** Answers of applications in the store of copies: what is kept of them, and what they say of themselves. */
import type { Stored } from '../../cache/stored.ts'
import { tagsOf } from '../../cache/tags.ts'
import type { CacheEntry, CacheLease, CacheStore } from '../../store/cache-store.ts'

export interface KeptEntry {
  readonly entry: CacheEntry
  readonly stored: Stored
}

export class AnswerShelf {
  #store: CacheStore

  constructor(store: CacheStore) {
    this.#store = store
  }

  find(key: string): KeptEntry[] {
    return this.#store.find(key).map((entry) => ({ entry, stored: JSON.parse(entry.meta) as Stored }))
  }

  body({ entry }: KeptEntry): Buffer | null | Promise<Buffer | null> {
    return this.#store.body(entry)
  }

  async put(key: string, stored: Stored, body: Buffer): Promise<void> {
    const variant = JSON.stringify([stored.vary, stored.part?.from])
    const meta = JSON.stringify(stored)
    await this.#store.put({ key, variant, meta, body, tags: tagsOf(stored.headers) })
  }

  async renew({ entry }: KeptEntry, stored: Stored): Promise<KeptEntry> {
    await this.#store.renew(entry, JSON.stringify(stored))
    return { entry, stored }
  }

  /** That this process fetches what is to be kept there; null while another does. */
  lease(key: string, ms: number): CacheLease | null {
    return this.#store.lease(key, ms)
  }

  isLeased(key: string): boolean {
    return this.#store.isLeased(key)
  }

  drop(keys: readonly string[]): void {
    for (const key of keys) this.#store.drop({ key })
  }
}
