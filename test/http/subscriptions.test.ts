/** Subscriptions to durable streams over HTTP, with a webhook that is a function and a clock that is set by hand. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { WebhookPost } from '../../src/edge/subscriptions/subscriptions.ts'
import { ManualClock } from '../../src/ground/manual-clock.ts'
import { type Answer, StreamStage, type StageOptions, until } from './stream-stage.ts'

const json = { 'content-type': 'application/json' }

/** What a webhook was told. */
interface Told {
  readonly headers: Readonly<Record<string, string>>
  readonly wake_id: string
  readonly generation: number
  readonly callback_url: string
  readonly callback_token: string
  readonly streams: { path: string; acked_offset: string; tail_offset: string; has_pending: boolean }[]
}

interface Status {
  readonly status: string
  readonly streams: readonly { readonly path: string; readonly acked_offset: string }[]
  readonly streams_left_out?: number
}

/** A stage whose clock ends its turns by itself but stands still otherwise. */
class Desk implements AsyncDisposable {
  readonly clock: ManualClock
  readonly stage: StreamStage
  readonly told: Told[]
  #pump: NodeJS.Timeout

  private constructor(clock: ManualClock, stage: StreamStage, told: Told[]) {
    this.clock = clock
    this.stage = stage
    this.told = told
    this.#pump = setInterval(() => clock.turn(), 1)
  }

  /** `answer`: of the webhook, by the number of the call, from 0. */
  static async open(
    answer: (call: number) => { status: number; body?: string } = () => ({ status: 200 }),
    options: StageOptions = {},
  ): Promise<Desk> {
    const clock = new ManualClock()
    const told: Told[] = []
    const post: WebhookPost = (_url, headers, body) => {
      told.push({ headers, ...(JSON.parse(body) as Omit<Told, 'headers'>) })
      const { status, body: text = '' } = answer(told.length - 1)
      return status === 0 ? new Promise(() => {}) : Promise.resolve({ status, body: text })
    }
    return new Desk(clock, await StreamStage.open({ clock, post, ...options }), told)
  }

  ask(method: string, path: string, body?: object, headers: Record<string, string> = {}): Promise<Answer> {
    return this.stage.ask(method, `__ds/${path}`, {
      ...json,
      ...headers,
      ...(body && { body: JSON.stringify(body) }),
    })
  }

  subscribe(id: string, more: object = {}): Promise<Answer> {
    const webhook = { url: 'http://localhost/hook' }
    return this.ask('PUT', `subscriptions/${id}`, {
      type: 'webhook',
      pattern: 'in/*',
      webhook,
      lease_ttl_ms: 1000,
      ...more,
    })
  }

  async status(id: string): Promise<Status> {
    return JSON.parse((await this.ask('GET', `subscriptions/${id}`)).text) as Status
  }

  append(name: string, caller = 'ann'): Promise<Answer> {
    return this.stage.ask('POST', name, { ...json, caller, body: '{"x":1}' })
  }

  /** The events of a wake stream. */
  async events(name: string): Promise<{ generation: number; stream: string }[]> {
    return JSON.parse((await this.stage.ask('GET', name)).text) as { generation: number; stream: string }[]
  }

  /** Lets time pass in small steps, with the work of others in between. */
  async pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 250) {
      this.clock.advance(Math.min(250, left))
      for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve))
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#pump)
    await this.stage[Symbol.asyncDispose]()
  }
}

const codeOf = ({ text }: Answer): string => (JSON.parse(text) as { error: { code: string } }).error.code
const done = { status: 200, body: '{"done":true}' }

