// The realtime API for keys with limits: admitted like a call, counted by what servers tell, ended between responses.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ConfigInput } from '../../src/config.ts'
import { EchoServer } from './echo-sockets.ts'
import { openTestHouse, type TestHouse, until } from './harness.ts'

const secret = 'the-key-of-an-app'
type Limits = NonNullable<NonNullable<ConfigInput['keys']>[number]['limits']>

async function openStage(echo: EchoServer, limits: Limits, more: Partial<ConfigInput> = {}): Promise<TestHouse> {
  const only = { url: echo.url, kind: 'openai' as const, models: ['voice'], metrics: false as const }
  return await openTestHouse({ upstreams: { only }, keys: [{ name: 'app', key: secret, limits }], ...more })
}

/** A caller and all that it hears. */
class Talk {
  readonly socket: WebSocket
  readonly heard: string[] = []
  readonly closed: Promise<CloseEvent>
  readonly isOpen: Promise<boolean>

  constructor(house: TestHouse, protocols = ['realtime', `openai-insecure-api-key.${secret}`]) {
    this.socket = new WebSocket(`ws://127.0.0.1:${house.port}/v1/realtime?model=voice`, protocols)
    this.socket.addEventListener('message', ({ data }: MessageEvent) => this.heard.push(String(data)))
    this.closed = new Promise((resolve) => this.socket.addEventListener('close', resolve, { once: true }))
    this.isOpen = new Promise((resolve) => {
      this.socket.addEventListener('open', () => resolve(true), { once: true })
      void this.closed.then(() => resolve(false))
    })
  }

  /** The server says everything back: so it is made to say what a test wants. */
  say(value: unknown): void {
    this.socket.send(JSON.stringify(value))
  }

  async hears(count: number): Promise<void> {
    await until(`${count} messages`, () => this.heard.length >= count)
  }
}

const done = (input: number, output: number): object => ({
  type: 'response.done',
  response: { status: 'completed', usage: { input_tokens: input, output_tokens: output } },
})

