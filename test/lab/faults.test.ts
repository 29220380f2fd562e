/** Faults on command, each as a plain client sees it. */
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { checkAnswer, expectedAnswer } from '../../lab/answer.ts'
import { faultKinds, type FaultOrder, FaultPlan, parseFaultOrder } from '../../lab/fault-plan.ts'
import { systemClock } from '../../src/ground/clock.ts'
import { ManualClock } from '../../src/ground/manual-clock.ts'
import { openSimServer, type SimServer } from '../../lab/sim-server.ts'
import { call, eventsOf, type Outcome, streamedText } from './plain-client.ts'

const prompt = 'break it tokens:20'
let sim: SimServer
before(async () => {
  sim = await openSimServer({ engine: { speed: 10 } })
})
beforeEach(() => sim.takeBack())
after(() => sim.close())

function ask(more: object = {}, options: { quietMs?: number } = {}): Promise<Outcome> {
  return call(
    sim.url,
    '/v1/chat/completions',
    { model: 'lab-model', messages: [{ role: 'user', content: prompt }], ...more },
    options,
  )
}

/** One streamed call that the fault strikes. */
async function struck(order: FaultOrder, options: { quietMs?: number; isWhole?: boolean } = {}): Promise<Outcome> {
  sim.order({ count: 1, ...order })
  return await ask({ stream: options.isWhole !== true }, options)
}

const heads: [FaultOrder, (outcome: Outcome) => void][] = [
  [{ kind: 'reset' }, (seen) => assert.deepEqual([seen.end, seen.status], ['ECONNRESET', null])],
  [{ kind: 'hang' }, (seen) => assert.deepEqual([seen.end, seen.status], ['silent', null])],
  [{ kind: 'stalled-head' }, (seen) => assert.deepEqual([seen.end, seen.status], ['silent', null])],
  [{ kind: 'garbage' }, (seen) => assert.match(seen.end, /^HPE_/)],
  [
    { kind: '429', retryAfterMs: 2500 },
    (seen) =>
      assert.deepEqual([seen.status, seen.headers['retry-after'], seen.headers['retry-after-ms']], [429, '3', '2500']),
  ],
  [{ kind: '500' }, (seen) => assert.deepEqual([seen.status, JSON.parse(seen.text).error.code], [500, 500])],
  [{ kind: '503' }, (seen) => assert.equal(seen.status, 503)],
  [
    { kind: '502-html' },
    (seen) =>
      assert.match(`${seen.status} ${seen.headers['content-type']} ${seen.text}`, /^502 text\/html <html>[^]*nginx/),
  ],
  [{ kind: 'context-length' }, (seen) => assert.match(`${seen.status} ${seen.text}`, /^400 .*maximum context length/)],
  [{ kind: 'empty-200' }, (seen) => assert.deepEqual([seen.end, seen.status, seen.text], ['complete', 200, ''])],
  [
    { kind: 'bad-json-200' },
    (seen) => {
      assert.deepEqual([seen.end, seen.status], ['complete', 200])
      assert.throws(() => JSON.parse(seen.text))
    },
  ],
]
for (const [order, check] of heads) {
  test(`${order.kind}: ${faultKinds[order.kind].says}`, async () => {
    const silent = order.kind === 'hang' || order.kind === 'stalled-head'
    check(await struck(order, silent ? { quietMs: 200 } : {}))
    assert.deepEqual(sim.calls.entries.at(-1)?.faults, [order.kind])
    assert.equal(streamedText((await ask({ stream: true })).text).finish, 'stop')
  })
}

const bodies: [FaultOrder, string, boolean][] = [
  [{ kind: 'stall', afterTokens: 5 }, 'silent', false],
  [{ kind: 'cut', afterTokens: 5 }, 'ECONNRESET', false],
  [{ kind: 'truncate', afterTokens: 5 }, 'complete', false],
  [{ kind: 'error-event', afterTokens: 5 }, 'complete', false],
]
for (const [order, end] of bodies) {
  test(`${order.kind}: ${faultKinds[order.kind].says}`, async () => {
    const seen = await struck(order, order.kind === 'stall' ? { quietMs: 300 } : {})
    const { text, finish, isDone } = streamedText(seen.text)
    assert.equal(text, expectedAnswer(prompt, 5))
    assert.deepEqual([seen.end, finish, isDone], [end, null, false])
    assert.equal(seen.text.includes('"error"'), order.kind === 'error-event')
    assert.deepEqual([sim.engine.runningCount, sim.calls.entries.at(-1)?.tokens], [0, 5])
  })
}

