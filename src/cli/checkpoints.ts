/** Has the logs of the SQLite files moved by a thread, beside the supervisor, where no calls are. It takes 15 MB. */
import { extname, join } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { Config } from '../config.ts'
import { sqlitePaths } from '../house/state-files.ts'
import { compileCache } from './compile-cache.ts'

const heapMiBMax = 16

/** Ends when it is disposed of, or with the process. Nothing to do where everything is kept in memory. */
export function startCheckpoints(config: Config): AsyncDisposable {
  const paths = sqlitePaths(config)
  if (paths.length === 0) return { [Symbol.asyncDispose]: async () => {} }
  const thread = new Worker(join(import.meta.dirname, `checkpoint-thread${extname(import.meta.filename)}`), {
    workerData: { paths },
    env: { ...process.env, ...compileCache() },
    resourceLimits: { maxOldGenerationSizeMb: heapMiBMax },
  })
  const ended = new Promise<void>((resolve) => thread.once('exit', () => resolve()))
  // Without it the writers move their logs themselves, later and at a cost.
  thread.on('error', () => {})
  thread.unref()
  return {
    [Symbol.asyncDispose]: async () => {
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
      thread.postMessage('end')
      await ended
    },
  }
}
