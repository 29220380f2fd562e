/**
 * The public page as people see it: in light and dark, on a phone, with script and without; and as an attacker would
 * like to see it. `SHOTS=folder` keeps pictures.
 */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { checkAccess, shoot } from '../console/stage.ts'
import { eventually, openBrowser } from '../http/chat-app.ts'
import { looks, openLook, openPageStage, type LookName, type PageStage } from './page-stage.ts'
import { asOf, calmView, hostileView, incident, nowMs, troubledView, update } from './page-views.ts'
import type { StatusView } from '../../src/status/status-view.ts'

const pageMs = 20_000

let browser: Browser | string
let stage: PageStage

const notStale = { staleMinutes: 1440 }
/** Of an incident of long ago: there is a page of its month. */
const monthMs = Date.now() - 37 * 86_400_000

before(async () => {
  browser = await openBrowser()
  if (typeof browser !== 'string') stage = await openPageStage(freshly(troubledView()), notStale)
})
after(async () => {
  if (typeof browser === 'string') return
  await stage[Symbol.asyncDispose]()
  await browser.close()
})

/** As of this moment, so that nobody takes it for old. */
const freshly = (view: StatusView): StatusView => asOf(view, Date.now())

const monthWords = (locale: string): string =>
  new Intl.DateTimeFormat(locale, { month: 'long', year: 'numeric', timeZone: 'UTC' }).format(monthMs)

async function widthOf(page: Page): Promise<number> {
  return Number(await page.evaluate('document.documentElement.scrollWidth'))
}

function isWanted(name: string, look: LookName, hasScript: boolean): boolean {
  if (process.env['SHOTS'] !== undefined || look === 'light') return true
  return hasScript && (name === 'status' || (look === 'phone' && name !== 'lost'))
}

const addresses = {
  status: '/',
  incident: '/incidents/inc-7f3a',
  history: '/history',
  month: `/history/${new Date(monthMs).toISOString().slice(0, 7)}`,
  lost: '/nowhere/at/all',
  german: '/de/index.html',
} as const

for (const look of Object.keys(looks) as LookName[]) {
  test(`every page is whole, accessible and fits, with script and without: ${look}`, async (t) => {
    if (typeof browser === 'string') return t.skip(browser)
    for (const hasScript of [true, false]) {
      for (const [name, path] of Object.entries(addresses)) {
        // Most differ in their style alone; whoever wants to look at all of them gets them all.
        if (!isWanted(name, look, hasScript)) continue
        const { page, complaints } = await openLook(browser, stage.url + path, look, hasScript)
        await page.locator('h1').waitFor({ timeout: pageMs })
        await shoot(page, `page-${look}-${hasScript ? 'script' : 'plain'}-${name}`)
        if (hasScript) {
          await page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
          await checkAccess(page, `${name}, ${look}`)
          const width = await widthOf(page)
          assert.ok(width <= looks[look].width, `${name} is ${width} pixels wide`)
          if (name === 'status') await shoot(page, `page-${look}-open`)
        }
        const expected = name === 'lost' ? complaints.filter((each) => !/404/.test(each)) : complaints
        assert.deepEqual(expected, [], name)
        await page.context().close()
      }
    }
  })
}

test('without script all that is known can be read, and by keyboard opened', async (t) => {
  if (typeof browser === 'string') return t.skip(browser)
  const { page } = await openLook(browser, stage.url, 'light', false)
  const text = await page.locator('main').innerText()
  assert.match(text, /Partial outage[^]*Probably 15 minutes to 3 hours more/)
  assert.match(text, /Written by Mara \(operations\)/)
  assert.doesNotMatch(text, /broken cable/)
  for (let presses = 0; presses < 40; presses++) {
    await page.keyboard.press('Tab')
    if (await page.locator('summary:focus', { hasText: 'Corrected' }).count()) break
  }
  await page.keyboard.press('Enter')
  await page.locator('del', { hasText: 'broken cable' }).waitFor({ timeout: pageMs })
  // Links are real: to the incident, to the month before, and back.
  await page.getByRole('link', { name: /gpt-oss 120b and Llama/ }).click()
  await page.getByRole('heading', { name: 'Updates' }).waitFor({ timeout: pageMs })
  await page.getByRole('link', { name: 'History' }).click()
  await page.getByRole('link', { name: monthWords('en-GB') }).click()
  await page.getByText('Qwen 3 Coder: some calls fail').waitFor({ timeout: pageMs })
  await page.getByRole('link', { name: 'Deutsch' }).click()
  await page.getByRole('heading', { name: `Verlauf: ${monthWords('de-DE')}` }).waitFor({ timeout: pageMs })
  await page.getByRole('link', { name: 'Example AI' }).click()
  await page.getByRole('heading', { name: 'Teilausfall', exact: true }).waitFor({ timeout: pageMs })
})

