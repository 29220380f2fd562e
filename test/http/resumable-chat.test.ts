// The example in a real browser: answers that survive reloads, second tabs and a server that is killed.
import assert from 'node:assert/strict'
import { after, before, describe, test, type TestContext } from 'node:test'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { expectedAnswer } from '../../lab/answer.ts'
import type { ChildServer } from '../../lab/child.ts'
import { startSim } from '../../lab/start-sim.ts'
import { freePort, type Gateway, startGateway, workerPids } from '../crash/gateway.ts'
import { ChatApp, eventually, openBrowser } from './chat-app.ts'
import { patienceMs } from './harness.ts'

/** Tokens a second and of an answer: four seconds, enough to do something in the middle on a busy machine. */
const rate = 30
const tokens = 120

let reason = ''
const stack = new AsyncDisposableStack()
let browser: Browser
let sim: ChildServer
let gateway: Gateway
let app: ChatApp

before(async () => {
  const opened = await openBrowser()
  if (typeof opened === 'string') return void (reason = opened)
  browser = opened
  stack.defer(() => opened.close())
  sim = await startSim({ rate, 'batch-cost': 0 })
  stack.defer(() => sim.stop())
  gateway = stack.use(await startGateway('--port', String(await freePort()), '--upstream', `${sim.url}/v1`))
  app = stack.use(await ChatApp.start(gateway.url))
})
after(() => stack.disposeAsync())

/** A visitor with a browser of its own; what a page says in its console, or asks of others, fails the test. */
class Visitor implements AsyncDisposable {
  readonly context: BrowserContext
  readonly complaints: string[] = []

  constructor(context: BrowserContext) {
    this.context = context
    context.setDefaultTimeout(patienceMs)
    context.on('console', (message) => {
      // That the network fails is what some stories are about.
      if (message.type() === 'error' && !message.text().startsWith('Failed to load resource'))
        this.complaints.push(message.text())
    })
    context.on('weberror', (error) => this.complaints.push(String(error.error())))
    context.on('request', (request) => {
      if (!request.url().startsWith(app.url)) this.complaints.push(`asks others: ${request.url()}`)
    })
  }

  async open(url = app.url): Promise<Page> {
    const page = await this.context.newPage()
    await page.goto(url)
    return page
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.context.close()
  }
}

/** A test with a visitor; skipped, with the reason, where there is no browser. */
function story(name: string, run: (visitor: Visitor, t: TestContext) => Promise<void>): void {
  test(name, { timeout: 120_000 }, async (t) => {
    if (reason !== '') return t.skip(reason)
    await using visitor = new Visitor(await browser.newContext())
    await run(visitor, t)
    assert.deepEqual(visitor.complaints, [])
  })
}

async function ask(page: Page, prompt: string): Promise<void> {
  await page.getByLabel('Message', { exact: true }).fill(prompt)
  await page.getByRole('button', { name: 'Send' }).click()
}

/** The text of the last answer on the page, as far as it is there. */
async function textOf(page: Page): Promise<string> {
  return (await page.locator('article[aria-label=Answer] > .text').allTextContents()).at(-1) ?? ''
}

/** Resolves once the last answer is that long, in characters; it must be under way then. */
async function midAnswer(page: Page, length: number): Promise<void> {
  await eventually(`${length} characters`, async () => (await textOf(page)).length >= length)
  assert.ok(await page.getByRole('button', { name: 'Stop' }).isVisible(), 'the answer is under way')
}

/** Resolves once the answer has ended; it is waited for as long as it grows. */
async function end(page: Page, look: () => Promise<void> = () => Promise.resolve()): Promise<void> {
  const hasEnded = async (): Promise<boolean> => {
    await look()
    return page.getByRole('button', { name: 'Send' }).isVisible()
  }
  await eventually('the end', hasEnded, () => textOf(page))
}

/** How often the model server was asked for this. */
async function callCount(prompt: string): Promise<number> {
  const response = await fetch(`${sim.url}/lab/calls?prompt=${encodeURIComponent(prompt)}`)
  const { calls } = (await response.json()) as { calls: unknown[] }
  return calls.length
}

async function abortedCount(): Promise<number> {
  const { aborted } = (await (await fetch(`${sim.url}/lab/calls`)).json()) as { aborted: number }
  return aborted
}

