/** Subscriptions as the gateway opens them, with a real mail server, a real database and a door on a real port. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../src/ground/clock.ts'
import { ManualClock } from '../../src/ground/manual-clock.ts'
import { systemRandom } from '../../src/ground/random.ts'
import { openSubscriptionDoor, type SubscriptionDoor } from '../../src/edge/status/subscription-door.ts'
import { openSubscriptions } from '../../src/house/open-subscriptions.ts'
import type { SubscriptionDesk } from '../../src/status/subscription/subscription-desk.ts'
import { silentLog } from '../../src/observe/log.ts'
import type { StatusView } from '../../src/status/status-view.ts'
import { answerFar, FarDesk, withoutPassword } from '../../src/status/subscription/far-desk.ts'
import { subscriptionSchema } from '../../src/status/subscription/subscription-options.ts'
import { MailServer, type TakenLetter } from '../alerts/mail-server.ts'
import { incidentView, statusView, update, viewMs } from './view-fixture.ts'

/** More than any of these tests need. */
const roundsMax = 200

export class Stage implements AsyncDisposable {
  readonly clock = new ManualClock(viewMs)
  readonly folder = mkdtempSync(join(tmpdir(), 'holdfast-subscribers-'))
  view: StatusView = statusView({ incidents: [], maintenances: [] })
  url = ''
  readonly trouble: string[] = []
  mail: MailServer | null = null
  desk: SubscriptionDesk
  #door: SubscriptionDoor
  readonly #options: object
  #parts = new AsyncDisposableStack()
  #server: Server

  private constructor(options: object) {
    this.#options = options
    this.desk = this.#open()
    this.#door = this.#openDoor()
    this.#server = createServer((request, response) => {
      if (!this.#door(request, response)) response.writeHead(404).end('elsewhere')
    })
  }

  /** `options`: beside those for a mail server of the test's own. */
  static async open(options: object = {}, mail: MailServer | null = null): Promise<Stage> {
    const server = mail ?? (await MailServer.open())
    const target = { host: '127.0.0.1', port: server.port, security: 'none', from: 'status@example.org' }
    const stage = new Stage({ mail: target, perSourceMax: 1000, timeoutMs: 2000, localWebhooks: true, ...options })
    stage.mail = server
    await new Promise<void>((resolve) => stage.#server.listen(0, '127.0.0.1', resolve))
    stage.url = `http://127.0.0.1:${(stage.#server.address() as AddressInfo).port}`
    return stage
  }

  get letters(): readonly TakenLetter[] {
    return this.mail?.letters ?? []
  }

  /** As after a restart of the gateway. */
  async reopen(): Promise<void> {
    await this.#parts.disposeAsync()
    this.#parts = new AsyncDisposableStack()
    this.desk = this.#open()
    this.#door = this.#openDoor()
  }

  /** Lets pass `ms` and delivers what is due, until nothing is any more. */
  async pass(ms = 0): Promise<void> {
    this.clock.advance(ms)
    const { desk } = this
    for (let round = 0; round < roundsMax; round++) {
      const before = JSON.stringify(await desk.report())
      await desk.tend()
      await desk.settle()
      if (JSON.stringify(await desk.report()) === before) return
    }
    assert.fail('deliveries never come to an end')
  }

  /** Makes this incident known: with so many updates, the last of them of now. */
  async tell(updates: number, more: Parameters<typeof incidentView>[0] = {}): Promise<void> {
    const told = Array.from({ length: updates }, (_, i) =>
      update(i + 1, this.clock.nowMs() - (updates - i) * 1000, 'investigating', `Update ${i + 1}.`, 'partial_outage'),
    )
    this.view = statusView({ incidents: [incidentView({ updates: told, eta: null, ...more })], maintenances: [] })
    await this.desk.tell(this.view)
  }

  post(path: string, fields: Record<string, string> | string): Promise<Response> {
    const isJson = typeof fields === 'string'
    return fetch(`${this.url}${path}`, {
      method: 'POST',
      headers: { 'content-type': isJson ? 'application/json' : 'application/x-www-form-urlencoded' },
      body: isJson ? fields : new URLSearchParams(fields),
    })
  }

  /** Subscribes and follows the link in the letter. */
  async subscribe(email: string, more: Record<string, string> = {}): Promise<void> {
    const before = this.letters.length
    assert.equal((await this.post('/subscribe', { email, ...more })).status, 202)
    await this.pass()
    const letter = this.letters[before]
    assert.ok(letter, 'a letter to confirm')
    const confirmed = await this.post(pathIn(letter, 'confirm'), {})
    assert.equal(confirmed.status, 200)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
    await this.#parts.disposeAsync()
    await this.mail?.[Symbol.asyncDispose]()
    rmSync(this.folder, { recursive: true, force: true })
  }

  #open(): SubscriptionDesk {
    const opened = openSubscriptions(this.#parts, {
      stateDir: this.folder,
      options: subscriptionSchema.parse(this.#options),
      clock: this.clock,
      random: systemRandom,
      log: silentLog,
      view: () => this.view,
    })
    assert.ok(opened)
    return opened
  }

  /** As in the process of the page, which asks another one. */
  #openDoor(): SubscriptionDoor {
    const { desk } = this
    const far: FarDesk = new FarDesk(withoutPassword(desk.options), systemClock, (question) => {
      const copy = JSON.parse(JSON.stringify(question)) as typeof question
      void answerFar(desk, copy).then((answer) => far.hear(answer))
    })
    const onTrouble = (error: unknown): void => void this.trouble.push(String(error))
    return openSubscriptionDoor({ desk: far, view: () => this.view, nowMs: () => this.clock.nowMs(), onTrouble })
  }
}

/** The text of a letter as it was written, without what mail puts around it. */
export function plain({ text }: TakenLetter): string {
  return text
    .replace(/=\r?\n/g, '')
    .replace(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
}

/** Path and query of the link to `kind` in a letter. */
export function pathIn(letter: TakenLetter, kind: 'confirm' | 'unsubscribe'): string {
  const [, path] = new RegExp(`https://status\\.example\\.org(/${kind}\\?token=[\\w.-]+)`).exec(plain(letter)) ?? []
  assert.ok(path, `a link to ${kind}`)
  return path
}

export function headerOf({ text }: TakenLetter, name: string): string | null {
  const head = text.slice(0, text.search(/\r?\n\r?\n/)).replace(/\r?\n[ \t]+/g, ' ')
  return new RegExp(`^${name}: (.*)$`, 'im').exec(head)?.[1]?.trim() ?? null
}
