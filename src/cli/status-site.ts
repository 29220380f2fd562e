/**
 * The public page and its subscriptions, as far as they are wanted: the files are made here and served by a process of
 * their own. Other settings take their place while all of it goes on.
 */
import type { Config } from '../config.ts'
import { systemClock } from '../ground/clock.ts'
import { systemRandom } from '../ground/random.ts'
import { pageFolder, PagePress, type PressSettings, readPress } from '../house/open-status-page.ts'
import type { StatusDesk } from '../house/open-status.ts'
import { readSecret } from '../house/secrets.ts'
import { subscriptionNumbers } from '../house/subscription-numbers.ts'
import type { Log } from '../observe/log.ts'
import type { Numbers } from '../observe/metric.ts'
import { feeds, statusFiles } from '../status/format/document.ts'
import { answerFar, type FarQuestion } from '../status/subscription/far-desk.ts'
import type { SubscriptionDesk, SubscriptionReport } from '../status/subscription/subscription-desk.ts'
import { offered, readMailPassword, type SubscriptionOptions } from '../status/subscription/subscription-options.ts'
import { StatusProcess } from './status-process.ts'

/** Settings with all that they name: pictures and secrets have been read. */
export interface SiteSettings {
  readonly config: Config
  readonly subscriptions: SubscriptionOptions
  /** Null where nobody wants the page. */
  readonly press: PressSettings | null
}

/** Before anything is changed by it. @throws {ConfigError} when the logo or a secret cannot be read. */
export function readSite(config: Config): SiteSettings {
  const subscriptions = readMailPassword(config.status.subscriptions, readSecret)
  const folder = pageFolder(config)
  const { page } = config.status
  const canSubscribe = subscriptions.mail !== undefined && page.port !== undefined
  return { config, subscriptions, press: folder === null ? null : readPress(page, { folder, canSubscribe, feeds }) }
}

export class StatusSite implements AsyncDisposable {
  #log: Log
  #statusDesk: StatusDesk
  #press: PagePress | null = null
  #server: StatusProcess | null = null
  /** There from the first time on that anybody may subscribe. */
  #telling: SubscriptionDesk | null = null
  #parts = new AsyncDisposableStack()

  constructor(log: Log, statusDesk: StatusDesk) {
    this.#log = log
    this.#statusDesk = statusDesk
    statusDesk.onView = (view) => {
      const trouble = (error: unknown): void => log.warn({ detail: String(error) }, 'subscribers will be told later')
      this.#telling?.tell(view).catch(trouble)
    }
  }

  /** Null where it is not served here, or not yet. */
  get url(): string | null {
    return this.#server?.url ?? null
  }

  /** For `/status/subscriptions`. */
  async report(): Promise<SubscriptionReport> {
    return (await this.#telling?.report()) ?? { ways: [], crowdedOut: 0 }
  }

  /** For `/metrics`. What cannot be counted now can be later. */
  async numbers(): Promise<Numbers> {
    return this.#telling ? this.#telling.report().then(subscriptionNumbers, () => []) : []
  }

  /** From now on. @throws when the file of subscribers cannot be opened. */
  async use(settings: SiteSettings): Promise<void> {
    await this.#useSubscriptions(settings)
    this.#usePress(settings)
    await this.#useServer(settings)
  }

  /** Ends what is served, without waiting for it. */
  endNow(): void {
    this.#server?.endNow()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server?.[Symbol.asyncDispose]()
    await this.#press?.[Symbol.asyncDispose]()
    await this.#parts.disposeAsync()
  }

  /** Where nobody may subscribe, nothing is loaded. */
  async #useSubscriptions({ config: { stateDir }, subscriptions }: SiteSettings): Promise<void> {
    if (this.#telling) return this.#telling.use(subscriptions)
    if (offered(subscriptions).length === 0) return
    const { openSubscriptions } = await import('../house/open-subscriptions.ts')
    const base = { clock: systemClock, random: systemRandom, log: this.#log }
    const view = () => this.#statusDesk.view()
    this.#telling = openSubscriptions(this.#parts, { ...base, stateDir, options: subscriptions, view })
  }

  #usePress({ press }: SiteSettings): void {
    const before = this.#press
    if (press && before) return before.use(press)
    if (press) {
      const made = { view: () => this.#statusDesk.view(), makers: [statusFiles] }
      this.#press = new PagePress(press, { clock: systemClock, random: systemRandom, log: this.#log, ...made })
      this.#press.onWritten = () => this.#server?.tellWritten()
      return
    }
    this.#press = null
    void before?.[Symbol.asyncDispose]()
  }

  async #useServer({ config, press }: SiteSettings): Promise<void> {
    const before = this.#server
    if (press && before?.isAt(config.status.page)) return before.use(config, press.folder)
    this.#server = null
    const isServed = press !== null && config.status.page.port !== undefined
    if (isServed) this.#server = this.#open(config, press.folder)
    // At another port the old one stays until the new one is there, but not for ever.
    if (before && this.#server && before.port !== config.status.page.port)
      await Promise.race([this.#server.listening, this.#late()]).catch(() => {})
    await before?.[Symbol.asyncDispose]()
  }

  #open(config: Config, folder: string): StatusProcess {
    const onQuestion = async (question: unknown): Promise<unknown> =>
      this.#telling && (await answerFar(this.#telling, question as FarQuestion))
    return new StatusProcess(config, folder, { log: this.#log, onQuestion })
  }

  #late(): Promise<void> {
    return new Promise((resolve) => systemClock.after(moveMs, resolve))
  }
}

/** A new process has so long to listen before the old one ends all the same. */
const moveMs = 10_000