describe('the resumable chat', () => {
  story('a reload in mid-answer: the answer goes on, whole and without a second call', async (visitor) => {
    const prompt = `the reloaded answer tokens:${tokens}`
    const page = await visitor.open()
    await ask(page, prompt)
    await midAnswer(page, 80)
    await page.reload()
    await page.getByText('resumed').waitFor()
    await midAnswer(page, 160)
    await end(page)
    assert.equal(await textOf(page), expectedAnswer(prompt))
    assert.equal(await callCount(prompt), 1)
    await page.reload()
    await page.getByText('ray').waitFor()
    assert.equal(await textOf(page), expectedAnswer(prompt), 'and is kept')
  })

  story('a second tab shows the same answer while it is written', async (visitor) => {
    const prompt = `the shared answer tokens:${tokens}`
    const page = await visitor.open()
    await ask(page, prompt)
    await midAnswer(page, 80)
    const second = await visitor.open(page.url())
    await midAnswer(second, 100)
    await midAnswer(page, 120)
    await Promise.all([end(page), end(second)])
    assert.equal(await textOf(page), expectedAnswer(prompt))
    assert.equal(await textOf(second), expectedAnswer(prompt))
    assert.equal(await callCount(prompt), 1)
  })

  story('a stop from the second tab stops the model, and both tabs say so', async (visitor) => {
    const prompt = `the stopped answer tokens:${tokens * 10}`
    const abortedBefore = await abortedCount()
    const page = await visitor.open()
    await ask(page, prompt)
    await midAnswer(page, 80)
    const second = await visitor.open(page.url())
    await midAnswer(second, 100)
    await second.getByRole('button', { name: 'Stop' }).click()
    await Promise.all([page, second].map((each) => each.locator('.tag', { hasText: 'stopped' }).waitFor()))
    await eventually('the model server to be left', async () => (await abortedCount()) === abortedBefore + 1)
    const text = await textOf(page)
    assert.ok(text.length >= 100 && expectedAnswer(prompt).startsWith(text), text)
    assert.equal(await textOf(second), text)
    await page.reload()
    await page.locator('.tag', { hasText: 'stopped' }).waitFor()
    assert.equal(await textOf(page), text, 'and what had come is kept')
  })

  story('nobody is there at the end: the answer is in the chat all the same', async (visitor) => {
    const prompt = `the unseen answer tokens:${tokens}`
    const page = await visitor.open()
    await ask(page, prompt)
    await midAnswer(page, 80)
    const url = page.url()
    await page.close()
    await eventually('the answer to end', async () => {
      const response = await fetch(`${app.url}/api/chats/${url.split('/').at(-1)}`)
      return ((await response.json()) as { running: string | null }).running === null
    })
    const later = await visitor.open(url)
    await later.getByText('ray').waitFor()
    assert.equal(await textOf(later), expectedAnswer(prompt))
    assert.equal(await callCount(prompt), 1)
  })

  story('the server of the app is killed: the open page comes back by itself, and misses nothing', async (visitor) => {
    const prompt = `the orphaned answer tokens:${tokens * 2}`
    const page = await visitor.open()
    await ask(page, prompt)
    await midAnswer(page, 80)
    await app.kill()
    await page.getByText('Coming back').waitFor()
    await app.start()
    await page.getByText('resumed').waitFor()
    await midAnswer(page, 100)
    await end(page)
    assert.equal(await textOf(page), expectedAnswer(prompt))
    assert.equal(await callCount(prompt), 1)
  })

  story('every worker of the gateway is killed: the page notices nothing', async (visitor, t) => {
    const prompt = `the adopted answer tokens:${tokens * 2}`
    const page = await visitor.open()
    await ask(page, prompt)
    await midAnswer(page, 80)
    const pids = await workerPids(gateway)
    assert.ok(pids.length > 0)
    for (const pid of pids) process.kill(pid, 'SIGKILL')
    await end(page, async () => assert.equal(await page.getByText('Coming back').count(), 0))
    assert.equal(await textOf(page), expectedAnswer(prompt))
    t.diagnostic(`${pids.length} workers killed; the model server was asked ${await callCount(prompt)} times`)
  })
})
