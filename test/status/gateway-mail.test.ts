/** A whole gateway: its only model server dies, and a subscriber reads of it in the mail, once an update. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { startSim } from '../../lab/start-sim.ts'
import { systemClock } from '../../src/ground/clock.ts'
import { systemRandom } from '../../src/ground/random.ts'
import type { StatusView } from '../../src/status/status-view.ts'
import { SqliteSubscriptions, subscriptionsFileName } from '../../src/store/sqlite-subscriptions.ts'
import { MailServer } from '../alerts/mail-server.ts'
import { chat } from '../crash/chat.ts'
import { startGateway } from '../crash/gateway.ts'
import { headerOf, plain } from './subscription-stage.ts'

const model = 'lab'
const id = '0123456789abcdef0123456789abcdef'
const waitMsMax = 90_000

test('from a server that dies to a letter to a subscriber', { timeout: 180_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-mail-'))
  await using mail = await MailServer.open()
  const sim = await startSim({ model, rate: 200 })
  await using parts = new AsyncDisposableStack()
  parts.defer(() => rmSync(folder, { recursive: true, force: true }))
  const file = join(folder, 'holdfast.yaml')
  const smtp = `{ host: 127.0.0.1, port: ${mail.port}, security: none, from: status@example.org }`
  writeFileSync(
    file,
    `upstreams: { only: { url: "${sim.url}/v1" } }\nlog: { level: error }\n` +
      `status: { name: Example, url: "https://status.example.org", subscriptions: { mail: ${smtp} } }\n`,
  )
  const gateway = parts.use(await startGateway('--config', file))
  {
    const told = (cause: unknown): never => assert.fail(String(cause))
    await using store = SqliteSubscriptions.open(
      join(gateway.state, subscriptionsFileName),
      systemClock,
      systemRandom,
      told,
    )
    const address = 'reader@example.com'
    const asked = { id, channel: 'email', address, person: address, components: null, askedMs: Date.now() } as const
    assert.equal(await store.ask(asked, { perPersonMax: 3, perHourMax: 3, subscribersMax: 3 }), 'asked')
    assert.ok(await store.confirm(id, 0))
  }
  const view = async (): Promise<StatusView> => (await (await fetch(`${gateway.adminUrl}/status`)).json()) as StatusView
  let isOver = false
  const calling = (async () => {
    for (let i = 0; i < 2000 && !isOver; i++) {
      await chat(gateway.url, model, `tokens:5 call ${i}`, true).catch(() => {})
      await sleep(100)
    }
  })()
  parts.defer(async () => {
    isOver = true
    await calling
  })
  const until = async (what: string, isSo: () => Promise<boolean> | boolean): Promise<void> => {
    const endMs = performance.now() + waitMsMax
    for (; !(await isSo()); await sleep(250)) assert.ok(performance.now() < endMs, `${what} not in time`)
  }
  const news = () => mail.letters.filter((letter) => !/Please confirm/.test(headerOf(letter, 'subject') ?? ''))
  await until('a component', async () => (await view()).components.length > 0)
  await sim.kill('SIGKILL')
  await until('a letter', () => news().length > 0)
  // Two more looks: what was told is not told again.
  await sleep(11_000)
  const { incidents } = await view()
  const [incident] = incidents
  assert.ok(incident && incidents.length === 1)
  await until('as many letters as updates', async () => news().length === (await view()).incidents[0]?.updates.length)
  const [first] = news()
  assert.ok(first)
  assert.deepEqual(first.to, ['reader@example.com'])
  assert.match(headerOf(first, 'subject') ?? '', /^\[Example\] (Investigating|Identified): lab: /)
  assert.match(plain(first), /https:\/\/status\.example\.org\/unsubscribe\?token=/)
  assert.equal(new Set(news().map((letter) => headerOf(letter, 'message-id'))).size, news().length)
})
