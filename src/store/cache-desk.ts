/** A store of copies, as an operator looks into it and takes things out of it. */
import type { CacheChoice, CacheSize, ListedEntry } from './cache-store.ts'

export interface CacheDesk {
  readonly size: CacheSize
  /** The latest first. */
  list(choice: CacheChoice, countMax: number): readonly ListedEntry[]
  /** How many went. */
  purge(choice: CacheChoice): number
}