test('the same faults strike an answer in one piece', async () => {
  const silent = await struck({ kind: 'stall' }, { quietMs: 300, isWhole: true })
  const cut = await struck({ kind: 'cut' }, { isWhole: true })
  const truncated = await struck({ kind: 'truncate' }, { isWhole: true })
  const error = await struck({ kind: 'error-event' }, { isWhole: true })
  assert.deepEqual(
    [silent, cut, truncated, error].map((seen) => [seen.end, seen.status]),
    [
      ['silent', 200],
      ['ECONNRESET', 200],
      ['complete', 200],
      ['complete', 500],
    ],
  )
  assert.throws(() => JSON.parse(truncated.text))
})

test('a fault before the first token leaves a head and nothing else', async () => {
  const seen = await struck({ kind: 'cut', afterTokens: 0 })
  assert.deepEqual([seen.status, seen.text, seen.end], [200, '', 'ECONNRESET'])
})

test('an answer shorter than afterTokens is struck at its end', async () => {
  const seen = await struck({ kind: 'truncate', afterTokens: 500 })
  assert.deepEqual([streamedText(seen.text).text, streamedText(seen.text).finish], [expectedAnswer(prompt), null])
})

test('no-done: the whole answer without [DONE], closed or open', async () => {
  for (const keepOpen of [false, true]) {
    const seen = await struck({ kind: 'no-done', keepOpen }, { quietMs: 300 })
    const { text, finish, isDone } = streamedText(seen.text)
    assert.deepEqual(
      [checkAnswer(prompt, text), finish, isDone, seen.end],
      [null, 'stop', false, keepOpen ? 'silent' : 'complete'],
    )
  }
})

test('malformed-chunk: one broken event, the rest as it should be', async () => {
  const { text } = await struck({ kind: 'malformed-chunk', afterTokens: 5 })
  assert.equal(eventsOf(text).filter((event) => event === null).length, 1)
  assert.deepEqual([checkAnswer(prompt, streamedText(text).text), streamedText(text).isDone], [null, true])
})

test('refuse: connections are refused until the time is over', async () => {
  const clock = new ManualClock()
  await using own = await openSimServer({ clock, engine: { clock: systemClock } })
  const refusal = await call(own.url, '/lab/faults', { kind: 'refuse', ms: 300 })
  assert.deepEqual(JSON.parse(refusal.text), { id: null })
  assert.equal((await call(own.url, '/health', null)).end, 'ECONNREFUSED')
  clock.advance(299)
  assert.equal((await call(own.url, '/health', null)).end, 'ECONNREFUSED')
  clock.advance(1)
  let seen = await call(own.url, '/health', null)
  while (seen.end === 'ECONNREFUSED') seen = await call(own.url, '/health', null)
  assert.equal(seen.status, 200)
})

test('refuse: of two orders the one that lasts longer counts', async () => {
  for (const times of [
    [100, 700],
    [700, 100],
  ]) {
    const clock = new ManualClock()
    await using own = await openSimServer({ clock, engine: { clock: systemClock } })
    for (const ms of times) own.order({ kind: 'refuse', ms })
    clock.advance(699)
    // A server that listens again does so within a few turns of the loop.
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
    assert.equal((await call(own.url, '/health', null)).end, 'ECONNREFUSED')
    clock.advance(1)
    let seen = await call(own.url, '/health', null)
    while (seen.end === 'ECONNREFUSED') seen = await call(own.url, '/health', null)
    assert.equal(seen.status, 200)
  }
})

test('deadlock: nothing is generated, health stays 200, until it is taken back', async () => {
  const id = sim.order({ kind: 'deadlock' })
  const waiting = ask()
  while (sim.engine.runningCount + sim.engine.waitingCount === 0) await new Promise((resolve) => setImmediate(resolve))
  const steps = sim.engine.counters.iterationTokens.count
  assert.equal((await call(sim.url, '/health', null)).status, 200)
  assert.equal(sim.engine.counters.iterationTokens.count, steps)
  await call(sim.url, `/lab/faults/${id}`, null, { method: 'DELETE' })
  assert.equal((await waiting).status, 200)
})

