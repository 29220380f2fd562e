/**
 * A house with one place at its model server, and more callers than that: who is served first, who is sent away and
 * with which words, and that nobody who has left takes a place.
 */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import type { ConfigInput } from '../../src/config.ts'
import {
  assertRefused,
  openTestHouse,
  pause,
  post,
  sayHello,
  streamBody,
  goodBody,
  type TestHouse,
  type UpstreamCall,
  until,
} from './harness.ts'

const keys = [
  { name: 'gold', key: 'key-of-gold', tier: 'premium' },
  { name: 'plain', key: 'key-of-plain' },
  { name: 'bulk', key: 'key-of-bulk', tier: 'batch' },
] as const

/** A house whose one model server holds calls until they are told to go on. */
async function openNarrow(
  overload: ConfigInput['overload'] = {},
  settings: Partial<ConfigInput> = {},
): Promise<{ house: TestHouse; held: UpstreamCall[] }> {
  const house = await openTestHouse({
    keys: [...keys],
    overload: { limits: 'fixed', callsMax: 1, ...overload },
    hedging: { enabled: false },
    ...settings,
  })
  const held: UpstreamCall[] = []
  house.upstream.script = (call) => void held.push(call)
  return { house, held }
}

function ask(key: string, ...headers: string[]): Buffer {
  return post(streamBody, {
    headers: ['content-type: application/json', `authorization: Bearer key-of-${key}`, ...headers],
  })
}

/** Lets the model server answer everything from now on. */
function goOn({ house, held }: { house: TestHouse; held: UpstreamCall[] }): void {
  house.upstream.script = sayHello
  for (const call of held.splice(0)) sayHello(call)
}

function waitingIn(house: TestHouse): Promise<string> {
  return house.house.metrics.registry.metrics()
}

/** One is asked at its model server and four wait; none has heard anything when the house falls. */
async function dieWithFive(settings: Partial<ConfigInput>): Promise<void> {
  const { house, held } = await openNarrow({}, settings)
  const gone: Promise<unknown>[] = []
  try {
    gone.push(...Array.from({ length: 5 }, () => house.ask(ask('plain')).catch(() => {})))
    await until('one to be asked and four to wait', () => held.length === 1 && house.house.callsLive() === 5)
  } finally {
    await house[Symbol.asyncDispose]()
    await Promise.all(gone)
  }
}

