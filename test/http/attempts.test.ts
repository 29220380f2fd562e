/** How often a call is tried: the budget over all calls, a Retry-After within one, nobody twice without a reason. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkConfig, type ConfigInput } from '../../src/config.ts'
import { openHouse, type House } from '../../src/main.ts'
import type { ExchangeFact } from '../../src/observe/exchange-fact.ts'
import { type Log, silentLog } from '../../src/observe/log.ts'
import { goodBody, pause, sayHello, type Script, ScriptedUpstream, streamBody, until } from './harness.ts'

interface Rig extends AsyncDisposable {
  readonly house: House
  readonly upstreams: readonly ScriptedUpstream[]
  /** One call: its status and the account of it. */
  ask(body?: string): Promise<{ status: number; fact: ExchangeFact }>
}

/** A house with one server for each script; with equal weights, and all of one rank unless `ranks` says so. */
async function open(scripts: readonly Script[], settings: Partial<ConfigInput> = {}, ranks = false): Promise<Rig> {
  await using parts = new AsyncDisposableStack()
  const upstreams: ScriptedUpstream[] = []
  for (const script of scripts) {
    const upstream = parts.use(await ScriptedUpstream.open())
    upstream.script = script
    upstreams.push(upstream)
  }
  const facts: ExchangeFact[] = []
  const log: Log = { ...silentLog, call: (_, fact) => void facts.push(fact) }
  const config = checkConfig({
    listeners: [{ host: '127.0.0.1', port: 0 }],
    journal: { engine: 'memory' },
    breaker: { enabled: false }, // the rules of attempts alone
    upstreams: Object.fromEntries(
      upstreams.map(({ url }, i) => [`u${i}`, { url, kind: 'vllm', models: ['m'], priority: ranks ? i : 0 }]),
    ),
    ...settings,
  })
  const house = parts.use(await openHouse(config, log))
  const kept = parts.move()
  const ask = async (body = goodBody): Promise<{ status: number; fact: ExchangeFact }> => {
    facts.length = 0
    const answer = await fetch(`${house.urls[0]}/v1/chat/completions`, { method: 'POST', body })
    await answer.text()
    await until('the account', () => facts.length > 0)
    return { status: answer.status, fact: facts[0] as ExchangeFact }
  }
  return { house, upstreams, ask, [Symbol.asyncDispose]: () => kept.disposeAsync() }
}

const error: Script = (call) => call.answer({ error: { message: 'oops', type: 'server_error' } }, 500)
const hangUp: Script = ({ response }) => void response.destroy()
/** Once too much to do, then well. */
function busyFor(ms: number): Script {
  let count = 0
  return (call) => {
    if (count++ > 0) return sayHello(call)
    call.response.writeHead(503, { 'retry-after-ms': String(ms), 'content-type': 'application/json' }).end('{}')
  }
}

const nothing = { retries: { percentMax: 0, perSecondMin: 0 } }
const codes = ({ attempts }: ExchangeFact): string[] => attempts.map(({ code }) => code ?? 'ok')

test('where the budget is empty the call gets the cause it has, after one attempt', async () => {
  await using rig = await open([error, sayHello], nothing, true)
  const { status, fact } = await rig.ask()
  assert.deepEqual([status, fact.code, codes(fact)], [502, 'HF_UPSTREAM_ERROR', ['HF_UPSTREAM_ERROR']])
  const metrics = await rig.house.metrics.registry.metrics()
  assert.match(metrics, /holdfast_retries_denied_total 1\n/)
  assert.match(metrics, /holdfast_retry_budget_left 0\n/)
})

test('going on from a server that nobody reached costs nothing of it', async () => {
  await using rig = await open([sayHello, sayHello], nothing, true)
  const [dead] = rig.upstreams
  await dead?.[Symbol.asyncDispose]()
  const { status, fact } = await rig.ask()
  assert.deepEqual([status, codes(fact)], [200, ['HF_UPSTREAM_REFUSED', 'ok']])
})

test('a little budget goes a long way where connections break, and not where work was done', async () => {
  const little = { retries: { percentMax: 0, perSecondMin: 1 }, timeouts: { patienceMs: 0 } }
  // Each call wants two more attempts: the first server has a second try before the next rank is asked.
  for (const [script, furtherCount] of [
    [hangUp, 16],
    [error, 10],
  ] as const) {
    await using rig = await open([script, sayHello], little, true)
    let further = 0
    for (let i = 0; i < 8; i++) {
      rig.house.fleet.upstreams[0]?.succeed() // it rests no more
      const { fact } = await rig.ask()
      further += fact.attempts.length - 1
    }
    assert.equal(further, furtherCount)
  }
})

test('a sole server that says when to come back is asked again then, and not before', async () => {
  await using rig = await open([busyFor(700)])
  const { status, fact } = await rig.ask()
  assert.deepEqual([status, codes(fact)], [200, ['HF_UPSTREAM_BUSY', 'ok']])
  const [first, second] = fact.attempts
  const gapMs = (second?.afterMs ?? 0) - (first?.afterMs ?? 0)
  assert.ok(gapMs >= 690, `asked again after ${gapMs} ms`)
})

test('one that wants more time than the call has is not waited for: the caller is told when to come back', async () => {
  await using rig = await open([busyFor(30_000)])
  const answer = await fetch(`${rig.house.urls[0]}/v1/chat/completions`, { method: 'POST', body: goodBody })
  assert.deepEqual([answer.status, answer.headers.get('retry-after')], [503, '30'])
  assert.equal(rig.upstreams[0]?.calls.length, 1)
})

