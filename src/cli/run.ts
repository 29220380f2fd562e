/** `holdfast run`: sets up, starts, says that it is ready, and ends politely. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Config } from '../config.ts'
import type { AdminParts, Readiness } from '../edge/admin.ts'
import { RaySource } from '../fault/ray.ts'
import { systemClock } from '../ground/clock.ts'
import { systemRandom } from '../ground/random.ts'
import { KeyDesk } from '../house/key-desk.ts'
import { AlertDesk, resolveAlerts } from '../house/open-alerts.ts'
import { type OpenRecord, openRecord } from '../house/open-record.ts'
import { StatusDesk } from '../house/open-status.ts'
import { cachePath, quarantinePath } from '../house/state-files.ts'
import { TlsDesk } from '../house/tls/tls-desk.ts'
import { type Log, openLog } from '../observe/log.ts'
import { SqliteCacheDesk } from '../store/sqlite-cache-desk.ts'
import { SqliteQuarantine } from '../store/sqlite-quarantine.ts'
import { shrinkHeap } from '../observe/vital-signs.ts'
import { banner, readyLine, type Ready } from './banner.ts'
import { startCheckpoints } from './checkpoints.ts'
import { ControlProcess } from './control-process.ts'
import { ConsoleDesk } from './console-desk.ts'
import { tellOfEngines } from './engine-news.ts'
import { showLiveLine } from './live-line.ts'
import { logTarget } from './log-target.ts'
import { maintainedAmong } from './maintained-among.ts'
import { openOperators } from './open-operators.ts'
import { outOfUse } from './out-of-use.ts'
import type { RunOptions } from './run-options.ts'
import { readSite, StatusSite } from './status-site.ts'
import { pidFileName } from './restart.ts'
import { type FailedRestarts, Reloader } from './reloader.ts'
import { setUp } from './setup.ts'
import { Supervisor } from './supervisor.ts'
import { TlsTeller } from './tls-teller.ts'
import { troublesAmong } from './troubles-among.ts'

/** Of this process in the record. */
const nodeName = `supervisor/${process.pid}`

