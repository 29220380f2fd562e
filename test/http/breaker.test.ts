/** Servers that are up, list their models, and fail their calls: out after five, and back only when they generate. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FaultOrder } from '../../lab/fault-plan.ts'
import { openSimServer, type SimServer } from '../../lab/sim-server.ts'
import { checkConfig, type ConfigInput } from '../../src/config.ts'
import { openHouse } from '../../src/main.ts'
import { type Log, silentLog } from '../../src/observe/log.ts'
import { probeRequestId } from '../../src/relay/token-probe.ts'
import { pause, until } from './harness.ts'

type Upstreams = ConfigInput['upstreams']

/** A house before these upstreams, the first one first. */
async function open(upstreams: Upstreams, settings: Partial<ConfigInput> = {}) {
  const messages: string[] = []
  const note = (facts: object, message: string): void => {
    const { upstream = '' } = facts as { upstream?: string }
    messages.push(`${upstream}: ${message}`)
  }
  const log: Log = { ...silentLog, info: note, warn: note }
  const config = checkConfig({
    listeners: [{ host: '127.0.0.1', port: 0 }],
    journal: { engine: 'memory' },
    upstreams,
    pools: { all: { upstreams: Object.keys(upstreams), attemptsMax: 5 } },
    timeouts: { patienceMs: 0, interTokenMs: 300 },
    breaker: { openMs: 900, openMsMax: 60_000 },
    ...settings,
  })
  const house = await openHouse(config, log)
  const post = (more: object, signal: AbortSignal | null = null): Promise<Response> => {
    const messages = [{ role: 'user', content: 'how are you tokens:12' }]
    const body = JSON.stringify({ model: 'lab-model', stream: true, messages, ...more })
    return fetch(`${house.urls[0]}/v1/chat/completions`, { method: 'POST', body, signal })
  }
  const ask = async (more: object = {}): Promise<{ status: number; text: string }> => {
    try {
      const answer = await post(more)
      return { status: answer.status, text: await answer.text() }
    } catch {
      return { status: 0, text: '' }
    }
  }
  const phases = (): string[] => house.troubles().map(({ upstream, phase }) => `${upstream} ${phase}`)
  return { house, post, ask, phases, messages, [Symbol.asyncDispose]: () => house[Symbol.asyncDispose]() }
}

function callsOf({ calls }: SimServer): { own: number; probes: number } {
  const chats = calls.entries.filter(({ route }) => route === 'chat')
  const probes = chats.filter(({ requestId }) => requestId === probeRequestId).length
  return { own: chats.length - probes, probes }
}

test('a server that is up but fails every call is out after five, and returns when it can generate', async () => {
  await using sick = await openSimServer()
  await using well = await openSimServer()
  sick.order({ kind: '500' })
  await using stage = await open({
    sick: { url: `${sick.url}/v1` },
    well: { url: `${well.url}/v1`, priority: 1 },
  })
  const { house, ask, phases, messages } = stage
  await until('the sick one to be out', () => {
    void ask().then(({ status, text }) => assert.ok(status === 200 && text.includes('[DONE]'), text))
    return phases().includes('sick open')
  })
  const [trouble] = house.troubles()
  assert.match(trouble?.reason ?? '', /^5 failures in a row, the last one HF_UPSTREAM_ERROR$/)
  assert.equal(house.fleet.upstreams[0]?.wasUp, true, 'its list of models is in order all the while')
  assert.match(await house.metrics.registry.metrics(), /holdfast_upstream_breaker\{upstream="sick"\} 2/)

  await pause(100) // what was under way
  const { own } = callsOf(sick)
  await until('a question for a token, in vain', () => {
    void ask()
    return callsOf(sick).probes > 0
  })
  await pause(50)
  assert.deepEqual([callsOf(sick).own, phases().includes('sick ramp')], [own, false], 'no call while it is out')

  sick.takeBack()
  await until('it to be back', () => phases().includes('sick ramp'))
  const last = sick.calls.entries.findLast(({ requestId }) => requestId === probeRequestId)
  assert.deepEqual([last?.status, (last?.tokens ?? 0) > 0], [200, true])
  const told = new Set(messages.filter((line) => line.startsWith('sick: model')))
  assert.deepEqual(
    [...told],
    [
      'sick: model of an upstream is out of use',
      'sick: model of an upstream generates again and gets a part of the calls',
    ],
  )
  assert.equal((await ask()).status, 200)
})

const sicknesses: readonly FaultOrder[] = [
  { kind: '500' },
  { kind: 'empty-200' },
  { kind: 'garbage' },
  { kind: 'cut', afterTokens: 3 },
  { kind: 'truncate', afterTokens: 3 },
  { kind: 'stall', afterTokens: 3 },
  { kind: 'malformed-chunk', afterTokens: 2 },
  { kind: 'error-event', afterTokens: 2 },
]

