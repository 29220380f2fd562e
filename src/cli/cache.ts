/** `holdfast cache list|purge`: looks into the cache of a gateway and takes things out of it, running or not. */
import { join } from 'node:path'
import { shown } from '../edge/admin-cache.ts'
import { cachePath } from '../house/state-files.ts'
import type { CacheChoice } from '../store/cache-store.ts'
import { SqliteCacheDesk } from '../store/sqlite-cache-desk.ts'
import { type ConfigOptions, commandConfig } from './command-config.ts'

export interface CacheOptions extends ConfigOptions {
  readonly prefix?: string
  readonly tag?: string
  readonly json?: boolean
}

/** @throws {Error} in words that name the cure. */
export function listCache(options: CacheOptions & { readonly count: number }): void {
  using desk = openDesk(options)
  const choice = choiceOf(options) ?? { all: true as const }
  const [size, kept] = [desk.size, desk.list(choice, options.count)]
  if (options.json) return write(JSON.stringify({ ...size, kept: kept.map(shown) }, null, 2))
  write(`${size.entries} answers, ${sizeWords(size.bytes)}`)
  for (const { key, bytes, storedMs } of kept)
    write(`${new Date(storedMs).toISOString().slice(0, 19)}Z  ${sizeWords(bytes).padStart(9)}  ${key}`)
}

/** @throws {Error} in words that name the cure. */
export function purgeCache(url: string | undefined, options: CacheOptions & { readonly all?: boolean }): void {
  const choice =
    choiceOf({ ...options, ...(url !== undefined && { url }) }) ?? (options.all ? { all: true as const } : null)
  if (choice === null) throw new Error('Say what: an address, --prefix, --tag, or --all.')
  using desk = openDesk(options)
  const purged = desk.purge(choice)
  write(options.json ? JSON.stringify({ purged }) : `${purged} ${purged === 1 ? 'answer' : 'answers'} taken out.`)
}

function choiceOf({ url, prefix, tag }: CacheOptions & { readonly url?: string }): CacheChoice | null {
  if (url !== undefined) return { key: url }
  if (prefix !== undefined) return { prefix }
  return tag === undefined ? null : { tag }
}

function openDesk(options: CacheOptions): SqliteCacheDesk {
  const { stateDir } = commandConfig(options)
  const desk = SqliteCacheDesk.open(cachePath({ stateDir }), join(stateDir, 'cache'))
  if (desk) return desk
  throw new Error(
    `There is no cache in ${stateDir}. Name the state folder with --state; with \`web.cache.engine: memory\` there is nothing to look into.`,
  )
}

function sizeWords(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`
  return bytes < 2 ** 20 ? `${(bytes / 1024).toFixed(1)} KiB` : `${(bytes / 2 ** 20).toFixed(1)} MiB`
}

function write(text: string): void {
  process.stdout.write(`${text}\n`)
}
