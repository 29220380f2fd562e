/** `holdfast run`: sets up, starts, says that it is ready, and ends politely. */
import cluster from 'node:cluster'
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Config } from '../config.ts'
import { type Admin, openAdmin, type Readiness } from '../edge/admin.ts'
import { openHouse } from '../main.ts'
import { type Log, openLog } from '../observe/log.ts'
import { clusterMetrics } from '../observe/metric.ts'
import { banner, describeFleet, readyLine, type Ready } from './banner.ts'
import { showLiveLine, type Snapshot } from './live-line.ts'
import type { RunOptions } from './run-options.ts'
import { pidFileName } from './restart.ts'
import { setUp, usualFile } from './setup.ts'
import { Supervisor } from './supervisor.ts'
import { logTarget, runWorker } from './worker.ts'

/** The running gateway as this command sees it, whether one process or several. */
interface Running {
  readonly ready: Omit<Ready, 'adminUrl' | 'notes' | 'logFile'>
  readonly metrics: () => Promise<string>
  readonly readiness: () => Readiness
  readonly snapshot: () => Snapshot
  drain(): Promise<void>
  /** Null where there is no supervisor that could do it. */
  readonly restart: ((config: Config) => Promise<void>) | null
}

/** Resolves when the gateway has stopped. @throws {ConfigError}, or the system's error when a port cannot be taken. */
export async function run(options: RunOptions): Promise<void> {
  // Journals hold answers: what this process writes is for its own user.
  process.umask(0o077)
  if (cluster.isWorker) return runWorker()
  const isPerson = process.stdout.isTTY
  // A terminal that was closed, or a reader that left, must not take the answers under way with it.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})
  const tell = (line: string): void => void process.stderr.write(`${line}\n`)
  const { config, notes, lab } = await setUp(options, tell)
  try {
    mkdirSync(config.stateDir, { recursive: true, mode: 0o700 })
    const target = logTarget(config)
    const log = openLog(config.log, target, {})
    const running = config.workers > 1 ? await openMany(config, log) : await openOne(config, log)
    const failed: FailedRestarts = { count: 0, reason: null }
    const admin = await openAdmin(config.admin, {
      metrics: running.metrics,
      readiness: () => withFailed(running.readiness(), failed),
    })
    const ready: Ready = {
      ...running.ready,
      adminUrl: admin.url,
      notes,
      logFile: typeof target === 'string' ? target : null,
    }
    const pidFile = writePidFile(config.stateDir, admin.url)
    restartOnSignal(running, () => setUpAgain(options, config), { log, failed })
    process.stdout.write(isPerson ? banner(ready) : readyLine(ready))
    const hideLine = isPerson ? showLiveLine(process.stdout, running.snapshot) : () => {}
    await untilStopped(running, admin, hideLine, log)
    rmSync(pidFile, { force: true })
  } finally {
    await lab?.stop()
  }
}

async function openOne(config: Config, log: Log): Promise<Running> {
  const house = await openHouse(config, log)
  const facts = () => ({ callsLive: house.callsLive(), ...describeFleet(house.fleet), troubles: house.troubles() })
  return {
    ready: { urls: house.urls, workers: 1, ...describeFleet(house.fleet) },
    metrics: () => house.metrics.registry.metrics(),
    readiness: () => ({ isReady: house.isReady(), facts: facts() }),
    snapshot: () => {
      const { upstreams } = describeFleet(house.fleet)
      const upstreamsUp = upstreams.filter(({ isUp }) => isUp).length
      return {
        totals: { ...house.metrics.totals },
        callsLive: house.callsLive(),
        upstreamsUp,
        upstreamsAll: upstreams.length,
      }
    },
    drain: () => house.drain(config.limits.drainMs),
    restart: null,
  }
}

async function openMany(config: Config, log: Log): Promise<Running> {
  const supervisor = new Supervisor(config, log)
  const { urls, models, upstreams } = await supervisor.start()
  return {
    ready: { urls, workers: config.workers, models, upstreams },
    metrics: clusterMetrics,
    readiness: () => supervisor.readiness(),
    snapshot: () => supervisor.snapshot(),
    drain: () => supervisor.drain(),
    restart: (changed) => supervisor.restart(changed),
  }
}

/** For `holdfast restart`, which finds us by it. */
function writePidFile(stateDir: string, adminUrl: string): string {
  const path = join(stateDir, pidFileName)
  writeFileSync(path, `${JSON.stringify({ pid: process.pid, adminUrl })}\n`)
  return path
}

/** The file is read again; flags, and what was found at the first start, stay. */
async function setUpAgain(options: RunOptions, before: Config): Promise<Config> {
  const hasFile = options.config !== undefined || (!options.upstream && existsSync(usualFile))
  const { config } = hasFile ? await setUp(options, () => {}) : { config: before }
  return { ...config, listeners: before.listeners, admin: before.admin, stateDir: before.stateDir }
}

/** For `holdfast restart`, which is told why. */
interface FailedRestarts {
  count: number
  reason: string | null
}

function withFailed({ isReady, facts }: Readiness, failed: FailedRestarts): Readiness {
  return { isReady, facts: failed.count === 0 ? facts : { ...facts, failedRestarts: failed } }
}

function restartOnSignal(
  running: Running,
  read: () => Promise<Config>,
  { log, failed }: { log: Log; failed: FailedRestarts },
): void {
  process.on('SIGUSR2', () => {
    if (!running.restart) return log.error({}, 'a restart without a gap needs two workers or more')
    read()
      .then(running.restart)
      .catch((error: unknown) => {
        failed.count++
        failed.reason = error instanceof Error ? error.message : String(error)
        log.error({ detail: String(error) }, 'restart failed; everything stays as it was')
      })
  })
}

/** The first signal drains, the second ends at once. */
async function untilStopped(running: Running, admin: Admin, hideLine: () => void, log: Log): Promise<void> {
  await new Promise<void>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.once(signal, () => resolve())
  })
  hideLine()
  if (process.stdout.isTTY) process.stdout.write('Finishing what is under way (once more to stop at once) …\n')
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => process.exit(1))
  await running.drain()
  await admin[Symbol.asyncDispose]()
  log.flush()
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.removeAllListeners(signal)
}