/** Resolves when the gateway has stopped. @throws {ConfigError}, or the system's error when a port cannot be taken. */
export async function run(options: RunOptions): Promise<void> {
  // Journals hold answers: what this process writes is for its own user.
  process.umask(0o077)
  const isPerson = process.stdout.isTTY
  // A terminal that was closed, or a reader that left, must not take the answers under way with it.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})
  const { config, notes, lab, paths } = await setUp(options, (line) => void process.stderr.write(`${line}\n`))
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
    desk.announced = () => statusDesk.announced()
    const site = parts.use(new StatusSite(log, statusDesk))
    await site.use(readSite(config))
    const supervisor = new Supervisor(config, log, { desk, record, tls: new TlsTeller(tls, log) })
    const control = parts.use(openControl(config, { supervisor, log, record, statusDesk }))
    supervisor.moreNumbers = async () => [...(await site.numbers()), ...control.numbers()]
    statusDesk.onNotice = (notice) => supervisor.useNotice(notice)
    using consoleDesk = new ConsoleDesk(config, supervisor)
    consoleDesk.incidents = () => statusDesk.incidents(site.url ?? '')
    const desks = { desk, consoleDesk, statusDesk, site, control }
    const reloader = parts.use(new Reloader(options, config, paths, { ...desks, supervisor, tls, log, record }))
    // Before the workers: when this port is taken, there are none to be ended.
    const asked = adminParts(supervisor, record, { ...desks, reloader }, config)
    const operators = await openOperators(parts, config, asked, { desk: tls, log })
    const { urls, models, upstreams } = await supervisor.start()
    consoleDesk.urls = urls
    await using _checkpoints = startCheckpoints(config)
    const logFile = typeof target === 'string' ? target : null
    const at = { urls, adminUrl: operators.url, remoteAdminUrl: operators.remoteUrl, statusUrl: site.url }
    const ready: Ready = { ...at, workers: config.workers, models, upstreams, notes, logFile }
    const found = { adminUrl: operators.url, token: operators.token, urls }
    const pidFile = writePidFile(config.stateDir, found, supervisor)
    const news = reloader.begin()
    // Whoever reads that line may stop us at once.
    const stop = stopSignal()
    process.stdout.write(isPerson ? banner(ready) : readyLine(ready))
    shrinkHeap()
    const hideLine = isPerson ? showLiveLine(process.stdout, () => supervisor.snapshot()) : () => {}
    await stop
    hideLine()
    news.stopping()
    await end(supervisor, () => site.endNow())
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

interface ControlNeeds {
  readonly supervisor: Supervisor
  readonly log: Log
  readonly record: OpenRecord
  readonly statusDesk: StatusDesk
}

/** Behind the workers' end, replicas that are not kept end, too. */
function openControl(config: Config, { supervisor, log, record, statusDesk }: ControlNeeds): ControlProcess {
  return new ControlProcess(config, {
    log,
    recorder: record.recorder,
    windows: (deployments) => maintainedAmong(deployments, statusDesk.announced()),
    troubles: (deployments) => troublesAmong(deployments, statusDesk.known, statusDesk.components),
    onFleet: (replicas) => supervisor.useReplicas(replicas),
    report: () => supervisor.fleetReports.take(performance.now()),
    out: () => outOfUse(supervisor.hands()),
  })
}

/** @throws {ConfigError} when a certificate cannot be used. */
function openTls(config: Config, log: Log, { recorder }: OpenRecord): TlsDesk {
  return new TlsDesk(config, { clock: systemClock, random: systemRandom, log, recorder })
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

function withFailed({ isReady, facts }: Readiness, failed: FailedRestarts): Readiness {
  return { isReady, facts: failed.count === 0 ? facts : { ...facts, failedRestarts: failed } }
}

interface Desks {
  readonly reloader: Reloader
  readonly desk: AlertDesk
  readonly consoleDesk: ConsoleDesk
  readonly statusDesk: StatusDesk
  readonly site: StatusSite
  readonly control: ControlProcess
}

/** What can be asked at the operators' port. */
function adminParts(
  supervisor: Supervisor,
  record: OpenRecord,
  { reloader, desk, consoleDesk, statusDesk, site: page, control }: Desks,
  config: Config,
): AdminParts {
  return {
    metrics: (isOpenMetrics) => supervisor.metrics(isOpenMetrics),
    liveness: () => supervisor.liveness(),
    readiness: () => withFailed(supervisor.readiness(), reloader.failed),
    reload: (isDry) => reloader.reload(isDry),
    alerts: () => desk.report(),
    status: () => statusDesk.view(),
    fleet: () => control.report(),
    forecast: (deployment) => control.forecast(deployment),
    deploys: () => control.desk,
    keys: new KeyDesk(config, systemClock, systemRandom),
    subscriptions: () => page.report(),
    record: record.read,
    cache: () => SqliteCacheDesk.open(cachePath(config), join(config.stateDir, 'cache')),
    quarantine: () => SqliteQuarantine.find(quarantinePath(config), systemClock),
    consoleDesk,
    nowMs: () => Date.now(),
    refusals: {
      clock: systemClock,
      rays: new RaySource(systemClock, systemRandom, { node: systemRandom.bits(20), site: config.site }),
      observer: { settled: (fact) => record.recorder.call(fact) },
    },
  }
}

/** Resolves at the first signal to stop. */
function stopSignal(): Promise<void> {
  return new Promise<void>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.once(signal, () => resolve())
  })
}

/** The first signal drains, the second ends at once: workers and page too, which would go on by themselves. */
async function end(supervisor: Supervisor, endPage: () => void): Promise<void> {
  if (process.stdout.isTTY) process.stdout.write('Finishing what is under way (once more to stop at once) …\n')
  const stopNow = (): void => {
    supervisor.kill()
    endPage()
    process.exit(1)
  }
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, stopNow)
  // A terminal that is closed may say so more than once.
  process.on('SIGHUP', () => {})
  await supervisor.drain()
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.removeAllListeners(signal)
}
