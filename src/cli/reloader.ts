/**
 * Takes up a changed configuration while everything goes on: new workers beside the old ones, which finish what they
 * have. All of it or nothing: what cannot be read, or does not start, changes nothing. By signal (`holdfast restart`),
 * when asked (`holdfast reload`), or when the files change (`reload: watch`).
 */
import { existsSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Config } from '../config.ts'
import { ConfigError } from '../ground/config-error.ts'
import { type Difference, differences } from '../ground/differences.ts'
import { type AlertDesk, resolveAlerts } from '../house/open-alerts.ts'
import type { OpenRecord } from '../house/open-record.ts'
import type { StatusDesk } from '../house/open-status.ts'
import type { TlsDesk } from '../house/tls/tls-desk.ts'
import type { Log } from '../observe/log.ts'
import { ChangedFiles } from './changed-files.ts'
import type { ControlProcess } from './control-process.ts'
import type { ConsoleDesk } from './console-desk.ts'
import { DeployNews } from './deploy-news.ts'
import type { RunOptions } from './run-options.ts'
import { setUp, usualFile } from './setup.ts'
import { readSite, type StatusSite } from './status-site.ts'
import type { Supervisor } from './supervisor.ts'
import { withoutSecrets } from './without-secrets.ts'

/** How often files are looked at, where they are watched. */
const watchMs = 2000
/** Sockets and folders that are held stay as they were until the next start. */
const startOnly = ['listeners', 'admin', 'stateDir'] as const
const hidden = '(hidden)'

/** For `holdfast restart`, which is told why. */
export interface FailedRestarts {
  count: number
  reason: string | null
}

export interface Reloaded {
  readonly changes: readonly Difference[]
  /** Settings that were changed in the files, and are taken up at the next start only. */
  readonly startOnly: readonly string[]
  readonly isApplied: boolean
}

export interface ReloadParts {
  readonly supervisor: Supervisor
  readonly desk: AlertDesk
  readonly consoleDesk: ConsoleDesk
  readonly statusDesk: StatusDesk
  readonly site: StatusSite
  readonly tls: TlsDesk
  readonly control: ControlProcess
  readonly log: Log
  readonly record: OpenRecord
}

interface Fresh {
  readonly config: Config
  readonly startOnly: readonly string[]
}

export class Reloader implements Disposable {
  readonly failed: FailedRestarts = { count: 0, reason: null }
  #news: DeployNews | null = null
  #options: RunOptions
  #config: Config
  #parts: ReloadParts
  #paths: readonly string[]
  #files = new ChangedFiles('')
  #isRestartDue = false
  #timer: NodeJS.Timeout | null = null
  /** One after the other. */
  #turn: Promise<unknown> = Promise.resolve()

  /** `config`: the one that is in force. `paths`: the files it was read from. */
  constructor(options: RunOptions, config: Config, paths: readonly string[], parts: ReloadParts) {
    this.#options = options
    this.#config = config
    this.#parts = parts
    this.#paths = paths
  }

  /** The gateway serves: hears signals from now on, and looks at the files where that is wished. */
  begin(): DeployNews {
    const news = new DeployNews(this.#parts.record, this.#config)
    this.#news = news
    process.on('SIGUSR2', () => this.#restart(news))
    this.#files.know(this.#look())
    this.#timer = setInterval(() => this.#watch(), watchMs)
    this.#timer.unref()
    return news
  }

  /** @throws {ConfigError}, or the error of workers that did not start; then all is as before. */
  reload(isDry: boolean): Promise<Reloaded> {
    return this.#inTurn(async () => {
      const fresh = await this.#read()
      const changes = shownChanges(this.#config, fresh.config)
      const isApplied = !isDry && changes.length > 0
      if (isApplied) {
        this.#news?.restartAsked()
        await this.#apply(fresh)
      }
      return { changes, startOnly: fresh.startOnly, isApplied }
    })
  }

  [Symbol.dispose](): void {
    if (this.#timer) clearInterval(this.#timer)
  }

  /** Whoever asks while one waits for its turn means that one: a storm of signals is no storm of workers. */
  #restart(news: DeployNews): void {
    if (this.#isRestartDue) return
    this.#isRestartDue = true
    news.restartAsked()
    this.#inTurn(async () => {
      this.#isRestartDue = false
      await this.#apply(await this.#read())
    }).catch(() => {})
  }

  #inTurn<T>(run: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(run)
    this.#turn = turn.catch((error: unknown) => this.#tellFailure(error))
    return turn
  }

  /** The files are read again; flags, and what was found at the first start, stay. */
  async #read(): Promise<Fresh> {
    const before = this.#config
    const { config: named, upstream } = this.#options
    const hasFile = named !== undefined || (!upstream && existsSync(usualFile))
    if (!hasFile) return { config: before, startOnly: [] }
    const { config, paths } = await setUp(this.#options, () => {})
    this.#paths = paths
    const kept = { listeners: before.listeners, admin: before.admin, stateDir: before.stateDir }
    const changed = startOnly.filter((name) => differences(before[name], config[name]).length > 0)
    return { config: { ...config, ...kept }, startOnly: changed }
  }

  async #apply({ config }: Fresh): Promise<void> {
    const { supervisor, desk, statusDesk, site, tls, consoleDesk, control } = this.#parts
    // Before anything is changed: a secret may be missing.
    const [alerts, page] = [resolveAlerts(config), readSite(config)]
    const undo = tls.use(config)
    await supervisor.restart(config).catch((error: unknown) => {
      undo()
      throw error
    })
    this.#config = config
    control.use(config)
    desk.use(config, alerts)
    statusDesk.use(config)
    await site.use(page)
    this.#news?.restarted(config)
    consoleDesk.config = config
  }

  #tellFailure(error: unknown): void {
    this.failed.count++
    this.failed.reason = error instanceof Error ? error.message : String(error)
    this.#news?.restartFailed(this.failed.reason, error instanceof ConfigError)
    this.#parts.log.error({ detail: String(error) }, 'restart failed; everything stays as it was')
  }

  #watch(): void {
    if (this.#config.reload !== 'watch') return
    // What is wrong with it is told once, and looked at again when it changes again.
    if (!this.#files.hasChanged(this.#look())) return
    this.reload(false).then(
      ({ changes, startOnly: later, isApplied }) => {
        const facts = { changed: changes.map(({ path }) => path).slice(0, 50), startOnly: later }
        if (isApplied || later.length > 0) this.#parts.log.info(facts, 'the changed configuration is in force')
        // Files that are included now may not have been before.
        this.#files.know(this.#look())
      },
      () => {},
    )
  }

  /** Changes when a file does, or what there is in its folder (a folder of Kubernetes changes as a whole). */
  #look(): string {
    const places = new Set(this.#paths.flatMap((path) => [path, dirname(path)]))
    return [...places].map((path) => `${path} ${stampOf(path)}`).join('\n')
  }
}

function stampOf(path: string): string {
  try {
    const { mtimeMs, size, ino } = statSync(path)
    return `${mtimeMs} ${size} ${ino}`
  } catch {
    return 'none'
  }
}

/** What differs, without secrets: of these only that they differ. */
export function shownChanges(before: Config, after: Config): Difference[] {
  const shown = differences(withoutSecrets(before), withoutSecrets(after))
  const paths = new Set(shown.map(({ path }) => path))
  const others = differences(before, after).filter(({ path }) => !paths.has(path))
  return [...shown, ...others.map(({ path }) => ({ path, before: hidden, after: `${hidden}, another one` }))]
}
