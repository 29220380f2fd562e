/** `holdfast run`: sets up, starts, says that it is ready, and ends politely. */
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Config } from '../config.ts'
import { ConfigError } from '../ground/config-error.ts'
import type { AdminParts, Readiness } from '../edge/admin.ts'
import { RaySource } from '../fault/ray.ts'
import { systemClock } from '../ground/clock.ts'
import { systemRandom } from '../ground/random.ts'
import { AlertDesk, resolveAlerts } from '../house/open-alerts.ts'
import { type OpenRecord, openRecord } from '../house/open-record.ts'
import { StatusDesk } from '../house/open-status.ts'
import { TlsDesk } from '../house/tls/tls-desk.ts'
import { type Log, openLog } from '../observe/log.ts'
import type { SubscriptionDesk } from '../status/subscription/subscription-desk.ts'
import { offered } from '../status/subscription/subscription-options.ts'
import { shrinkHeap } from '../observe/vital-signs.ts'
import { banner, readyLine, type Ready } from './banner.ts'
import { startCheckpoints } from './checkpoints.ts'
import { ConsoleDesk } from './console-desk.ts'
import { DeployNews } from './deploy-news.ts'
import { tellOfEngines } from './engine-news.ts'
import { showLiveLine } from './live-line.ts'
import { logTarget } from './log-target.ts'
import { openOperators } from './open-operators.ts'
import type { RunOptions } from './run-options.ts'
import { openStatusSite } from './status-site.ts'
import { pidFileName } from './restart.ts'
import { setUp, usualFile } from './setup.ts'
import { Supervisor } from './supervisor.ts'
import { TlsTeller } from './tls-teller.ts'

/** Of this process in the record. */
const nodeName = `supervisor/${process.pid}`

/** Resolves when the gateway has stopped. @throws {ConfigError}, or the system's error when a port cannot be taken. */
export async function run(options: RunOptions): Promise<void> {
  // Journals hold answers: what this process writes is for its own user.
  process.umask(0o077)
  const isPerson = process.stdout.isTTY
  // A terminal that was closed, or a reader that left, must not take the answers under way with it.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})
  const { config, notes, lab } = await setUp(options, (line) => void process.stderr.write(`${line}\n`))
  try {
    mkdirSync(config.stateDir, { recursive: true, mode: 0o700 })
    const target = logTarget(config)
    const log = openLog(config.log, target, {})
    await using parts = new AsyncDisposableStack()
    const record = openRecord(parts, config, { clock: systemClock, log, node: nodeName, isKeeper: true })
    if (lab) tellOfEngines(lab.engines, record.recorder, () => lab.isStopping)
    const tls = parts.use(openTls(config, log, record))
    const desk = parts.use(openDesk(config, log, tls))
    const statusDesk = parts.use(new StatusDesk(config, { clock: systemClock, log, record }))
    const telling = await openTelling(parts, config, log, statusDesk)
    const site = parts.use(openStatusSite(config, log, { view: () => statusDesk.view(), telling }))
    const supervisor = new Supervisor(config, log, { desk, record, tls: new TlsTeller(tls, log) })
    statusDesk.onNotice = (notice) => supervisor.useNotice(notice)
    using consoleDesk = new ConsoleDesk(config, supervisor)
    const failed: FailedRestarts = { count: 0, reason: null }
    // Before the workers: when this port is taken, there are none to be ended.
    const asked = adminParts(supervisor, record, { failed, desk, consoleDesk, statusDesk }, config.site)
    const operators = await openOperators(parts, config, asked, { desk: tls, log })
    const { urls, models, upstreams } = await supervisor.start()
    consoleDesk.urls = urls
    await using _checkpoints = startCheckpoints(config)
    const logFile = typeof target === 'string' ? target : null
    const at = { urls, adminUrl: operators.url, remoteAdminUrl: operators.remoteUrl, statusUrl: site.url }
    const ready: Ready = { ...at, workers: config.workers, models, upstreams, notes, logFile }
    const news = new DeployNews(record, config)
    const found = { adminUrl: operators.url, token: operators.token, urls }
    const pidFile = writePidFile(config.stateDir, found, supervisor)
    restartOnSignal(supervisor, () => setUpAgain(options, config), {
      log,
      failed,
      news,
      desk,
      consoleDesk,
      statusDesk,
      tls,
    })
    // Whoever reads that line may stop us at once.
    const stop = stopSignal()
    process.stdout.write(isPerson ? banner(ready) : readyLine(ready))
    shrinkHeap()
    const hideLine = isPerson ? showLiveLine(process.stdout, () => supervisor.snapshot()) : () => {}
    await stop
    hideLine()
    news.stopping()
    await end(supervisor)
    news.stopped()
    log.flush()
    rmSync(pidFile, { force: true })
  } finally {
    await lab?.stop()
  }
}