test('slow and slow-first-token make an answer late, and only that', async () => {
  const timed = async (order: FaultOrder | null): Promise<number> => {
    if (order) sim.order({ count: 1, ...order })
    const startMs = performance.now()
    assert.equal((await ask()).status, 200)
    return performance.now() - startMs
  }
  assert.ok((await timed({ kind: 'slow-first-token', ms: 300 })) >= 295)
  // 20 tokens at 2000 a second are 10 ms; 30 times slower they are 300.
  assert.ok((await timed({ kind: 'slow', factor: 30 })) >= 280)
})

test('leak: every call keeps memory, and a reset gives it back', async () => {
  const before = process.memoryUsage().arrayBuffers
  sim.order({ kind: 'leak', bytes: 32 * 2 ** 20 })
  await ask()
  await ask()
  assert.ok(process.memoryUsage().arrayBuffers - before >= 48 * 2 ** 20)
  await call(sim.url, '/lab/reset', {})
})

test('crash-on-poison: the server dies with everything it had in hand, but only of its poison', async () => {
  let isCrashed = false
  await using own = await openSimServer({ engine: { decodeRate: 50 }, onCrash: () => void (isCrashed = true) })
  own.order({ kind: 'crash-on-poison' })
  const say = (content: string): Promise<Outcome> =>
    call(own.url, '/v1/chat/completions', { model: 'lab-model', messages: [{ role: 'user', content }] })
  assert.equal((await say('tokens:1')).status, 200)
  const bystander = say('tokens:500')
  while (own.engine.runningCount === 0) await new Promise((resolve) => setImmediate(resolve))
  assert.equal((await say('this is POISON')).end, 'ECONNRESET')
  assert.equal((await bystander).end, 'ECONNRESET')
  assert.equal((await say('anybody there?')).end, 'ECONNREFUSED')
  assert.equal(isCrashed, true)
})

test('a fault strikes as often, as likely and whom it was ordered for', () => {
  const plan = new FaultPlan()
  const hits = (route: string, text: string, times = 1): number =>
    Array.from({ length: times }, () => plan.strike(route, () => text).length).reduce((sum, count) => sum + count, 0)
  plan.add({ kind: '500', count: 2 })
  assert.equal(hits('chat', '', 5), 2)
  plan.add({ kind: '500', match: { promptContains: 'bad', route: 'chat' } })
  assert.deepEqual([hits('chat', 'good'), hits('messages', 'bad'), hits('chat', 'a bad one')], [0, 0, 1])
  plan.clear()
  plan.add({ kind: '500', match: { route: 'health' } })
  assert.deepEqual([hits('chat', ''), hits('health', ''), hits('models', '')], [0, 1, 0])
  const draws = (seed: number): string => {
    const drawn = new FaultPlan()
    drawn.add({ kind: 'cut', probability: 0.3, seed })
    return Array.from({ length: 200 }, () => drawn.strike('chat', () => '').length).join('')
  }
  assert.equal(draws(7), draws(7))
  assert.notEqual(draws(7), draws(8))
  const share = [...draws(7)].filter((hit) => hit === '1').length
  assert.ok(share > 40 && share < 80, `${share} of 200`)
})

test('one fault of head or body strikes a call, those in the engine come on top', () => {
  const plan = new FaultPlan()
  for (const kind of ['cut', '500', 'slow', 'leak'] as const) plan.add({ kind })
  assert.deepEqual(
    plan.strike('chat', () => '').map((order) => order.kind),
    ['cut', 'slow', 'leak'],
  )
})

test('an order that makes no sense is refused by name', async () => {
  for (const [order, says] of [
    [{ kind: 'explode' }, /kind/],
    [{ kind: 'cut', afterTokens: -1 }, /afterTokens/],
    [{ kind: 'cut', match: { prompt: 'x' } }, /match/],
    [{ kind: 'cut', match: { route: '/v1/chat/completions' } }, /match\.route: .*chat/],
    [{ kind: 'cut', afterToken: 5 }, /afterToken:.*did you mean afterTokens/],
    [{ kind: 'cut', count: 0 }, /count/],
    [{ kind: 'no-done', keepOpen: 'yes' }, /keepOpen/],
    ['cut', /object/],
  ] as const) {
    assert.throws(() => parseFaultOrder(order), says)
  }
  assert.equal((await call(sim.url, '/lab/faults', '{')).status, 400)
  assert.equal((await call(sim.url, '/lab/nothing', null)).status, 404)
})

test('a health fault strikes the health page when it is ordered for it', async () => {
  sim.order({ kind: '503', match: { route: 'health' } })
  assert.equal((await call(sim.url, '/health', null)).status, 503)
  assert.equal((await ask()).status, 200)
})