describe('webhooks', () => {
  test('what could not be delivered is delivered again, at growing intervals, until it is', async () => {
    await using desk = await Desk.open((call) => (call < 2 ? { status: 500 } : done))
    await desk.subscribe('s')
    await desk.stage.ask('PUT', 'in/a', json)
    await desk.append('in/a')
    await until(() => desk.told.length === 1, 'the first try')
    await until(async () => (await desk.status('s')).status === 'failed', 'the failure shows')
    await desk.pass(750)
    assert.equal(desk.told.length, 1)
    await desk.pass(750)
    assert.equal(desk.told.length, 2)
    await desk.pass(250)
    assert.equal(desk.told.length, 2)
    await desk.pass(2500)
    assert.equal(desk.told.length, 3)
    assert.equal(new Set(desk.told.map(({ wake_id }) => wake_id)).size, 1, 'it is one and the same wake')
    const tail = desk.told[2]?.streams[0]?.tail_offset
    await until(async () => (await desk.status('s')).streams[0]?.acked_offset === tail, 'it is worked off')
    assert.equal((await desk.status('s')).status, 'active')
  })

  test('a receiver that says nothing more loses its lease; the next wake has another generation', async () => {
    await using desk = await Desk.open()
    await desk.subscribe('s')
    await desk.stage.ask('PUT', 'in/a', { ...json, body: '[1]' })
    await until(() => desk.told.length === 1, 'the wake')
    await desk.pass(1500)
    assert.equal(desk.told.length, 2)
    const [first, second] = desk.told as [Told, Told]
    assert.deepEqual([first.generation, second.generation], [1, 2])
    const report = ({ wake_id, generation, callback_token }: Told) =>
      desk.ask(
        'POST',
        'subscriptions/s/callback',
        { wake_id, generation, done: true },
        { authorization: `Bearer ${callback_token}` },
      )
    assert.equal(codeOf(await report(first)), 'FENCED')
    assert.equal(codeOf(await report({ ...second, callback_token: first.callback_token })), 'FENCED')
    assert.equal((await report(second)).text, '{"ok":true,"next_wake":true}', 'nothing was worked off')
  })

  test('what comes in while a wake is worked on makes the next one', async () => {
    await using desk = await Desk.open()
    await desk.subscribe('s', { lease_ttl_ms: 60_000 })
    await desk.stage.ask('PUT', 'in/a', { ...json, body: '[1]' })
    await until(() => desk.told.length === 1, 'the first wake')
    const [first] = desk.told as [Told]
    await desk.append('in/a')
    await desk.stage.ask('PUT', 'in/b', { ...json, body: '[1]' })
    await desk.pass(1000)
    assert.equal(desk.told.length, 1, 'one at a time')
    const acks = first.streams.map(({ path, tail_offset }) => ({ stream: path, offset: tail_offset }))
    const { wake_id, generation } = first
    // The token of the wake is enough: whoever works needs no key.
    const response = await fetch(`${desk.stage.url}${new URL(first.callback_url).pathname}`, {
      method: 'POST',
      headers: { ...json, authorization: `Bearer ${first.callback_token}` },
      body: JSON.stringify({ wake_id, generation, acks, done: true }),
    })
    assert.deepEqual(await response.json(), { ok: true, next_wake: true })
    await until(() => desk.told.length === 2, 'the second wake')
    assert.deepEqual(
      desk.told[1]?.streams.map(({ path, has_pending }) => [path, has_pending]),
      [
        ['in/a', true],
        ['in/b', true],
      ],
    )
  })

  test('acks that go back, too far, or elsewhere are refused, and none of them counts', async () => {
    await using desk = await Desk.open()
    await desk.subscribe('s', { lease_ttl_ms: 60_000 })
    await desk.stage.ask('PUT', 'in/a', { ...json, body: '[1]' })
    await until(() => desk.told.length === 1, 'the wake')
    const [{ wake_id, generation, callback_token, streams }] = desk.told as [Told]
    const offset = streams[0]?.tail_offset ?? ''
    const ack = (acks: object[]) =>
      desk.ask(
        'POST',
        'subscriptions/s/callback',
        { wake_id, generation, acks },
        { authorization: `Bearer ${callback_token}` },
      )
    const good = { stream: 'in/a', offset }
    for (const bad of [
      { stream: 'in/b', offset },
      { stream: 'in/a', offset: offset.replace(/^(\d{15})1/, '$12') },
      { stream: 'in/a', offset: '-1' },
    ])
      assert.equal(codeOf(await ack([good, bad])), 'INVALID_OFFSET', JSON.stringify(bad))
    assert.notEqual((await desk.status('s')).streams[0]?.acked_offset, offset)
    assert.equal((await ack([good])).status, 200)
    assert.equal(codeOf(await ack([{ ...good, offset: `${'0'.repeat(16)}_${'0'.repeat(16)}` }])), 'INVALID_OFFSET')
  })

  test('a wake whose gateway died is told by another', async () => {
    await using dying = await Desk.open(() => ({ status: 0 }))
    await dying.subscribe('s')
    await dying.stage.ask('PUT', 'in/a', { ...json, body: '[1]' })
    await until(() => dying.told.length === 1, 'the wake')
    // Its call never comes back. Another gateway has the same store.
    await using other = await Desk.open(() => done, { store: dying.stage.store, clock: dying.clock })
    for (let i = 0; i < 60; i++) await dying.pass(250)
    await until(() => other.told.length + dying.told.length >= 2, 'the wake is told again')
  })
})

