/** Bodies that can be told to be right by what they are said to be, for a store that is killed. */
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import type { SqliteCacheOptions } from '../../src/store/sqlite-cache.ts'

export function storeOptions(folder: string): SqliteCacheOptions {
  const sizes = { bytesMax: 2_000_000, memoryBytesMax: 100_000, entryBytesMax: 200_000 }
  return { path: join(folder, 'cache.db'), folder: join(folder, 'cache'), ...sizes, warn: () => {} }
}

/** From 1 to some 100,000 bytes: in the index or in a file. */
export function bodyOf(key: string, version: string): Buffer {
  const seed = createHash('sha256').update(`${key} ${version}`).digest()
  const length = 1 + (seed.readUInt32BE() % (seed[4] === undefined || seed[4] % 2 === 0 ? 1000 : 100_000))
  return Buffer.alloc(length, seed)
}