test('a key whose budget is used up hears why at the end of the response, and comes back in vain', async () => {
  await using echo = await EchoServer.open()
  await using house = await openStage(echo, { tokensPerDay: 3000 })
  const talk = new Talk(house)
  assert.ok(await talk.isOpen)
  talk.say({ type: 'response.created', response: {} })
  talk.say(done(500, 300))
  await talk.hears(2)
  talk.say({ type: 'response.created', response: {} })
  talk.say(done(1500, 800))
  const { code, reason } = await talk.closed
  assert.deepEqual([code, reason], [1008, 'HF_KEY_BUDGET'])
  assert.equal(talk.heard.length, 5)
  assert.match(talk.heard[3] ?? '', /^{"type":"response.done"/)
  const { type, error } = JSON.parse(talk.heard[4] ?? '') as { type: string; error: Record<string, unknown> }
  assert.deepEqual([type, error['type'], error['cause']], ['error', 'insufficient_quota', 'HF_KEY_BUDGET'])
  await until('the account', () => house.accounts.length > 0)
  const [account] = house.accounts
  assert.equal(account?.ray, error['ray'])
  assert.deepEqual(
    [account?.status, account?.outcome, account?.code, account?.inputTokens, account?.outputTokens],
    [101, 'failed', 'HF_KEY_BUDGET', 2000, 1100],
  )
  assert.equal(await new Talk(house).isOpen, false)
  await until('its account', () => house.accounts.length > 1)
  assert.deepEqual([house.accounts[1]?.status, house.accounts[1]?.code], [429, 'HF_KEY_BUDGET'])
  assert.equal(echo.requests.length, 1)
})

test('a response that does not fit any more is not asked for', async () => {
  await using echo = await EchoServer.open()
  await using house = await openStage(echo, { tokensPerMinute: 1200 })
  const talk = new Talk(house)
  assert.ok(await talk.isOpen)
  talk.say({ type: 'response.created', response: {} })
  talk.say(done(500, 400))
  await talk.hears(2)
  talk.say({ type: 'response.create' })
  const { code, reason } = await talk.closed
  // Come back in a moment, and not: never.
  assert.deepEqual([code, reason], [1013, 'HF_KEY_RATE'])
  assert.equal(talk.heard.length, 3)
  assert.match(talk.heard[2] ?? '', /"cause":"HF_KEY_RATE".*"retry_after_ms":\d+/)
})

test('a session is a call under way until it ends, and one of the calls of a minute', async () => {
  await using echo = await EchoServer.open()
  await using house = await openStage(echo, { callsLiveMax: 1, requestsPerMinute: 2 })
  const first = new Talk(house)
  assert.ok(await first.isOpen)
  assert.equal(await new Talk(house).isOpen, false)
  await until('the account', () => house.accounts.length > 0)
  assert.deepEqual([house.accounts[0]?.status, house.accounts[0]?.code], [429, 'HF_KEY_RATE'])
  first.socket.close()
  await first.closed
  await until('the end', () => house.accounts.length > 1)
  const second = new Talk(house)
  assert.ok(await second.isOpen)
  second.socket.close()
  await second.closed
  await until('the end', () => house.accounts.length > 2)
  assert.equal(await new Talk(house).isOpen, false)
})

test('an upstream that does not join costs nothing, and leaves no place taken', async () => {
  await using echo = await EchoServer.open()
  echo.refusal = 503
  await using house = await openStage(echo, { callsLiveMax: 1 })
  assert.equal(await new Talk(house).isOpen, false)
  echo.refusal = null
  assert.ok(await new Talk(house).isOpen)
})

test('WebSockets are bounded by key, and by address where there is no key; who asks too often is judged by address', async () => {
  await using echo = await EchoServer.open()
  await using house = await openStage(echo, {}, { limits: { realtimePerCallerMax: 1 } })
  const first = new Talk(house)
  assert.ok(await first.isOpen)
  assert.equal(await new Talk(house).isOpen, false)
  await until('the account', () => house.accounts.length > 0)
  assert.equal(house.accounts[0]?.code, 'HF_KEY_RATE')
  first.socket.close()
  await first.closed
  await until('the end', () => house.accounts.length > 1)
  assert.ok(await new Talk(house).isOpen)

  const guard = {
    exempt: [],
    perAddress: { requestsPerSecond: 1, requestsBurst: 3 },
    perNetwork: { requestsPerSecond: 1, requestsBurst: 100 },
  }
  const open = { keys: [], guard, limits: { realtimePerCallerMax: 2 } }
  await using crowded = await openStage(echo, {}, open)
  const talks = [1, 2, 3, 4].map(() => new Talk(crowded, ['realtime']))
  const isOpen = await Promise.all(talks.map((each) => each.isOpen))
  assert.equal(isOpen.filter(Boolean).length, 2)
  await until('their accounts', () => crowded.accounts.length >= 2)
  assert.deepEqual(
    crowded.accounts.map(({ code }) => code),
    ['HF_ADDRESS_RATE', 'HF_ADDRESS_RATE'],
  )
})

test('a session under way is a metric, and so are its tokens once it is over, without limits as with them', async () => {
  await using echo = await EchoServer.open()
  await using house = await openStage(echo, {}, { keys: [] })
  const talk = new Talk(house, ['realtime'])
  assert.ok(await talk.isOpen)
  const told = async (): Promise<string> => await house.house.metrics.registry.metrics()
  assert.match(await told(), /^holdfast_websockets_live 1$/m)
  talk.say(done(20, 10))
  await talk.hears(1)
  talk.socket.close()
  await talk.closed
  await until('the account', () => house.accounts.length > 0)
  const after = await told()
  assert.match(after, /^holdfast_websockets_live 0$/m)
  assert.match(after, /^holdfast_tokens_total\{model="voice",direction="output"\} 10$/m)
  assert.match(after, /^holdfast_calls_total\{route="realtime",model="voice",outcome="complete",code="ok"\} 1$/m)
})
