/** What the stories of the public page stand on: the page of a made-up view, written and served as in the gateway. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { StatusProcess } from '../../src/cli/status-process.ts'
import { systemClock } from '../../src/ground/clock.ts'
import { seededRandom } from '../../src/ground/random.ts'
import type { z } from '../../src/ground/schema.ts'
import { PagePress, readPress } from '../../src/house/open-status-page.ts'
import { silentLog } from '../../src/observe/log.ts'
import type { FileMaker } from '../../src/status/page/page-file.ts'
import type { pageSchema } from '../../src/status/page/page-options.ts'
import { statusSchema } from '../../src/status/status-options.ts'
import type { StatusView } from '../../src/status/status-view.ts'

export interface PageStage extends AsyncDisposable {
  readonly url: string
  readonly process: StatusProcess
  /** The view that is shown from now on. */
  show(view: StatusView): Promise<void>
}

export async function openPageStage(
  view: StatusView,
  page: z.input<typeof pageSchema> = {},
  more: readonly FileMaker[] = [],
): Promise<PageStage> {
  const stateDir = await mkdtemp(join(tmpdir(), 'holdfast-page-'))
  const status = statusSchema.parse({ page: { port: 0, languages: ['en', 'de'], ...page } })
  const folder = join(stateDir, 'status')
  let shown = view
  const feeds = [
    { path: 'history.atom', name: 'Atom' },
    { path: 'history.rss', name: 'RSS' },
    { path: 'api/v2/summary.json', name: 'JSON' },
  ]
  const made = feeds.map(({ path }) => () => [{ path, contentType: 'text/plain', bytes: Buffer.from(path) }])
  const makers = more.length > 0 ? more : made
  const parts = {
    clock: systemClock,
    random: seededRandom(1),
    log: silentLog,
    view: () => shown,
    makers,
  }
  const press = new PagePress(readPress(status.page, { folder, feeds, canSubscribe: true }), parts)
  const written = Promise.withResolvers<void>()
  press.onWritten = () => written.resolve()
  await written.promise
  const server = new StatusProcess({ stateDir, status }, folder, {
    log: silentLog,
    onQuestion: () => Promise.resolve(null),
  })
  press.onWritten = () => server.tellWritten()
  const url = await server.listening
  return {
    url,
    process: server,
    show: async (next) => {
      shown = next
      const { promise, resolve } = Promise.withResolvers<void>()
      press.onWritten = () => (server.tellWritten(), resolve())
      await promise
    },
    [Symbol.asyncDispose]: async () => {
      await press[Symbol.asyncDispose]()
      await server[Symbol.asyncDispose]()
      await rm(stateDir, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}

export const looks = {
  light: { width: 1280, height: 900, colorScheme: 'light' },
  dark: { width: 1280, height: 900, colorScheme: 'dark' },
  phone: { width: 390, height: 844, colorScheme: 'light' },
  'phone-dark': { width: 390, height: 844, colorScheme: 'dark' },
} as const
export type LookName = keyof typeof looks

/** A page, and all that it said or asked for that it should not have. */
export async function openLook(
  browser: Browser,
  address: string,
  look: LookName,
  javaScriptEnabled: boolean,
): Promise<{ page: Page; complaints: string[] }> {
  const { width, height, colorScheme } = looks[look]
  const viewport = { width, height }
  const context = await browser.newContext({ viewport, colorScheme, javaScriptEnabled, locale: 'en-GB' })
  const page = await context.newPage()
  const complaints: string[] = []
  page.on('pageerror', (error) => complaints.push(String(error)))
  page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()))
  page.on('request', (request) => {
    if (new URL(request.url()).origin !== new URL(address).origin) complaints.push(request.url())
  })
  await page.goto(address)
  return { page, complaints }
}
