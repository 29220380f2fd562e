/**
 * An attack from other addresses of the same network, with real processes and a real browser: the browser works and
 * gets in, a program is told to come back, a caller with a key notices nothing; the beginning and the end are told.
 * `SHOTS=folder` keeps pictures of the page.
 */
import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test, type TestContext } from 'node:test'
import { Worker } from 'node:worker_threads'
import type { Browser, Page } from 'playwright-core'
import { Sink } from '../alerts/sink.ts'
import { checkAccess, shoot } from '../console/stage.ts'
import { type Gateway, startGateway } from '../crash/gateway.ts'
import { eventually, openBrowser } from '../http/chat-app.ts'
import { goodBody, ScriptedUpstream } from '../http/harness.ts'
import { looks, type LookName } from '../status/page-stage.ts'
import { badCall } from '../suites/flood-suite.ts'
import type { FloodOrder } from '../suites/flood-thread.ts'
import { ask } from './ask.ts'

const pageMs = 30_000
const key = 'sk-good-0123456789abcdef'
const navigation = { accept: 'text/html', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' }

let browser: Browser | string
let folder: string
const opened = new AsyncDisposableStack()

before(async () => {
  browser = await openBrowser()
  folder = await mkdtemp(join(tmpdir(), 'holdfast-flood-'))
  await writeFile(
    join(folder, 'index.html'),
    '<!doctype html><title>s</title><h1>The site</h1><script src="/app.js"></script>',
  )
  await writeFile(join(folder, 'app.js'), 'document.title = "whole"')
})

after(async () => {
  await opened.disposeAsync()
  if (typeof browser !== 'string') await browser.close()
  await rm(folder, { recursive: true, force: true, maxRetries: 10 })
})

async function start(guard: string, more = ''): Promise<Gateway & { readonly port: number }> {
  const upstream = opened.use(await ScriptedUpstream.open())
  const file = join(folder, 'holdfast.yaml')
  await writeFile(
    file,
    `upstreams: { only: { url: ${upstream.url}, kind: llamacpp, models: [m] } }
keys: [{ name: good, key: ${key} }]
guard: ${guard}
web: { routes: [{ folder: ${folder} }] }
${more}`,
  )
  const gateway = opened.use(await startGateway('--config', file, '--log-level', 'warn'))
  return { ...gateway, port: Number(new URL(gateway.url).port) }
}

/** Calls without a good key, from forty addresses beside the browser's. */
function flood(t: TestContext, port: number): () => Promise<void> {
  const addresses = Array.from({ length: 40 }, (_, i) => `127.0.0.${100 + i}`)
  const order: FloodOrder = { port, addresses, perSecond: 800, request: badCall, connectionsMax: 40 }
  const worker = new Worker(new URL('../suites/flood-thread.ts', import.meta.url), { workerData: order })
  const stop = async (): Promise<void> => void (await worker.terminate())
  t.after(stop)
  return stop
}

interface ShieldTold {
  readonly state: string
  readonly level: number
  readonly challenges: Readonly<Record<'issued' | 'solved' | 'refused', number>>
}

async function shieldFacts({ adminUrl }: Gateway): Promise<ShieldTold[]> {
  const answer = await fetch(`${adminUrl}/record?kind=shield&limit=100`)
  return ((await answer.json()) as { facts: ShieldTold[] }).facts.toReversed()
}

test('under a flood a browser gets in, a program is sent away, a call is untouched; both ends are told', async (t) => {
  if (typeof browser === 'string') return t.skip(browser)
  const sink = opened.use(await Sink.open())
  const gateway = await start(
    '{ exempt: [], lockoutMs: 1000, shield: { beginPerSecond: 20, easeMs: 1000 }, challenge: { fromLevel: 1 } }',
    `alerts: { periodMs: 100, groupWaitMs: 0, resolveAfterMs: 1000, receivers: { r: { webhook: { url: "${sink.url}/r" } } } }`,
  )
  const { port } = gateway
  const told = (status: string): boolean =>
    sink.taken.some(({ body }) => body.includes('UnderAttack') && body.includes(`"status":"${status}"`))
  const stop = flood(t, port)
  await eventually('every worker to ask for a proof', async () => {
    const codes = await Promise.all(Array.from({ length: 8 }, () => ask(port, '/', { headers: navigation })))
    return codes.every(({ status }) => status === 429)
  })

  const { page, answers } = await visit(browser, gateway.url)
  await page.getByRole('heading', { name: 'The site' }).waitFor({ timeout: pageMs })
  await eventually('the script of the site', async () => (await page.title()) === 'whole')
  assert.equal(answers[0], 429, 'it was asked first')
  const cookies = await page.context().cookies()
  const pass = cookies.find(({ name }) => name === 'holdfast-pass')
  assert.deepEqual([pass?.httpOnly, pass?.sameSite], [true, 'Lax'])
  // Again and again, whichever worker has the connection, and more than the shield would let through.
  for (let i = 0; i < 40; i++) {
    const headers = { ...navigation, cookie: `holdfast-pass=${pass?.value}` }
    assert.equal((await ask(port, '/', { headers })).status, 200)
  }

  const program = await ask(port, '/', { headers: { accept: '*/*', 'user-agent': 'curl/8.5.0' } })
  assert.equal(program.status, 429)
  assert.ok(Number(program.headers['retry-after']) >= 1)
  assert.doesNotMatch(program.headers['content-type'] ?? '', /html/)
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' }
  for (let i = 0; i < 20; i++)
    assert.equal((await ask(port, '/v1/chat/completions', { method: 'POST', headers, body: goodBody })).status, 200)

  await eventually('the alert', async () => told('firing'))
  assert.ok((await shieldFacts(gateway)).some(({ state, level }) => state === 'raised' && level === 1))
  assert.ok(!told('resolved'))
  await stop()
  await eventually('the end to be told', async () => told('resolved'))
  const facts = await shieldFacts(gateway)
  assert.ok(facts.some(({ state, level }) => state === 'lowered' && level === 0))
  const solved = facts.reduce((sum, { challenges }) => sum + challenges.solved, 0)
  assert.ok(solved >= 1, 'the work is in the record')
  assert.equal((await ask(port, '/', { headers: navigation })).status, 200, 'nobody is asked any more')
})

test('the page can be read by everybody: light, dark, small, in German, without script', async (t) => {
  if (typeof browser === 'string') return t.skip(browser)
  const gateway = await start('{ exempt: [], challenge: { when: always } }')
  for (const look of Object.keys(looks) as LookName[]) {
    for (const hasScript of [true, false]) {
      const { page } = await visit(browser, gateway.url, { look, hasScript, isIdle: true })
      await page.locator('h1').waitFor({ timeout: pageMs })
      await shoot(page, `challenge-${look}-${hasScript ? 'script' : 'plain'}`)
      const text = await page.locator('main').innerText()
      assert.match(text, hasScript ? /Your browser is computing/ : /needs JavaScript/)
      if (hasScript) await checkAccess(page, `challenge, ${look}`)
      const width = Number(await page.evaluate('document.documentElement.scrollWidth'))
      assert.ok(width <= looks[look].width, `${width} pixels wide`)
      await page.context().close()
    }
  }
  const { page } = await visit(browser, gateway.url, { locale: 'de-DE', isIdle: true })
  await page.getByText('Ihr Browser rechnet').waitFor({ timeout: pageMs })
  await shoot(page, 'challenge-german')
  await page.context().close()
})

test('where the work comes to nothing the visitor is told so, and can try again', async (t) => {
  if (typeof browser === 'string') return t.skip(browser)
  const gateway = await start('{ exempt: [], challenge: { when: always } }')
  const { page } = await visit(browser, gateway.url, { isRefused: true })
  await page.getByText('That did not work.').waitFor({ timeout: pageMs })
  await shoot(page, 'challenge-failed')
  await checkAccess(page, 'after a failure')
  await page.unroute('**/holdfast-challenge')
  await page.getByRole('button', { name: 'Try again' }).click()
  await page.getByRole('heading', { name: 'The site' }).waitFor({ timeout: pageMs })
  await page.context().close()
})

interface How {
  readonly look?: LookName
  readonly hasScript?: boolean
  readonly locale?: string
  /** It never comes to work. */
  readonly isIdle?: boolean
  /** What it finds is not taken. */
  readonly isRefused?: boolean
}

async function visit(browser: Browser, url: string, how: How = {}): Promise<{ page: Page; answers: number[] }> {
  const { look = 'light', hasScript = true, locale = 'en-GB', isIdle = false, isRefused = false } = how
  const { width, height, colorScheme } = looks[look]
  const viewport = { width, height }
  const context = await browser.newContext({ viewport, colorScheme, javaScriptEnabled: hasScript, locale })
  const page = await context.newPage()
  if (isIdle) await page.addInitScript('Worker.prototype.postMessage = () => {}')
  if (isRefused) await page.route('**/holdfast-challenge', (route) => route.fulfill({ status: 429, body: '{}' }))
  const answers: number[] = []
  page.on('response', (answer) => answers.push(answer.status()))
  await page.goto(url)
  return { page, answers }
}
