// Certificates by ACME, from Debian's test server with refused nonces and forgotten checks: issued by either way,
// renewed when their time has come, tried again when they are not, and never in the way of those that are served.
import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { after, before, test } from 'node:test'
import type { TlsMaterial } from '../../src/edge/tls/tls-material.ts'
import { tlsSchema } from '../../src/edge/tls/tls-options.ts'
import { type Clock, systemClock } from '../../src/ground/clock.ts'
import { systemRandom } from '../../src/ground/random.ts'
import { AcmeKeeper } from '../../src/house/tls/acme-keeper.ts'
import type { KnownPair } from '../../src/house/tls/read-pair.ts'
import { freePort, holdfast, startGateway } from '../crash/gateway.ts'
import { until } from '../crash/until.ts'
import { openTestHouse } from '../http/harness.ts'
import { Authority, material, noOpenssl } from './certificates.ts'
import { noPebble, type Pebble, type PebbleOptions, startPebble } from './pebble.ts'

const skip = noOpenssl ?? noPebble ?? false
const bad: PebbleOptions = { nonceReject: 30, reuse: 0 }
let authority: Authority
let folder = ''

before(() => {
  if (skip) return
  authority = new Authority()
  folder = mkdtempSync(join(tmpdir(), 'holdfast-acme-'))
})

after(() => {
  if (skip) return
  authority[Symbol.dispose]()
  rmSync(folder, { recursive: true, force: true })
})

/** The system's clock, with a calendar that can be turned on. */
class Calendar {
  aheadMs = 0
  readonly clock: Clock = {
    nowMs: () => systemClock.nowMs() + this.aheadMs,
    monotonicMs: () => systemClock.monotonicMs(),
    after: (delayMs, run) => systemClock.after(delayMs, run),
    every: (periodMs, run) => systemClock.every(periodMs, run),
    soon: (run) => systemClock.soon(run),
  }
}

interface Rig extends AsyncDisposable {
  readonly keeper: AcmeKeeper
  readonly calendar: Calendar
  readonly issued: KnownPair[]
  readonly failures: string[]
  /** Another that begins with what this one has kept. */
  again(): AcmeKeeper
}

/** A keeper and a listener that shows what it says. */
async function openRig(pebble: Pebble, how: 'http-01' | 'tls-alpn-01', more: object = {}): Promise<Rig> {
  const stateDir = mkdtempSync(join(folder, 'state-'))
  const names = ['one.test', 'two.test', 'three.test']
  const acme = {
    directoryUrl: pebble.directoryUrl,
    names,
    agreeToTerms: true,
    ca: authority.certPath,
    challenges: [how],
  }
  const options = tlsSchema.parse({ acme: { ...acme, ...more } }).acme ?? assert.fail()
  const first = material([])
  const redirect = { host: '127.0.0.1', port: pebble.httpPort }
  const listeners = [{ host: '127.0.0.1', port: pebble.tlsPort }]
  const house = await openTestHouse({ listeners, tls: { redirect } }, first)
  const calendar = new Calendar()
  const issued: KnownPair[] = []
  const failures: string[] = []
  let current: TlsMaterial = first
  const show = (more: Partial<TlsMaterial>): Promise<void> => {
    current = { ...current, ...more }
    house.house.useTls(current)
    return Promise.resolve()
  }
  const open = (): AcmeKeeper =>
    new AcmeKeeper(options, {
      ...{ clock: calendar.clock, random: systemRandom, stateDir, hasPlainPort: true },
      prove: (challenges) => show({ challenges }),
      onPair: (pair) => {
        issued.push(pair)
        void show({ certificates: [pair] })
      },
      onFailure: (words) => void failures.push(words),
    })
  const close = (): Promise<void> => house[Symbol.asyncDispose]()
  return { keeper: open(), calendar, issued, failures, again: open, [Symbol.asyncDispose]: close }
}