test('a server that answered nonsense is not asked again while others are waited for', async () => {
  const garbage: Script = ({ response }) =>
    void response.writeHead(200, { 'content-type': 'application/json' }).end('}{')
  await using rig = await open([garbage, sayHello], { timeouts: { patienceMs: 1000 } }, true)
  assert.equal((await rig.ask()).status, 200)
  await rig.upstreams[1]?.[Symbol.asyncDispose]()
  rig.house.fleet.upstreams[0]?.succeed()
  const asked = rig.upstreams[0]?.calls.length ?? 0
  const { fact } = await rig.ask()
  assert.equal((rig.upstreams[0]?.calls.length ?? 0) - asked, 1, codes(fact).join(' '))
  assert.ok(codes(fact).filter((code) => code === 'HF_UPSTREAM_REFUSED').length >= 2, codes(fact).join(' '))
})

const silent: Script = () => {}
const late =
  (ms: number): Script =>
  (call) =>
    void pause(ms).then(() => sayHello(call))

test('a late server is given up only for one that can be asked: with the budget empty it is waited for', async () => {
  const timeouts = { firstTokenSwitchMs: 150, firstTokenMs: 20_000 }
  await using rig = await open([late(900), sayHello], { ...nothing, timeouts }, true)
  const { status, fact } = await rig.ask(streamBody)
  assert.deepEqual([status, codes(fact)], [200, ['ok']])

  await using rich = await open([late(900), sayHello], { timeouts }, true)
  const switched = await rich.ask(streamBody)
  assert.deepEqual([switched.status, codes(switched.fact)], [200, ['HF_FIRST_TOKEN_TIMEOUT', 'ok']])
})

test('one that was given up only for being late is asked again when the others turn out to be down', async () => {
  let count = 0
  const lateOnce: Script = (call) => (count++ === 0 ? late(5000)(call) : sayHello(call))
  const timeouts = { firstTokenSwitchMs: 150, firstTokenMs: 20_000 }
  await using rig = await open([lateOnce, sayHello], { timeouts }, true)
  await rig.upstreams[1]?.[Symbol.asyncDispose]()
  const { status, fact } = await rig.ask(streamBody)
  assert.equal(status, 200)
  assert.deepEqual(codes(fact).slice(0, 2), ['HF_FIRST_TOKEN_TIMEOUT', 'HF_UPSTREAM_REFUSED'])
  assert.deepEqual([codes(fact).at(-1), count], ['ok', 2])
})

test('the last attempt that a call may make has all the time there is', async () => {
  const pools = { all: { upstreams: ['u0', 'u1', 'u2'], attemptsMax: 2 } }
  const timeouts = { firstTokenSwitchMs: 150, firstTokenMs: 20_000 }
  await using rig = await open([silent, late(600), sayHello], { pools, timeouts }, true)
  const { status, fact } = await rig.ask(streamBody)
  assert.deepEqual([status, codes(fact)], [200, ['HF_FIRST_TOKEN_TIMEOUT', 'ok']])
})

/** Breaks off after its first word, and from then on does as this script says. */
function breakOnce(then: Script): Script {
  let count = 0
  return (call) => {
    if (count++ > 0) return then(call)
    call.beginStream()
    call.say('hello')
    setTimeout(() => call.response.destroy(), 50)
  }
}

/** Goes on behind `hello`. */
const goOn: Script = (call) => {
  call.beginStream()
  call.say(' world')
  call.endStream()
}
const lateGoOn: Script = (call) => void pause(500).then(() => goOn(call))
const lateCodes = ['HF_UPSTREAM_CUT', 'HF_FIRST_TOKEN_TIMEOUT']

for (const [title, first, second, expected] of [
  ['the one that broke it is asked in place of one that stays silent', goOn, silent, [...lateCodes, 'ok']],
  ['where all are slow, each is given longer from round to round', lateGoOn, lateGoOn, null],
  [
    'one that was only late is asked again when the other fails',
    error,
    ((): Script => {
      let count = 0
      return (call) => (count++ === 0 ? undefined : goOn(call))
    })(),
    [...lateCodes, 'HF_UPSTREAM_ERROR', 'ok'],
  ],
] as const) {
  test(`behind a seam ${title}`, { timeout: 30_000 }, async () => {
    const timeouts = { firstTokenSwitchMs: 200, firstTokenMs: 600_000 }
    await using rig = await open([breakOnce(first), second], { ...nothing, timeouts }, true)
    const asked = rig.ask(streamBody)
    // What broke an answer rests; its next roll call is some seconds away.
    await until('the seam', () => rig.upstreams[1]?.calls.length === 1)
    rig.house.fleet.upstreams[0]?.succeed()
    const { status, fact } = await asked
    assert.equal(status, 200)
    assert.equal(fact.outcome, 'complete', codes(fact).join(' '))
    if (expected) assert.deepEqual(codes(fact), expected)
  })
}

test('behind a seam one that is late is waited for while nobody else is fit', async () => {
  const timeouts = { firstTokenSwitchMs: 150, firstTokenMs: 60_000 }
  await using rig = await open([breakOnce(goOn), (call) => void pause(900).then(() => goOn(call))], { timeouts }, true)
  const asked = rig.ask(streamBody)
  await until('the seam', () => rig.upstreams[1]?.calls.length === 1)
  rig.house.fleet.upstreams[0]?.fail('HF_UPSTREAM_ERROR', 60_000)
  const { fact } = await asked
  assert.deepEqual([fact.outcome, codes(fact)], ['complete', ['HF_UPSTREAM_CUT', 'ok']])
})