describe('pull-wake', () => {
  async function pulling(): Promise<Desk> {
    const desk = await Desk.open()
    await desk.stage.ask('PUT', 'wakes', { ...json, body: '[]' })
    await desk.ask('PUT', 'subscriptions/p', {
      type: 'pull-wake',
      pattern: '**',
      wake_stream: 'wakes',
      lease_ttl_ms: 1000,
    })
    await desk.stage.ask('PUT', 'in/a', { ...json, body: '[1]' })
    await until(async () => (await desk.events('wakes')).length === 1, 'the wake event')
    return desk
  }
  interface Claimed {
    readonly wake_id: string
    readonly generation: number
    readonly token: string
    readonly streams: { path: string; tail_offset: string }[]
  }
  const claim = (desk: Desk, worker: string) => desk.ask('POST', 'subscriptions/p/claim', { worker })
  const say = (desk: Desk, what: string, { wake_id, generation, token }: Claimed, more: object = {}) =>
    desk.ask('POST', `subscriptions/p/${what}`, { wake_id, generation, ...more }, { authorization: `Bearer ${token}` })

  test('of many who claim, one has it; its own wake stream wakes nobody', async () => {
    await using desk = await pulling()
    const answers = await Promise.all(Array.from({ length: 10 }, (_, i) => claim(desk, `w${i}`)))
    assert.equal(answers.filter(({ status }) => status === 200).length, 1)
    assert.equal(answers.filter(({ status }) => status === 409).length, 9)
    const claimed = JSON.parse(answers.find(({ status }) => status === 200)?.text ?? '') as Claimed
    assert.deepEqual(
      claimed.streams.map(({ path }) => path),
      ['in/a'],
    )
  })

  test('given back, or left to its lease, it is announced again; acked, it is not', async () => {
    await using desk = await pulling()
    const first = JSON.parse((await claim(desk, 'w')).text) as Claimed
    assert.equal((await say(desk, 'release', first)).status, 204)
    await until(async () => (await desk.events('wakes')).length === 2, 'the second event')
    const second = JSON.parse((await claim(desk, 'w')).text) as Claimed
    assert.equal(codeOf(await say(desk, 'ack', first, { done: true })), 'FENCED')
    await desk.pass(750)
    assert.equal((await say(desk, 'ack', second)).status, 200, 'a sign of life')
    await desk.pass(750)
    assert.equal(codeOf(await claim(desk, 'other')), 'ALREADY_CLAIMED')
    await desk.pass(750)
    await until(async () => (await desk.events('wakes')).length === 3, 'the third event')
    const third = JSON.parse((await claim(desk, 'other')).text) as Claimed
    const acks = third.streams.map(({ path, tail_offset }) => ({ stream: path, offset: tail_offset }))
    assert.equal((await say(desk, 'ack', third, { acks, done: true })).text, '{"ok":true,"next_wake":false}')
    assert.equal(codeOf(await claim(desk, 'w')), 'NO_PENDING_WORK')
    await desk.pass(3000)
    assert.equal((await desk.events('wakes')).length, 3)
  })

  test('a wake stream that comes late is written to then', async () => {
    await using desk = await Desk.open()
    await desk.ask('PUT', 'subscriptions/p', { type: 'pull-wake', pattern: 'in/*', wake_stream: 'late' })
    await desk.stage.ask('PUT', 'in/a', { ...json, body: '[1]' })
    await desk.pass(1000)
    await desk.stage.ask('PUT', 'late', { ...json, body: '[]' })
    await desk.pass(6000)
    await until(async () => (await desk.events('late')).length === 1, 'the event')
  })
})