for (const how of ['http-01', 'tls-alpn-01'] as const) {
  test(`${how}: issued for several names, and renewed when two thirds of its time are over`, { skip }, async (t) => {
    await using pebble = await startPebble(authority, bad)
    await using rig = await openRig(pebble, how)
    const { keeper, calendar, issued, failures } = rig
    await keeper.look()
    assert.deepEqual(failures, [], pebble.said().slice(-2000))
    const [first] = issued
    assert.ok(first)
    assert.deepEqual(first.names.toSorted(), ['one.test', 'three.test', 'two.test'])
    const socket = connect({
      host: '127.0.0.1',
      port: pebble.tlsPort,
      servername: 'two.test',
      rejectUnauthorized: false,
    })
    await once(socket, 'secureConnect')
    assert.equal(socket.getPeerCertificate().fingerprint256, new X509Certificate(first.cert).fingerprint256)
    socket.destroy()
    // Nothing is to be done now, nor for who begins with what is kept.
    await keeper.look()
    const again = rig.again()
    await again.look()
    assert.equal(issued.length, 1)
    const lifeMs = first.untilMs - first.fromMs
    const share = (keeper.dueMs - first.fromMs) / lifeMs
    assert.ok(share > 0.64 && share < 0.7, `${share} of its life`)
    calendar.aheadMs = 0.64 * lifeMs
    await keeper.look()
    assert.equal(issued.length, 1, 'too early')
    calendar.aheadMs = 0.7 * lifeMs
    await keeper.look()
    assert.deepEqual(failures, [])
    assert.equal(issued.length, 2)
    assert.notEqual(issued[1]?.cert, first.cert)
    assert.notEqual(issued[1]?.key, first.key, 'with a key of its own')
    // Each question begins with a nonce of its own; what is asked more often than that had its nonce refused.
    const count = (what: RegExp): number => pebble.said().match(what)?.length ?? 0
    const refused = count(/ POST \//g) - count(/ HEAD \/nonce-plz/g)
    t.diagnostic(`${refused} good nonces were refused on the way`)
    assert.ok(refused > 0)
  })
}

test('an authority that does not see the proof: told, and asked again later and later; then it works', {
  skip,
}, async () => {
  await using pebble = await startPebble(authority, { nonceReject: 5, reuse: 50 })
  // Nobody stands where it looks.
  const elsewhere = { ...pebble, httpPort: await freePort() }
  const rig = await openRig(elsewhere, 'http-01')
  const { keeper, calendar, failures } = rig
  try {
    const pauses: number[] = []
    for (let i = 0; i < 3; i++) {
      await keeper.look()
      pauses.push(keeper.dueMs - calendar.clock.nowMs())
      await keeper.look()
      assert.equal(failures.length, i + 1, 'it is not asked again at once')
      calendar.aheadMs += pauses[i] ?? 0
      calendar.aheadMs += 1000
    }
    assert.equal(keeper.trouble, failures.at(-1))
    assert.ok(
      failures.every((words) => /refused|connect|unauthorized|fetch/i.test(words)),
      failures.join(' | '),
    )
    const [first = 0, , third = 0] = pauses
    assert.ok(first >= 55_000 && first <= 120_000, String(first))
    assert.ok(third >= 230_000 && third <= 480_000, String(third))
  } finally {
    await rig[Symbol.asyncDispose]()
  }
})

test('an authority that knows its customers takes an account with the right key, and no other', { skip }, async () => {
  const key = 'zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W'
  await using pebble = await startPebble(authority, { ...bad, binding: { 'kid-1': key } })
  {
    await using stranger = await openRig(pebble, 'http-01')
    await stranger.keeper.look()
    assert.match(stranger.failures[0] ?? '', /account|binding/i)
    assert.doesNotMatch(stranger.failures[0] ?? '', new RegExp(key))
  }
  await using customer = await openRig(pebble, 'http-01', { eab: { kid: 'kid-1', key } })
  await customer.keeper.look()
  assert.deepEqual(customer.failures, [])
  assert.equal(customer.issued.length, 1)
})

test('a whole gateway: it listens before it has a certificate, gets one, shows it after a restart and a start', {
  skip,
}, async () => {
  await using pebble = await startPebble(authority, bad)
  const stateDir = join(folder, 'whole')
  const file = join(folder, 'whole.yaml')
  const acme = { directoryUrl: pebble.directoryUrl, names: ['chat.test'], agreeToTerms: true, ca: authority.certPath }
  const config = {
    workers: 2,
    listeners: [{ host: '127.0.0.1', port: pebble.tlsPort }],
    admin: { port: 0 },
    tls: { acme, redirect: { host: '127.0.0.1', port: pebble.httpPort } },
    upstreams: { only: { url: 'http://127.0.0.1:9/v1' } },
  }
  writeFileSync(file, JSON.stringify(config))
  const shown = async (): Promise<string | null> => {
    const socket = connect({
      host: '127.0.0.1',
      port: pebble.tlsPort,
      servername: 'chat.test',
      rejectUnauthorized: false,
    })
    try {
      await once(socket, 'secureConnect')
      return socket.getPeerCertificate().fingerprint256
    } catch {
      return null // no certificate, no handshake
    } finally {
      socket.destroy()
    }
  }
  const flags = ['--config', file, '--state', stateDir, '--port', String(pebble.tlsPort)]
  let first: string | null = null
  {
    await using gateway = await startGateway(...flags)
    await until('a certificate', async () => (first = await shown()) !== null)
    const { code, output } = await holdfast('restart', '--state', stateDir)
    assert.equal(code, 0, output)
    assert.equal(await shown(), first)
    const tail = await holdfast('tail', '--state', stateDir, '--kind', 'certificate', '--json')
    assert.match(tail.output, /"state":"renewed"/)
    assert.equal(await gateway.end('SIGTERM'), 0)
  }
  const kept = join(stateDir, 'acme')
  assert.equal(statSync(kept).mode & 0o777, 0o700)
  for (const name of readdirSync(kept)) assert.equal(statSync(join(kept, name)).mode & 0o777, 0o600, name)
  await using _later = await startGateway(...flags)
  assert.equal(await shown(), first, 'what was issued is kept')
})
