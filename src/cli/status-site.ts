/** The public page, as far as it is wanted: its files are made here, and served by a process of their own. */
import type { Config } from '../config.ts'
import { systemClock } from '../ground/clock.ts'
import { systemRandom } from '../ground/random.ts'
import { pageFolder, PagePress, type PagePressParts } from '../house/open-status-page.ts'
import type { Log } from '../observe/log.ts'
import { StatusProcess } from './status-process.ts'

export interface StatusSite extends AsyncDisposable {
  /** Null where it is not served here, or not yet. */
  readonly url: string | null
}

/** @throws {ConfigError} when the logo or a secret cannot be read. */
export function openStatusSite(
  config: Config,
  log: Log,
  told: Pick<PagePressParts, 'view' | 'makers' | 'feeds'>,
): StatusSite {
  const { page } = config.status
  const folder = pageFolder(config)
  const parts = new AsyncDisposableStack()
  if (folder === null) return { url: null, [Symbol.asyncDispose]: () => parts.disposeAsync() }
  const press = parts.use(new PagePress(page, folder, { clock: systemClock, random: systemRandom, log, ...told }))
  const server = page.port === undefined ? null : parts.use(new StatusProcess(config, folder, log))
  press.onWritten = () => server?.tellWritten()
  return {
    get url() {
      return server?.url ?? null
    },
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  }
}