test('an open page moves by itself, and leaves open what was opened and the focus where it was', async (t) => {
  if (typeof browser === 'string') return t.skip(browser)
  await using own = await openPageStage(freshly(calmView()), notStale)
  const { page, complaints } = await openLook(browser, own.url, 'light', true)
  await page.getByRole('heading', { name: 'All systems operational' }).waitFor({ timeout: pageMs })
  await page.locator('#f-component-2 summary').click()
  await page.locator('#f-component-3 summary').focus()
  await page.locator('#f-component-2 dl').waitFor({ timeout: pageMs })
  await page.waitForLoadState('networkidle')
  await own.show(freshly(troubledView()))
  await page.getByRole('heading', { name: 'Partial outage', exact: true }).waitFor({ timeout: pageMs })
  assert.equal(await page.locator('#f-component-2').getAttribute('open'), '')
  assert.equal(await page.evaluate("document.activeElement?.closest('details')?.id"), 'f-component-3')
  assert.equal(await page.locator('#news').innerText(), 'Partial outage')
  await checkAccess(page, 'after a change')
  await own.show(
    freshly({
      ...troubledView(),
      incidents: [incident({ updates: [update(1), update(2, { text: 'Nearly there.' })] })],
    }),
  )
  await page.getByText('Nearly there.').waitFor({ timeout: pageMs })
  assert.deepEqual(complaints, [])
})

test('hostile texts are shown and do nothing', async (t) => {
  if (typeof browser === 'string') return t.skip(browser)
  await using own = await openPageStage(freshly(hostileView()), notStale)
  for (const look of ['light', 'phone'] as const) {
    for (const path of ['/', '/history']) {
      const { page, complaints } = await openLook(browser, own.url + path, look, true)
      await page.locator('footer').waitFor({ timeout: pageMs })
      await page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
      assert.equal(await page.evaluate('globalThis.broken'), undefined)
      assert.equal(await page.locator('script').count(), 1)
      assert.equal(await page.locator('main img, main style, main iframe').count(), 0)
      assert.ok((await page.getByText('<script>globalThis.broken = 1</script>').count()) > 0)
      const width = await widthOf(page)
      assert.ok(width <= looks[look].width, `${path} is ${width} pixels wide`)
      await checkAccess(page, `hostile texts, ${look}${path}`)
      await shoot(page, `page-${look}-hostile${path.replace('/', '-')}`)
      assert.deepEqual(complaints, [])
      await page.context().close()
    }
  }
  const { page } = await openLook(browser, own.url, 'phone', true)
  await page.locator('.incident h3 a').first().click()
  await page.getByRole('heading', { name: 'Updates' }).waitFor({ timeout: pageMs })
  await checkAccess(page, 'a hostile incident')
})

test('a name, a logo and a colour of one’s own', async (t) => {
  if (typeof browser === 'string') return t.skip(browser)
  const { mkdtemp, rm, writeFile } = await import('node:fs/promises')
  const folder = await mkdtemp('/tmp/holdfast-logo-')
  const logo = `${folder}/logo.svg`
  await writeFile(
    logo,
    '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="40"><script>alert(1)</script><rect width="40" height="40" rx="9" fill="#7a1fa2"/></svg>',
  )
  const view = freshly({ ...calmView(), page: { ...calmView().page, name: 'Ünïcode GmbH', timeZone: 'Europe/Berlin' } })
  await using own = await openPageStage(view, { ...notStale, logo, accent: '#ffcc00' })
  for (const look of ['light', 'dark'] as const) {
    const { page, complaints } = await openLook(browser, own.url, look, true)
    await page.locator('header img').waitFor({ timeout: pageMs })
    assert.equal(await page.evaluate("document.querySelector('header img').naturalWidth"), 40)
    assert.match(await page.locator('.asof').innerText(), /(CET|GMT\+1|CEST|GMT\+2)/)
    await checkAccess(page, `own colours, ${look}`)
    await shoot(page, `page-${look}-own`)
    assert.deepEqual(complaints, [])
  }
  await rm(folder, { recursive: true })
})

test('figures that are old say so, with script and without', async (t) => {
  if (typeof browser === 'string') return t.skip(browser)
  await using own = await openPageStage({ ...troubledView(), updatedMs: nowMs - 86_400_000 * 400 }, { staleMinutes: 5 })
  const url = own.url
  await eventually('the warning', async () => /class="stale">/.test(await (await fetch(url)).text()))
  const { page } = await openLook(browser, url, 'light', false)
  await page.getByText('The figures below are old').waitFor({ timeout: pageMs })
  await shoot(page, 'page-light-stale')
})

test('a process that dies is replaced, on the same port', async (t) => {
  if (typeof browser === 'string') return t.skip(browser)
  const before = stage.process.pid
  assert.ok(before)
  process.kill(before, 'SIGKILL')
  await eventually('another process', () => Promise.resolve(![null, before].includes(stage.process.pid)))
  await eventually('an answer', () =>
    fetch(stage.url).then(
      ({ ok }) => ok,
      () => false,
    ),
  )
})
