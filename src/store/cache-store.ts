/**
 * The contract of a store of copies: answers that can be had again and may be lost at any time. Several entries may
 * stand under one key, each a variant. What an entry says of itself is its owner's affair (`meta`); so the same store
 * serves whatever keeps copies.
 */

export interface CacheEntry {
  /** Never given twice: what was read of an entry is not read of another under its number. */
  readonly id: number
  readonly key: string
  readonly meta: string
  readonly bodyBytes: number
}

export interface NewEntry {
  readonly key: string
  /** Tells apart what stands under one key; an entry takes the place of the one with the same. */
  readonly variant: string
  readonly meta: string
  readonly body: Buffer
  readonly tags: readonly string[]
}

/** Which entries are meant. */
export type CacheChoice =
  | { readonly key: string }
  /** All whose key begins so. */
  | { readonly prefix: string }
  | { readonly tag: string }
  | { readonly all: true }

export interface CacheSize {
  readonly entries: number
  readonly bytes: number
}

export interface ListedEntry {
  readonly key: string
  readonly bytes: number
  readonly storedMs: number
  readonly meta: string
}

/** That one process fetches a copy, and the others need not. */
export interface CacheLease extends Disposable {
  readonly key: string
}

export interface CacheStore extends AsyncDisposable {
  /** At once: nothing waits for a disk that may be slow. Empty, too, where the store is in trouble. */
  find(key: string): readonly CacheEntry[]
  /** Null when it is gone. At once where it is in memory. */
  body(entry: CacheEntry): Buffer | null | Promise<Buffer | null>
  /** Resolves when it is found; null where it is not kept: too large, or the store is busy for long, or in trouble. */
  put(entry: NewEntry): Promise<CacheEntry | null>
  /** The same body under new words. Resolves when they are found, or could not be kept. */
  renew(entry: CacheEntry, meta: string): Promise<void>
  /** How many were dropped at once; where another process is in the way, it happens a moment later. */
  drop(choice: CacheChoice): number
  /**
   * That somebody is about to put what belongs under this key, said to all processes; it is over when it is disposed
   * of, or its time is. Null while another has it. Where nobody else is there, or the store is in trouble, it is
   * granted and says nothing.
   */
  lease(key: string, ms: number): CacheLease | null
  /** Whether somebody has it still. */
  isLeased(key: string): boolean
  /** The latest first. */
  list(choice: CacheChoice, countMax: number): readonly ListedEntry[]
  readonly size: CacheSize
}
