/** The story of the console: a person looks on, a model server dies, and the person finds out what happened and why. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { openAdmin } from '../../src/edge/admin.ts'
import { RaySource } from '../../src/fault/ray.ts'
import { systemClock } from '../../src/ground/clock.ts'
import { systemRandom } from '../../src/ground/random.ts'
import { MemoryRecord } from '../../src/store/memory-record.ts'
import { openBrowser } from '../http/chat-app.ts'
import { checkAccess, openPage, openStage, shoot, type Stage, views } from './stage.ts'

/**
 * The promise: a fault is on the screen within 5 s. The console looks once a second, so that is told in looks: a busy
 * machine takes longer over each.
 */
const looksMax = 5
const pageMs = 20_000
const pages = ['overview', 'live', 'alerts', 'config'] as const

let browser: Browser | string
let stage: Stage

before(async () => {
  browser = await openBrowser()
  if (typeof browser !== 'string') stage = await openStage()
})
after(async () => {
  if (typeof browser === 'string') return
  await stage[Symbol.asyncDispose]()
  await browser.close()
})

async function goTo(page: Page, name: string): Promise<void> {
  await page.evaluate(`location.hash = '#/${name}'`)
  await page.locator('h1').first().waitFor({ timeout: pageMs })
}

test('a server dies: the overview says so within 5 s, and its last failure leads to the ray that says why', async (t) => {
  if (typeof browser === 'string') return t.skip(browser)
  const { page, complaints } = await openPage(browser, stage.gateway, 'light')
  await page.locator('.verdict.well').waitFor({ timeout: pageMs })
  // Curves have begun, and the callers' traffic is in them.
  await page.locator('.chart canvas').first().waitFor({ timeout: pageMs })
  await page.getByText(/since the start/).waitFor({ timeout: pageMs })
  await shoot(page, 'light-well')

  const [, victim] = stage.servers
  const name = new URL(victim.url).host
  const killedMs = performance.now()
  let looks = 0
  page.on('response', (response) => (looks += Number(response.url().includes('/console/state'))))
  await victim.kill('SIGKILL')
  await page.locator('.verdict.impaired', { hasText: name }).waitFor({ timeout: pageMs })
  const card = page.locator('.upstream.bad', { hasText: name })
  await card.locator('.reason code', { hasText: /HF_UPSTREAM_/ }).waitFor({ timeout: pageMs })
  t.diagnostic(`on the screen ${Math.round(performance.now() - killedMs)} ms and ${looks} looks after it was killed`)
  assert.ok(looks <= looksMax, `${looks} looks`)
  // Faults are counted once their calls are over.
  await page.getByRole('link', { name: 'The model server is not running' }).first().waitFor({ timeout: pageMs })
  await shoot(page, 'light-overview')

  await card.getByRole('link', { name: 'why?' }).click()
  await page.getByRole('heading', { name: 'How it went' }).waitFor({ timeout: pageMs })
  const explained = page.locator('.explanation')
  await explained.waitFor({ timeout: pageMs })
  assert.match(await explained.innerText(), /server-(crash|down)[^]*whose fault: the model server’s/)
  const way = page.locator('.waterfall')
  assert.match(await way.innerText(), new RegExp(`${name}[^]*HF_UPSTREAM_(REFUSED|CUT|RESET)`))
  // It was saved: the last attempt gave the answer.
  assert.match(await way.innerText(), /answered/)
  await shoot(page, 'light-ray')
  await checkAccess(page, 'a ray')
  assert.deepEqual(complaints, [])
})

test('a broken answer shows its seam on the page of its ray', async (t) => {
  if (typeof browser === 'string') return t.skip(browser)
  const answer = await fetch(`${stage.gateway.adminUrl}/record?kind=seam&limit=1`)
  const { facts } = (await answer.json()) as { facts: { ray: string }[] }
  const ray = facts[0]?.ray
  assert.ok(ray, 'some answer was under way when the server died')
  const { page, complaints } = await openPage(browser, stage.gateway, 'phone')
  await page.getByRole('textbox', { name: 'Ray ID' }).fill(ray)
  await page.keyboard.press('Enter')
  await page.locator('.waterfall .track b.seam').first().waitFor({ timeout: pageMs })
  assert.match(await page.locator('.waterfall .marks').innerText(), /Seam after .*broke off after \d+ events/)
  await shoot(page, 'phone-ray')
  assert.deepEqual(complaints, [])
})

