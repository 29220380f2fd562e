/** Where the compiled code of a checkout is kept. */
import { getCompileCacheDir } from 'node:module'
import { dirname } from 'node:path'

/** For the environment of a worker or a thread: one that knows of it from the start need not load what strips types. */
export function compileCache(): Record<string, string> {
  const folder = getCompileCacheDir()
  return folder === undefined ? {} : { NODE_COMPILE_CACHE: dirname(folder) }
}
