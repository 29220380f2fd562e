/**
 * Loaded before each test file that runs in a process of its own: once all is said, it leaves at once. A process that
 * ends by itself sometimes spins for ever in Node's own clean-up (Environment::CleanupHandles waits for a request that
 * is gone), about one in twenty on a busy machine. Node's own `--test-force-exit` leaves before all is said: results go
 * missing, or are cut and count as a failure. On its way out it writes down what the file has cost, to whom it may
 * concern.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { flushCompileCache } from 'node:module'

// Not in Node's types: ends the process without more ado, where `process.exit` would emit this event once more.
const { reallyExit } = process as unknown as { reallyExit(this: void, code: number): never }
const { HOLDFAST_TEST_COST: costPath } = process.env

/** CPU time of this process and of those that it started and that have ended, in ms. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage()
  const ownMs = (user + system) / 1000
  if (process.platform !== 'linux') return ownMs
  const stat = readFileSync('/proc/self/stat', 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  // Fields 16 and 17 of proc(5), in ticks; a tick has been 10 ms on every Linux that Node runs on.
  return ownMs + (Number(fields[13]) + Number(fields[14])) * 10
}

process.once('exit', (code) => {
  try {
    flushCompileCache()
    if (costPath !== undefined) writeFileSync(costPath, String(Math.round(cpuMs())))
  } finally {
    reallyExit(code)
  }
})