for (const view of ['light', 'dark', 'phone'] as const) {
  test(`every page is accessible and fits: ${view}`, async (t) => {
    if (typeof browser === 'string') return t.skip(browser)
    const { page, complaints } = await openPage(browser, stage.gateway, view)
    for (const name of pages) {
      await goTo(page, name)
      await page.locator('main .card, main .verdict').first().waitFor({ timeout: pageMs })
      await checkAccess(page, `${name}, ${view}`)
      const width = Number(await page.evaluate('document.documentElement.scrollWidth'))
      assert.ok(width <= views[view].width, `${name} is ${width} pixels wide`)
      await shoot(page, `${view}-${name}`)
    }
    assert.deepEqual(complaints, [])
  })
}

test('the tail is filtered, paused and gone back in by keyboard alone', async (t) => {
  if (typeof browser === 'string') return t.skip(browser)
  const { page, complaints } = await openPage(browser, stage.gateway, 'light')
  await page.keyboard.press('Tab')
  await page.keyboard.press('Enter') // "To the content"
  assert.equal(await page.evaluate('document.activeElement?.id'), 'content')
  await tabTo(page, 'Live')
  await page.keyboard.press('Enter')
  await page.locator('.facts-list li').first().waitFor({ timeout: pageMs })
  await tabTo(page, 'Only troubles')
  await page.keyboard.press('Space')
  await page.locator('.facts-list .badge.warn, .facts-list .badge.bad').first().waitFor({ timeout: pageMs })
  assert.equal(await page.locator('.facts-list .badge:not(.warn):not(.bad):not(.good)').count(), 0)
  assert.match(page.url(), /only=troubles/)
  await tabTo(page, 'Pause')
  await page.keyboard.press('Enter')
  await page.getByRole('button', { name: 'Go on' }).waitFor({ timeout: pageMs })
  assert.deepEqual(complaints, [])
})

/** Presses Tab until the element of this name has the focus. */
async function tabTo(page: Page, name: string): Promise<void> {
  for (let presses = 0; presses < 60; presses++) {
    await page.keyboard.press('Tab')
    const text = await page.evaluate(
      '(document.activeElement?.labels?.[0]?.textContent ?? document.activeElement?.textContent ?? "").trim()',
    )
    if (text === name) return
  }
  assert.fail(`Tab does not lead to ${name}`)
}

test('all that is loaded is under 100 kB, compressed, without a build', async (t) => {
  if (typeof browser === 'string') return t.skip(browser)
  const { page } = await openPage(browser, stage.gateway, 'light')
  await page.locator('.verdict').waitFor({ timeout: pageMs })
  const loaded = await page.evaluate<[string, number][]>(
    "performance.getEntriesByType('resource').map(({ name, encodedBodySize }) => [name, encodedBodySize])",
  )
  const bytes = loaded.filter(([name]) => /\.(js|ts|css)$/.test(name)).reduce((sum, [, size]) => sum + size, 0)
  t.diagnostic(`${(bytes / 1000).toFixed(1)} kB`)
  assert.ok(bytes > 10_000 && bytes < 100_000, `${bytes} bytes`)
})

