/** Where the compiled code of a checkout is kept. */
import { flushCompileCache, getCompileCacheDir } from 'node:module'
import { dirname } from 'node:path'

/** For the environment of a worker or a thread: one that knows of it from the start need not load what strips types. */
export function compileCache(): Record<string, string> {
  const folder = getCompileCacheDir()
  return folder === undefined ? {} : { NODE_COMPILE_CACHE: dirname(folder) }
}

/** Keeps now what was compiled so far: Node does so when a process ends, and one that is killed would keep nothing. */
export function keepCompiled(): void {
  if (getCompileCacheDir() !== undefined) flushCompileCache()
}