for (const sickness of sicknesses) {
  test(`five answers in a row that end by ${sickness.kind} take it out, whatever their head said`, async () => {
    await using sim = await openSimServer()
    sim.order(sickness)
    const pools = { all: { upstreams: ['only'], attemptsMax: 1 } }
    await using stage = await open({ only: { url: `${sim.url}/v1` } }, { pools, continuation: { enabled: false } })
    for (let i = 0; i < 5; i++) {
      assert.deepEqual(stage.phases(), [], `after ${i} calls`)
      await stage.ask()
    }
    assert.deepEqual(stage.phases(), ['only open'])
    sim.takeBack()
    assert.equal((await stage.ask()).status, 200, 'the only one is asked nevertheless')
  })
}

const innocents: readonly (readonly [name: string, order: FaultOrder | null, more: object])[] = [
  ['prompts that are too long', { kind: 'context-length' }, {}],
  ['calls that are wrong', null, { max_tokens: -5 }],
  ['429', { kind: '429', retryAfterMs: 10 }, {}],
  ['503', { kind: '503', retryAfterMs: 10 }, {}],
]

for (const [name, order, more] of innocents) {
  test(`a storm of ${name} leaves it in`, async () => {
    await using sim = await openSimServer()
    if (order) sim.order(order)
    await using stage = await open({ only: { url: `${sim.url}/v1` } })
    const answers = await Promise.all(Array.from({ length: 60 }, () => stage.ask(more)))
    assert.ok(answers.every(({ status }) => status >= 400))
    assert.deepEqual(stage.phases(), [])
  })
}

test('a storm of callers that leave in mid-answer leaves it in', async () => {
  await using sim = await openSimServer({ engine: { decodeRate: 50 } })
  await using stage = await open({ only: { url: `${sim.url}/v1` } }, { onDisconnect: 'cancel' })
  const storm = Array.from({ length: 40 }, async () => {
    const leaving = new AbortController()
    const answer = await stage.post({ messages: [{ role: 'user', content: 'much tokens:400' }] }, leaving.signal)
    await answer.body?.getReader().read()
    leaving.abort()
  })
  await Promise.all(storm)
  await until('all to be over', () => stage.house.callsLive() === 0)
  await until('the server to see all of them leave', () => sim.calls.aborted === storm.length)
  assert.deepEqual(stage.phases(), [])
  assert.match((await stage.ask()).text, /\[DONE\]/)
})

test('where a prompt would cost money, the next call is the trial, and the only one', async () => {
  await using paid = await openSimServer({ apiKey: 'sk-paid' })
  await using well = await openSimServer()
  await using stage = await open(
    { paid: { url: `${paid.url}/v1`, key: 'sk-paid' }, well: { url: `${well.url}/v1`, priority: 1 } },
    { breaker: { failuresInRow: 1, openMs: 400, openMsMax: 60_000 } },
  )
  const { ask, phases } = stage
  paid.order({ kind: '500', count: 2 })
  await ask()
  assert.deepEqual([phases(), callsOf(paid).own], [['paid open'], 1])
  await until(
    'its time to be over',
    () => phases().includes('paid ripe') && stage.house.fleet.upstreams[0]?.restLeftMs === 0,
  )
  await Promise.all(Array.from({ length: 10 }, () => ask()))
  assert.deepEqual([phases(), callsOf(paid).own], [['paid open'], 2], 'one of ten tried it, in vain')
  await until(
    'its time to be over',
    () => phases().includes('paid ripe') && stage.house.fleet.upstreams[0]?.restLeftMs === 0,
  )
  await ask()
  assert.deepEqual([phases(), callsOf(paid)], [['paid ramp'], { own: 3, probes: 0 }])
})

test('while it is out, calls wait for the ones in use, and do not overflow to it', async () => {
  await using sick = await openSimServer()
  await using well = await openSimServer({ engine: { decodeRate: 100 } })
  sick.order({ kind: '500' })
  await using stage = await open(
    { sick: { url: `${sick.url}/v1` }, well: { url: `${well.url}/v1`, priority: 1 } },
    { breaker: { failuresInRow: 1, openMs: 60_000 }, overload: { callsMax: 2 } },
  )
  await stage.ask()
  const { own } = callsOf(sick)
  const answers = await Promise.all(Array.from({ length: 12 }, () => stage.ask()))
  assert.ok(answers.every(({ status, text }) => status === 200 && text.includes('[DONE]')))
  assert.deepEqual([stage.phases(), callsOf(sick).own], [['sick open'], own])
})
