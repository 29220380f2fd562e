/**
 * Error pages as people see them, in a browser: previews of each kind, and real failures of calls; in light, in dark,
 * on a phone. `SHOTS=folder` keeps pictures.
 */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import type { Notice } from '../../src/edge/notice.ts'
import { parseRay } from '../../src/fault/ray.ts'
import { checkAccess, shoot } from '../console/stage.ts'
import { looks, openLook, type LookName } from '../status/page-stage.ts'
import { openBrowser } from './chat-app.ts'
import { goodBody, openTestHouse, type Script, type TestHouse } from './harness.ts'

let browser: Browser | string
let house: TestHouse
let url: string

const notice: Notice = {
  statusUrl: 'https://status.example.org',
  incident: {
    title: 'gpt-oss 120b and Llama 4 Scout: some calls fail',
    words:
      'About 35 % of the calls to gpt-oss 120b fail or are slow. It began at 17:38 UTC. A model server has failed.',
    etaWords: 'Probably 15 minutes to 3 hours more, most likely about 45 minutes.',
  },
}

before(async () => {
  browser = await openBrowser()
  if (typeof browser === 'string') return
  house = await openTestHouse({ timeouts: { patienceMs: 0, firstTokenMs: 300, wholeMs: 300 } })
  house.house.useNotice(notice)
  url = `http://127.0.0.1:${house.port}`
})
after(async () => {
  if (typeof browser === 'string') return
  await browser.close()
  await house[Symbol.asyncDispose]()
})

async function checkPage(page: Page, look: LookName, name: string): Promise<void> {
  const text = await page.locator('main').innerText()
  const ray = /Ray ID\s+(\S+)/.exec(text)?.[1] ?? ''
  assert.ok(parseRay(ray), `${name}: ${ray}`)
  assert.match(text, /Your address\s+127\.0\.0\.1/)
  assert.match(text, /Edge location\s+\S/)
  assert.match(text, /Time\s+20\d\d-\d\d-\d\d \d\d:\d\d:\d\d UTC/)
  assert.doesNotMatch(text, /undefined|null|NaN|\{\{/)
  await checkAccess(page, `${name}, ${look}`)
  const width = Number(await page.evaluate('document.documentElement.scrollWidth'))
  assert.ok(width <= looks[look].width, `${name} is ${width} pixels wide`)
  await shoot(page, `error-${look}-${name}`)
}

const previewed = ['HF_NO_UPSTREAM', 'HF_OVERLOADED', 'HF_ATTEMPTS_SPENT', 'HF_KEY_UNKNOWN', 'HF_MAINTENANCE'] as const

for (const look of Object.keys(looks) as LookName[])
  test(`each kind of error is a page that can be read and fits: ${look}`, async (t) => {
    if (typeof browser === 'string') return t.skip(browser)
    for (const code of previewed) {
      const { page, complaints } = await openLook(browser, `${url}/errors/${code}`, look, true)
      await page.getByText(code, { exact: true }).waitFor()
      await page.getByRole('link', { name: 'How the service is doing' }).waitFor()
      // What goes on elsewhere is no reason for a wrong key, or for what was announced.
      const isOwn = code === 'HF_KEY_UNKNOWN' || code === 'HF_MAINTENANCE'
      assert.equal(await page.getByText('Probably 15 minutes to 3 hours more').isVisible(), !isOwn, code)
      await checkPage(page, look, code)
      assert.deepEqual(complaints, [])
      await page.context().close()
    }
  })

test('without an incident it says what is done about it, and nothing of one', async (t) => {
  if (typeof browser === 'string') return t.skip(browser)
  house.house.useNotice({ ...notice, incident: null })
  for (const code of ['HF_UPSTREAM_RESET', 'HF_KEY_UNKNOWN']) {
    const { page } = await openLook(browser, `${url}/errors/${code}`, 'light', true)
    const isCaredFor = await page.getByText('is passed over until it is well again').isVisible()
    assert.equal(isCaredFor, code !== 'HF_KEY_UNKNOWN')
    assert.equal(await page.getByRole('heading', { name: 'What is going on' }).isVisible(), false)
    await checkPage(page, 'light', `calm-${code}`)
    await page.context().close()
  }
  house.house.useNotice(notice)
})

const fails = (status: number): Script => {
  return ({ response }) => void response.writeHead(status, { 'content-type': 'application/json' }).end('{"error":{}}')
}
const real: readonly (readonly [number, Script])[] = [
  [502, ({ response }) => void response.destroy()],
  [503, fails(503)],
  [429, fails(429)],
]

for (const [status, script] of real)
  test(`a person who meets a real ${status} is told what happened, and how long it may last`, async (t) => {
    if (typeof browser === 'string') return t.skip(browser)
    for (const look of ['light', 'dark', 'phone'] as const) {
      const { page } = await openLook(browser, `${url}/errors`, look, true)
      // As a form of a site would send it; the browser says itself that somebody looks at what comes.
      await page.route('**/v1/chat/completions', (route) =>
        route.continue({
          method: 'POST',
          headers: { ...route.request().headers(), 'content-type': 'application/json' },
          postData: goodBody,
        }),
      )
      house.upstream.script = script
      const answer = await page.goto(`${url}/v1/chat/completions`)
      assert.equal(answer?.status(), status, (await answer?.text())?.slice(0, 3000) ?? '')
      await page.getByText('Probably 15 minutes to 3 hours more').waitFor()
      await checkPage(page, look, `real-${status}`)
      await page.context().close()
    }
  })