describe('more callers than places', { timeout: 60_000 }, () => {
  test('premium is served before standard, and batch last', async () => {
    const narrow = await openNarrow()
    await using house = narrow.house
    const first = house.ask(ask('plain'))
    await until('the place to be taken', () => narrow.held.length === 1)
    const asked = ['bulk', 'plain', 'gold'] as const
    const answers = asked.map((key) => house.ask(ask(key)))
    await until('three to wait', () => house.house.callsLive() === 4)
    assert.match(await waitingIn(house), /holdfast_line_calls\{pool="all",tier="premium"\} 1/)
    goOn(narrow)
    for (const answer of [await first, ...(await Promise.all(answers))]) assert.equal(answer.status, 200, answer.body)
    await until('all to be settled', () => house.accounts.length === 4)
    const begun = house.upstream.calls.length
    assert.equal(begun, 4)
    const order = house.accounts.map(({ caller }) => caller)
    assert.deepEqual(order, ['plain', 'gold', 'plain', 'bulk'])
  })

  test('a call that waited as long as it may is told when to come back', async () => {
    const narrow = await openNarrow({ waitMs: { standard: 300 } })
    await using house = narrow.house
    const first = house.ask(ask('plain'))
    await until('the place to be taken', () => narrow.held.length === 1)
    const late = await house.ask(ask('plain'))
    assertRefused(late, 503, 'HF_QUEUE_TIMEOUT')
    assert.ok(Number(late.headers['retry-after']) >= 1)
    assert.ok(Number(late.headers['retry-after-ms']) >= 1000)
    goOn(narrow)
    assert.equal((await first).status, 200)
    assert.equal(house.upstream.calls.length, 1, 'the one that was sent away never reached the model server')
    await until('all calls to be over', () => house.house.callsLive() === 0)
  })

  test('a caller’s own time is kept, in the line as well as after it', async () => {
    const narrow = await openNarrow()
    await using house = narrow.house
    const first = house.ask(ask('plain', 'x-request-timeout: 800ms'))
    await until('the place to be taken', () => narrow.held.length === 1)
    assertRefused(await house.ask(ask('plain', 'x-request-timeout: 0.2')), 503, 'HF_QUEUE_TIMEOUT')
    assertRefused(await first, 504, 'HF_DEADLINE')
    await until('the model server to be let go', () => narrow.held[0]?.leftMs !== null)
    goOn(narrow)
    assert.equal((await house.ask(ask('plain'))).status, 200)
  })

  test('whoever leaves while waiting takes no place and costs no call', async () => {
    const narrow = await openNarrow()
    await using house = narrow.house
    const first = house.ask(ask('plain'))
    await until('the place to be taken', () => narrow.held.length === 1)
    {
      await using client = await house.visit()
      client.write(ask('gold'))
      await until('it to wait', () => house.house.callsLive() === 2)
    }
    await until('it to be forgotten', () => house.house.callsLive() === 1)
    goOn(narrow)
    assert.equal((await first).status, 200)
    assert.equal(house.upstream.calls.length, 1)
    await until('all to be settled', () => house.accounts.length === 2)
    assert.deepEqual(new Set(house.accounts.map(({ code }) => code)), new Set(['HF_CLIENT_GONE', null]))
  })

  test('a line that is full sends the newest of the lowest tier away at once', async () => {
    const narrow = await openNarrow({ waitingMax: 1 })
    await using house = narrow.house
    const first = house.ask(ask('plain'))
    await until('the place to be taken', () => narrow.held.length === 1)
    const bulk = house.ask(ask('bulk'))
    await until('it to wait', () => house.house.callsLive() === 2)
    const gold = house.ask(ask('gold'))
    assertRefused(await bulk, 503, 'HF_OVERLOADED')
    assertRefused(await house.ask(ask('plain')), 503, 'HF_OVERLOADED')
    goOn(narrow)
    assert.deepEqual([(await first).status, (await gold).status], [200, 200])
  })

  test('a call in the background waits like any other, while its caller has long been told its id', async () => {
    const narrow = await openNarrow()
    await using house = narrow.house
    const first = house.ask(ask('plain'))
    await until('the place to be taken', () => narrow.held.length === 1)
    const headers = ['content-type: application/json', 'authorization: Bearer key-of-plain']
    const body = '{"model":"m","background":true,"input":"hi"}'
    const queued = await house.ask(post(body, { path: '/v1/responses', headers }))
    assert.equal(queued.status, 200, queued.body)
    assert.equal(house.upstream.calls.length, 1)
    goOn(narrow)
    assert.equal((await first).status, 200)
    await until('it to be put to the model server', () => house.upstream.calls.length === 2)
    assert.match(house.upstream.calls[1]?.path ?? '', /responses/)
  })

  test('repetitions under one key wait once', async () => {
    const narrow = await openNarrow()
    await using house = narrow.house
    const first = house.ask(ask('plain'))
    await until('the place to be taken', () => narrow.held.length === 1)
    const twice = [1, 2].map(() => house.ask(ask('plain', 'idempotency-key: once')))
    await until('them to have come', () => house.house.callsLive() >= 2)
    goOn(narrow)
    for (const answer of await Promise.all([first, ...twice])) assert.equal(answer.status, 200, answer.body)
    assert.equal(house.upstream.calls.length, 2)
  })

  test('those who wait do not all come over a server that is back after a moment', async () => {
    const narrow = await openNarrow()
    await using house = narrow.house
    let askedCount = 0
    house.upstream.script = (call) => {
      askedCount++
      call.response.destroy()
    }
    const answers = Array.from({ length: 8 }, () => house.ask(ask('plain')))
    await until('it to be asked again', () => askedCount >= 2 && house.house.callsLive() === 8)
    house.upstream.script = (call) => void narrow.held.push(call)
    await until('it to be back', () => narrow.held.length > 0)
    await pause(1500) // longer than anybody waits who has found it down
    assert.equal(narrow.held.length, 1)
    goOn(narrow)
    for (const { status, body } of await Promise.all(answers)) assert.equal(status, 200, body)
  })

  test('what a dead gateway had waiting waits at its successor, and none of it is refused there', async () => {
    const stateDir = await mkdtemp(join(tmpdir(), 'holdfast-test-'))
    const settings: Partial<ConfigInput> = { stateDir, journal: { engine: 'sqlite' } }
    try {
      await dieWithFive(settings)
      // The successor has room for one that waits.
      const after = await openNarrow({ waitingMax: 1, waitMs: { standard: 200 } }, settings)
      await using house = after.house
      await until('all to be taken over', () => house.house.callsLive() === 5)
      await until('all to be asked in the end', () => after.held.length === 5)
      goOn(after)
      await until('all to be settled', () => house.accounts.length === 5)
      assert.deepEqual(
        house.accounts.map(({ outcome }) => outcome),
        Array.from({ length: 5 }, () => 'complete'),
      )
    } finally {
      await rm(stateDir, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
    }
  })

  test('what a dead gateway had waiting does not come over the server of its successor all at once', async () => {
    const stateDir = await mkdtemp(join(tmpdir(), 'holdfast-test-'))
    const settings: Partial<ConfigInput> = { stateDir, journal: { engine: 'sqlite' } }
    try {
      await dieWithFive(settings)
      const after = await openNarrow({}, settings)
      await using house = after.house
      await until('all to be taken over', () => house.house.callsLive() === 5 && after.held.length > 0)
      assert.match(await waitingIn(house), /holdfast_line_calls\{pool="all",tier="standard"\} 4/)
      assert.equal(after.held.length, 1)
      goOn(after)
      await until('all to be settled', () => house.accounts.length === 5)
      assert.equal(house.upstream.calls.length, 5)
    } finally {
      await rm(stateDir, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
    }
  })

  test('a server that says 503 is given less at once', async () => {
    await using house = await openTestHouse({ timeouts: { patienceMs: 0 } })
    house.upstream.script = (call) => call.answer({ error: { message: 'busy' } }, 503)
    const limit = async (): Promise<number> =>
      Number(/holdfast_upstream_calls_limit\{upstream="only"\} ([\d.]+)/.exec(await waitingIn(house))?.[1])
    assert.equal((await house.ask(post(goodBody))).status, 503)
    assert.ok((await limit()) < 64)
  })

  test('absurd times and tiers are refused with the name of the header, and reach nobody', async () => {
    const narrow = await openNarrow()
    await using house = narrow.house
    for (const [name, value] of [
      ['x-request-timeout', '-5'],
      ['x-request-timeout', 'never'],
      ['x-slo-ttft-ms', '1e99'],
      ['holdfast-tier', '-1'],
      ['holdfast-tier', 'premium'],
    ] as const)
      assertRefused(await house.ask(ask('plain', `${name}: ${value}`)), 400, 'HF_BAD_CALL', name)
    assert.equal(house.upstream.calls.length, 0)
    goOn(narrow)
    assert.equal((await house.ask(ask('gold', 'holdfast-tier: batch'))).status, 200)
  })
})
