/** The public page, as far as it is wanted: its files are made here, and served by a process of their own. */
import type { Config } from '../config.ts'
import { systemClock } from '../ground/clock.ts'
import { systemRandom } from '../ground/random.ts'
import { pageFolder, PagePress } from '../house/open-status-page.ts'
import type { Log } from '../observe/log.ts'
import { feeds, statusFiles } from '../status/format/document.ts'
import type { StatusView } from '../status/status-view.ts'
import { answerFar, type Counter, type FarQuestion } from '../status/subscription/far-desk.ts'
import { StatusProcess } from './status-process.ts'

export interface StatusSite extends AsyncDisposable {
  /** Null where it is not served here, or not yet. */
  readonly url: string | null
  /** Ends what is served, without waiting for it. */
  readonly endNow: () => void
}

interface Told {
  readonly view: () => StatusView
  /** Who knows the subscribers; null where nobody may subscribe. */
  readonly telling: Counter | null
}

/** @throws {ConfigError} when the logo or a secret cannot be read. */
export function openStatusSite(config: Config, log: Log, { view, telling }: Told): StatusSite {
  const { page, subscriptions } = config.status
  const folder = pageFolder(config)
  const parts = new AsyncDisposableStack()
  if (folder === null) return { url: null, endNow: () => {}, [Symbol.asyncDispose]: () => parts.disposeAsync() }
  const canSubscribe = telling !== null && subscriptions.mail !== undefined && page.port !== undefined
  const made = { view, makers: [statusFiles], feeds, canSubscribe }
  const press = parts.use(new PagePress(page, folder, { clock: systemClock, random: systemRandom, log, ...made }))
  const onQuestion = async (question: unknown): Promise<unknown> =>
    telling && (await answerFar(telling, question as FarQuestion))
  const server = page.port === undefined ? null : parts.use(new StatusProcess(config, folder, { log, onQuestion }))
  press.onWritten = () => server?.tellWritten()
  return {
    get url() {
      return server?.url ?? null
    },
    endNow: () => server?.endNow(),
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  }
}
