/**
 * Loaded before each test file that runs in a process of its own: once all is said, it leaves at once. A process that
 * ends by itself sometimes spins for ever in Node's own clean-up (Environment::CleanupHandles waits for a request that
 * is gone), about one in twenty on a busy machine. Node's own `--test-force-exit` leaves before all is said: results go
 * missing, or are cut and count as a failure.
 */
// Not in Node's types: ends the process without more ado, where `process.exit` would emit this event once more.
const { reallyExit } = process as unknown as { reallyExit(this: void, code: number): never }
process.once('exit', (code) => reallyExit(code))
