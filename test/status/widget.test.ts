/**
 * Statuspage's own widget, as its makers publish it, reads our page from another site: in a browser, over the network,
 * with what browsers ask of a page that is read from elsewhere (CORS).
 */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Browser } from 'playwright-core'
import { statusFiles } from '../../src/status/format/document.ts'
import type { StatusView } from '../../src/status/status-view.ts'
import { openBrowser } from '../http/chat-app.ts'
import { openPageStage, type PageStage } from './page-stage.ts'
import { asOf, calmView, troubledView } from './page-views.ts'

let browser: Browser | string
let stage: PageStage
let site = ''
const server = createServer((request, response) => void serve(request.url ?? '/').then((body) => response.end(body)))
const widgetPath = fileURLToPath(import.meta.resolve('@statuspage/status-widget/dist/index.js'))

async function serve(path: string): Promise<string> {
  if (path === '/widget.js') return await readFile(widgetPath, 'utf8')
  return `<!doctype html><html lang="en"><title>A site</title><link rel="icon" href="data:,">
<statuspage-widget src="${stage.url}"></statuspage-widget><script src="/widget.js"></script>`
}

before(async () => {
  browser = await openBrowser()
  if (typeof browser === 'string') return
  stage = await openPageStage(freshly(calmView()), {}, [statusFiles])
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  site = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
})
after(async () => {
  if (typeof browser === 'string') return
  await browser.close()
  server.closeAllConnections()
  server.close()
  await stage[Symbol.asyncDispose]()
})

const freshly = (view: StatusView): StatusView => asOf(view, Date.now())

/** What its reader sees, and its colour by name. */
async function look(words: string): Promise<string> {
  assert.ok(typeof browser !== 'string')
  const page = await browser.newPage()
  try {
    await page.goto(site)
    await page.locator('.status-text', { hasText: words }).waitFor({ timeout: 20_000 })
    return (await page.locator('.status-indicator').getAttribute('class')) ?? ''
  } finally {
    await page.close()
  }
}

test('the widget of Statuspage shows how we are doing', async (t) => {
  if (typeof browser === 'string') return t.skip(browser)
  assert.match(await look('All Systems Operational'), /\bnone\b/)
  await stage.show(freshly(troubledView()))
  assert.match(await look('Partial System Outage'), /\bmajor\b/)
  await stage.show(freshly({ ...calmView(), level: 'under_maintenance' }))
  assert.match(await look('Service Under Maintenance'), /\bmaintenance\b/)
})
