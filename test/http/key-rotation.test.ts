/** Several keys for one provider: the next is shown for the same call, and which rests is told without telling it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkConfig } from '../../src/config.ts'
import { openHouse, type House } from '../../src/main.ts'
import { type Log, silentLog } from '../../src/observe/log.ts'
import { goodBody, sayHello, ScriptedUpstream, streamBody, type UpstreamCall } from './harness.ts'

const secrets = ['sk-first-secret', 'sk-second-secret', 'sk-third-secret']

interface Rig extends AsyncDisposable {
  readonly upstream: ScriptedUpstream
  readonly house: House
  readonly lines: string[]
  /** The status and text of one call. */
  ask(body?: string): Promise<{ status: number; text: string }>
}

/** What each key is told; a key that is not named here is good. */
type Refusals = Readonly<Record<string, (call: UpstreamCall) => void>>

async function open(refusals: Refusals, keys = secrets): Promise<Rig> {
  await using parts = new AsyncDisposableStack()
  const upstream = parts.use(await ScriptedUpstream.open())
  upstream.script = (call) => (refusals[keyOf(call)] ?? sayHello)(call)
  const lines: string[] = []
  const note = (facts: object, message: string): void => void lines.push(`${JSON.stringify(facts)} ${message}`)
  const log: Log = { ...silentLog, info: note, warn: note, error: note, call: (_, fact) => note(fact, 'call') }
  const config = checkConfig({
    listeners: [{ host: '127.0.0.1', port: 0 }],
    journal: { engine: 'memory' },
    upstreams: { paid: { url: upstream.url, kind: 'openai', models: ['m'], keys } },
  })
  const house = parts.use(await openHouse(config, log))
  const kept = parts.move()
  const ask = async (body = goodBody): Promise<{ status: number; text: string }> => {
    const answer = await fetch(`${house.urls[0]}/v1/chat/completions`, { method: 'POST', body })
    return { status: answer.status, text: await answer.text() }
  }
  return { upstream, house, lines, ask, [Symbol.asyncDispose]: () => kept.disposeAsync() }
}

const keyOf = ({ headers }: UpstreamCall): string => (headers.authorization ?? '').replace('Bearer ', '')
const usedKeys = ({ upstream }: Rig): string[] => upstream.calls.map(keyOf)
const refuse =
  (status: number, error: object, headers: Readonly<Record<string, string>> = {}) =>
  ({ response }: UpstreamCall): void =>
    void response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify({ error }))

const unknownKey = refuse(401, { message: 'Incorrect API key provided: sk-first-secret', code: 'invalid_api_key' })
const noQuota = refuse(429, { message: 'You exceeded your current quota', code: 'insufficient_quota' })
const tooFast = refuse(429, { message: 'Rate limit reached', code: 'rate_limit_exceeded' }, { 'retry-after': '30' })

for (const [name, body] of [
  ['whole', goodBody],
  ['streamed', streamBody],
] as const) {
  test(`a ${name} call goes on with the next key when one is refused, and the next call begins with it`, async () => {
    await using rig = await open({ [secrets[0] as string]: unknownKey })
    const first = await rig.ask(body)
    assert.deepEqual([first.status, first.text.includes('hello')], [200, true])
    assert.equal((await rig.ask(body)).status, 200)
    assert.deepEqual(usedKeys(rig), [secrets[0], secrets[1], secrets[1]])
    assert.equal(rig.house.fleet.upstreams[0]?.restLeftMs, 0, 'the server itself is well')
  })
}

test('out of quota, over the rate: the same, one key after the other', async () => {
  await using rig = await open({ [secrets[0] as string]: noQuota, [secrets[1] as string]: tooFast })
  assert.equal((await rig.ask()).status, 200)
  assert.deepEqual(usedKeys(rig), secrets)
  assert.match(await rig.house.metrics.registry.metrics(), /holdfast_upstream_keys_resting\{upstream="paid"\} 2/)
})

test('more dead keys than attempts for one call do not lose it', async () => {
  const keys = Array.from({ length: 9 }, (_, i) => `sk-number-${i}`)
  const dead = Object.fromEntries(keys.slice(0, 8).map((key) => [key, unknownKey]))
  await using rig = await open(dead, keys)
  assert.equal((await rig.ask()).status, 200)
  assert.deepEqual(usedKeys(rig), keys)
})

test('the log tells which key rests by its place, loudly, and no secret is anywhere in it', async () => {
  await using rig = await open({ [secrets[0] as string]: unknownKey, [secrets[1] as string]: noQuota })
  await rig.ask()
  const told = rig.lines.filter((line) => line.includes('a key is not taken any more'))
  assert.equal(told.length, 2)
  assert.match(told[0] ?? '', /"upstream":"paid","key":"1 of 3","code":"HF_UPSTREAM_KEY_REFUSED","restMs":3600000/)
  assert.match(told[1] ?? '', /"key":"2 of 3","code":"HF_UPSTREAM_QUOTA_SPENT"/)
  for (const line of rig.lines) assert.doesNotMatch(line, /secret/)
})

test('when no key is taken the caller is told so after each was tried once, and the upstream rests', async () => {
  const all = Object.fromEntries(secrets.map((key) => [key, unknownKey]))
  await using rig = await open(all)
  const { status, text } = await rig.ask()
  assert.deepEqual([status, text.includes('HF_UPSTREAM_KEY_REFUSED')], [502, true])
  assert.doesNotMatch(text, /secret/)
  assert.deepEqual(usedKeys(rig), secrets)
  const upstream = rig.house.fleet.upstreams[0]
  assert.ok((upstream?.restLeftMs ?? 0) > 60_000, `${upstream?.restLeftMs}`)
  // A rest is no ban: somebody may have renewed the key.
  rig.upstream.script = sayHello
  assert.equal((await rig.ask()).status, 200)
  assert.equal(upstream?.restLeftMs, 0)
})

test('a failure of the server itself does not cost a key', async () => {
  let count = 0
  await using rig = await open({
    [secrets[0] as string]: (call) =>
      ++count === 1 ? call.answer({ error: { message: 'oops' } }, 500) : sayHello(call),
  })
  await rig.ask()
  await rig.ask()
  assert.deepEqual(new Set(usedKeys(rig)), new Set([secrets[0]]))
})