describe('subscriptions', () => {
  let desk: Desk
  before(async () => {
    desk = await Desk.open(() => ({ status: 200 }), { settings: { subscriptionsMax: 3, subscriptionStreamsMax: 2 } })
  })
  after(() => desk[Symbol.asyncDispose]())

  test('are their caller’s own, and so are the streams that wake them', async () => {
    await desk.subscribe('own', { lease_ttl_ms: 60_000 })
    assert.equal((await desk.ask('GET', 'subscriptions/own', undefined, { caller: 'bob' })).status, 404)
    await desk.stage.ask('PUT', 'in/a', { ...json, caller: 'bob', body: '[1]' })
    await desk.pass(1000)
    assert.equal(desk.told.length, 0)
    await desk.ask('DELETE', 'subscriptions/own', undefined, { caller: 'bob' })
    assert.equal((await desk.ask('GET', 'subscriptions/own')).status, 200)
  })

  test('a token that was made up, or is another’s, opens nothing', async () => {
    await desk.stage.ask('PUT', 'in/b', { ...json, body: '[1]' })
    await until(() => desk.told.length === 1, 'the wake')
    const [{ wake_id, generation, callback_token }] = desk.told as [Told]
    await desk.subscribe('second', { pattern: 'else/*' })
    const [payload = '', signature = ''] = callback_token.split('.')
    const forged = Buffer.from(
      Buffer.from(payload, 'base64url').toString().replace('"generation":1', '"generation":2'),
    ).toString('base64url')
    for (const [id, token] of [
      ['own', `${forged}.${signature}`],
      ['own', 'nonsense'],
      ['own', '.'],
      ['second', callback_token],
    ] as const) {
      const answer = await desk.ask(
        'POST',
        `subscriptions/${id}/callback`,
        { wake_id, generation },
        { authorization: `Bearer ${token}` },
      )
      assert.deepEqual([answer.status, codeOf(answer)], [401, 'TOKEN_INVALID'], token)
    }
  })

  test('more streams than there is room for are left out, and it says so', async () => {
    for (const name of ['in/c', 'in/d', 'in/e']) await desk.stage.ask('PUT', name, { ...json, body: '[1]' })
    await desk.pass(500)
    const status = await desk.status('own')
    assert.equal(status.streams.length, 2)
    assert.ok((status.streams_left_out ?? 0) >= 1)
  })

  test('there are only so many of one caller; what is not well formed is told why', async () => {
    assert.equal((await desk.subscribe('third')).status, 201)
    const full = await desk.subscribe('fourth')
    assert.deepEqual([full.status, codeOf(full)], [429, 'TOO_MANY'])
    for (const more of [
      { type: 'mail' },
      { pattern: undefined },
      { pattern: '../x' },
      { lease_ttl_ms: 999 },
      { lease_ttl_ms: 1.5e9 },
      { streams: [1] },
      { webhook: undefined },
      { type: 'pull-wake' },
    ])
      assert.equal(codeOf(await desk.subscribe('bad', more)), 'INVALID_REQUEST', JSON.stringify(more))
  })

  test('webhooks inside the house are refused', async () => {
    for (const url of ['http://10.0.0.1/', 'https://169.254.169.254/latest', 'https://[::1]/', 'http://example.com/'])
      assert.equal(codeOf(await desk.subscribe('bad', { webhook: { url } })), 'WEBHOOK_URL_REJECTED', url)
    await using strict = await Desk.open(undefined, { settings: { localWebhooks: false } })
    assert.equal(codeOf(await strict.subscribe('s')), 'WEBHOOK_URL_REJECTED')
  })

  test('a stream that was removed and made again is work from its beginning', async () => {
    await using fresh = await Desk.open(() => done)
    await fresh.stage.ask('PUT', 'x', { ...json, body: '[1,2,3]' })
    await fresh.append('x')
    await fresh.subscribe('s', { pattern: undefined, streams: ['x'] })
    await fresh.pass(500)
    assert.equal(fresh.told.length, 0, 'what was there before is no work')
    await fresh.stage.ask('DELETE', 'x')
    await fresh.stage.ask('PUT', 'x', { ...json, body: '[1]' })
    await until(() => fresh.told.length === 1, 'the wake')
  })
})