/** @throws {ConfigError} when a secret of a receiver cannot be read. */
function openDesk(config: Config, log: Log, tls: TlsDesk): AlertDesk {
  const ownCertificates = (): TlsDesk['certificates'] => tls.certificates
  return new AlertDesk(config, resolveAlerts(config), {
    clock: systemClock,
    random: systemRandom,
    log,
    ownCertificates,
  })
}

/** @throws {ConfigError} when a certificate cannot be used. */
function openTls(config: Config, log: Log, { recorder }: OpenRecord): TlsDesk {
  return new TlsDesk(config, { clock: systemClock, random: systemRandom, log, recorder })
}

/** Where nobody may subscribe, nothing is loaded. @throws {ConfigError} for a password that cannot be read. */
async function openTelling(
  parts: AsyncDisposableStack,
  config: Config,
  log: Log,
  statusDesk: StatusDesk,
): Promise<SubscriptionDesk | null> {
  if (offered(config.status.subscriptions).length === 0) return null
  const { tellSubscribers } = await import('../house/open-subscriptions.ts')
  return tellSubscribers(parts, config, { clock: systemClock, random: systemRandom, log, statusDesk })
}

/** For `holdfast restart`, which finds us by it. */
function writePidFile(
  stateDir: string,
  facts: { adminUrl: string; token: string | undefined; urls: readonly string[] },
  supervisor: Supervisor,
): string {
  const path = join(stateDir, pidFileName)
  try {
    writeFileSync(path, `${JSON.stringify({ pid: process.pid, ...facts })}\n`)
  } catch (error) {
    supervisor.kill()
    throw error
  }
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

interface Desks {
  readonly failed: FailedRestarts
  readonly desk: AlertDesk
  readonly consoleDesk: ConsoleDesk
  readonly statusDesk: StatusDesk
}

/** What can be asked at the operators' port. */
function adminParts(
  supervisor: Supervisor,
  record: OpenRecord,
  { failed, desk, consoleDesk, statusDesk }: Desks,
  site: string,
): AdminParts {
  return {
    metrics: (isOpenMetrics) => supervisor.metrics(isOpenMetrics),
    liveness: () => supervisor.liveness(),
    readiness: () => withFailed(supervisor.readiness(), failed),
    alerts: () => desk.report(),
    status: () => statusDesk.view(),
    record: record.read,
    consoleDesk,
    nowMs: () => Date.now(),
    refusals: {
      clock: systemClock,
      rays: new RaySource(systemClock, systemRandom, { node: systemRandom.bits(20), site }),
      observer: { settled: (fact) => record.recorder.call(fact) },
    },
  }
}

interface RestartParts extends Desks {
  readonly log: Log
  readonly news: DeployNews
  readonly tls: TlsDesk
}

function restartOnSignal(
  supervisor: Supervisor,
  read: () => Promise<Config>,
  { log, failed, news, desk, consoleDesk, statusDesk, tls }: RestartParts,
): void {
  process.on('SIGUSR2', () => {
    news.restartAsked()
    read()
      .then(async (config) => {
        const alerts = resolveAlerts(config) // before anything is changed: a secret may be missing
        const undo = tls.use(config)
        await supervisor.restart(config).catch((error: unknown) => {
          undo()
          throw error
        })
        desk.use(config, alerts)
        statusDesk.use(config)
        news.restarted(config)
        consoleDesk.config = config
      })
      .catch((error: unknown) => {
        failed.count++
        failed.reason = error instanceof Error ? error.message : String(error)
        news.restartFailed(failed.reason, error instanceof ConfigError)
        log.error({ detail: String(error) }, 'restart failed; everything stays as it was')
      })
  })
}

/** Resolves at the first signal to stop. */
function stopSignal(): Promise<void> {
  return new Promise<void>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.once(signal, () => resolve())
  })
}

/** The first signal drains, the second ends at once: the workers too, which would go on draining by themselves. */
async function end(supervisor: Supervisor): Promise<void> {
  if (process.stdout.isTTY) process.stdout.write('Finishing what is under way (once more to stop at once) …\n')
  const stopNow = (): void => {
    supervisor.kill()
    process.exit(1)
  }
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, stopNow)
  // A terminal that is closed may say so more than once.
  process.on('SIGHUP', () => {})
  await supervisor.drain()
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.removeAllListeners(signal)
}
