/** The thread that moves the logs of the SQLite files; a disk that is slow stops this thread and nobody else. */
import { setInterval } from 'node:timers'
import { parentPort, workerData } from 'node:worker_threads'
import { SqliteCheckpoint } from '../store/sqlite-checkpoint.ts'

const periodMs = 100

const { paths } = workerData as { readonly paths: readonly string[] }
const checkpoints = paths.map((path) => new SqliteCheckpoint(path))

const timer = setInterval(() => {
  for (const checkpoint of checkpoints) {
    try {
      checkpoint.look()
    } catch {
      // Whoever writes the file meets the same error, says so, and moves a log that is too long by itself.
      checkpoint[Symbol.dispose]()
    }
  }
}, periodMs)

parentPort?.once('message', () => {
  clearInterval(timer)
  for (const checkpoint of checkpoints) checkpoint[Symbol.dispose]()
  parentPort?.close()
})