test('a port with a token asks for it, and shows nothing before', async (t) => {
  if (typeof browser === 'string') return t.skip(browser)
  const token = 'a token of the test'
  const shelf = new MemoryRecord('supervisor/1')
  await using admin = await openAdmin(
    { host: '127.0.0.1', port: 0, tokens: [token] },
    {
      metrics: () => Promise.resolve(''),
      liveness: () => ({}),
      readiness: () => ({ isReady: true, facts: {} }),
      alerts: () => ({}),
      status: () => ({}),
      fleet: () => ({}),
      forecast: () => Promise.resolve(null),
      deploys: () => null,
      keys: { create: () => ({}), list: () => [], change: () => {}, rotate: () => ({}), revoke: () => {} },
      subscriptions: () => Promise.resolve({ ways: [] }),
      reload: () => Promise.resolve({}),
      record: () => shelf,
      cache: () => null,
      quarantine: () => null,
      consoleDesk: { state: () => ({}), shownConfig: () => ({ yaml: 'site: behind-the-token\n' }) },
      nowMs: () => 0,
      refusals: {
        clock: systemClock,
        rays: new RaySource(systemClock, systemRandom, { node: 1, site: 'a' }),
        observer: { settled: () => {} },
      },
    },
  )
  const { page } = await openPage(browser, { adminUrl: admin.url }, 'light')
  await goTo(page, 'config')
  const field = page.getByLabel(/This port asks for the token/)
  await field.waitFor({ timeout: pageMs })
  await checkAccess(page, 'the question for the token')
  assert.equal(await page.getByText('behind-the-token').count(), 0)
  await field.fill(token)
  await page.keyboard.press('Enter')
  await field.waitFor({ state: 'detached', timeout: pageMs })
  await page.getByText('behind-the-token').waitFor({ timeout: pageMs })
})

const report = {
  objectives: [
    { name: 'answers', sli: 'availability', target: 0.999, windowDays: 30, good: 99_900, bad: 40, reached: 0.9996 },
    { name: 'first-token', sli: 'firstToken', target: 0.95, windowDays: 30, good: 900, bad: 100, reached: 0.9 },
    { name: 'unused', sli: 'resume', target: 0.99, windowDays: 7, good: 0, bad: 0, reached: null },
  ].map((each, i) => ({ ...each, leftShare: [0.6, -1, 1][i], burn: [0.4, 2.1, 0][i], goneInMs: [null, 0, null][i] })),
  alerts: [
    {
      name: 'ErrorBudgetBurn',
      severity: 'critical',
      labels: { objective: 'first-token' },
      summary: 'first-token burns its error budget 2.1 times too fast',
      cure: 'Look at the upstreams.',
      since: '2026-01-31T12:00:00Z',
      isFlapping: true,
    },
  ],
  muted: [
    {
      ...{ name: 'PoolSaturation', severity: 'warning', labels: { pool: 'all' }, summary: 'the pool all fills up' },
      ...{ cure: '', window: 'New racks', until: '2026-01-31T13:00:00Z' },
    },
  ],
  receivers: [
    { name: 'ops', trouble: null },
    { name: 'chat', trouble: 'status 500' },
  ],
}

for (const view of ['light', 'dark', 'phone'] as const) {
  test(`objectives, alerts and receivers are shown with what is wrong: ${view}`, async (t) => {
    if (typeof browser === 'string') return t.skip(browser)
    const { page } = await openPage(browser, stage.gateway, view)
    await page.route('**/alerts', (route) => route.fulfill({ json: report }))
    await goTo(page, 'alerts')
    await page.getByText('burns its error budget 2.1 times too fast').waitFor({ timeout: pageMs })
    await page.getByText('used up', { exact: true }).waitFor({ timeout: pageMs })
    await page.getByText(/planned maintenance “New racks” until/).waitFor({ timeout: pageMs })
    await page.getByText('cannot be told').waitFor({ timeout: pageMs })
    await checkAccess(page, `alerts, ${view}`)
    await shoot(page, `${view}-alerts-full`)
    await goTo(page, 'overview')
    await page.locator('.budget').nth(2).waitFor({ timeout: pageMs })
    await checkAccess(page, `overview with budgets, ${view}`)
  })
}

test('a ray that nobody knows: the page says why that may be; and no page, no secret, no script from an address', async (t) => {
  if (typeof browser === 'string') return t.skip(browser)
  const { page, complaints } = await openPage(browser, stage.gateway, 'light')
  await goTo(page, `ray/${encodeURIComponent('<img src=x onerror=alert(1)>')}`)
  await page.getByText('The record has nothing of this ray').waitFor({ timeout: pageMs })
  assert.equal(await page.locator('main img').count(), 0)
  await checkAccess(page, 'an unknown ray')
  await goTo(page, 'nowhere')
  await page.getByText('There is no such page').waitFor({ timeout: pageMs })
  assert.deepEqual(complaints, [])
})
