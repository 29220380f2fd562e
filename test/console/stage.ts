/** What the story of the console stands on: a gateway with two model servers and callers, and a browser that looks. */
import assert from 'node:assert/strict'
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Browser, Page } from 'playwright-core'
import type { ChildServer } from '../../lab/child.ts'
import { startSim } from '../../lab/start-sim.ts'
import { chat } from '../crash/chat.ts'
import { type Gateway, startGateway } from '../crash/gateway.ts'

const model = 'lab'
/** Enough for any story; nobody calls for ever. */
const callsMax = 2000
const tokensOf = ['tokens:30', 'tokens:60', 'tokens:120']

/** Callers that ask again and again, some at once, until told to stop. */
class Callers {
  #isOver = false
  #calling: Promise<unknown>
  callCount = 0

  constructor(url: string, count: number) {
    this.#calling = Promise.all(Array.from({ length: count }, (_, i) => this.#call(url, i)))
  }

  async #call(url: string, number: number): Promise<void> {
    while (!this.#isOver && this.callCount < callsMax) {
      const prompt = `${tokensOf[this.callCount % tokensOf.length]} caller ${number} call ${this.callCount++}`
      await chat(url, model, prompt, true)
    }
  }

  async stop(): Promise<void> {
    this.#isOver = true
    await this.#calling
  }
}

export interface Stage extends AsyncDisposable {
  readonly gateway: Gateway
  readonly servers: readonly [ChildServer, ChildServer]
}

/** @param flags more for the gateway. */
export async function openStage(...flags: string[]): Promise<Stage> {
  await using parts = new AsyncDisposableStack()
  const start = async (): Promise<ChildServer> => {
    const server = await startSim({ model, rate: 80 })
    parts.defer(() => server.stop())
    return server
  }
  const servers = [await start(), await start()] as const
  const upstreams = servers.flatMap(({ url }) => ['--upstream', `${url}/v1`])
  const gateway = parts.use(await startGateway(...upstreams, '--log-level', 'error', ...flags))
  const callers = new Callers(gateway.url, 6)
  parts.defer(() => callers.stop())
  const kept = parts.move()
  return { gateway, servers, [Symbol.asyncDispose]: () => kept.disposeAsync() }
}

export const views = {
  light: { width: 1280, height: 900, colorScheme: 'light' },
  dark: { width: 1280, height: 900, colorScheme: 'dark' },
  phone: { width: 390, height: 844, colorScheme: 'light' },
} as const

/** A page of the console, and all that it said or asked for that it should not have. */
export async function openPage(
  browser: Browser,
  { adminUrl }: Pick<Gateway, 'adminUrl'>,
  view: keyof typeof views,
): Promise<{ page: Page; complaints: string[] }> {
  const { width, height, colorScheme } = views[view]
  const context = await browser.newContext({ viewport: { width, height }, colorScheme, bypassCSP: false })
  const page = await context.newPage()
  const complaints: string[] = []
  page.on('pageerror', (error) => complaints.push(String(error)))
  page.on('console', (message) => {
    // A part of the port that is not there is told of by the browser itself.
    if (message.type() === 'error' && !/status of 404/.test(message.text())) complaints.push(message.text())
  })
  page.on('request', (request) => {
    if (!request.url().startsWith(adminUrl) && !request.url().startsWith('data:')) complaints.push(request.url())
  })
  await page.goto(`${adminUrl}/console/`)
  return { page, complaints }
}

interface AxeResult {
  readonly violations: readonly {
    id: string
    impact: string
    help: string
    nodes: { html: string; failureSummary: string }[]
  }[]
}

let axe: Promise<string> | null = null

/** Fails with each rule of accessibility that the page breaks. */
export async function checkAccess(page: Page, what: string): Promise<void> {
  axe ??= readFile(fileURLToPath(import.meta.resolve('axe-core/axe.min.js')), 'utf8')
  await page.evaluate(await axe)
  const { violations } = await page.evaluate<AxeResult>('axe.run()')
  const words = violations.map(
    ({ id, help, nodes }) =>
      `${id}: ${help}\n${nodes.map((node) => `    ${node.html.slice(0, 300)}\n      ${node.failureSummary}`).join('\n')}`,
  )
  assert.deepEqual(words, [], `axe on ${what}`)
}

/** Keeps a picture where the variable `SHOTS` names a folder. */
export async function shoot(page: Page, name: string): Promise<void> {
  const folder = process.env['SHOTS']
  if (folder === undefined) return
  await mkdir(folder, { recursive: true })
  await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true })
}
