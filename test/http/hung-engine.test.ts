/**
 * Engines that hang and engines that are only very busy, from outside: a lab server that freezes while its other pages
 * go on answering is out within its bar, and one that reads long prompts with full slots is not.
 */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import type { EngineOptions } from '../../lab/engine.ts'
import { openSimServer, type SimServer } from '../../lab/sim-server.ts'
import { checkConfig } from '../../src/config.ts'
import type { Upstream } from '../../src/fleet/upstream.ts'
import { type House, openHouse } from '../../src/main.ts'
import { silentLog } from '../../src/observe/log.ts'
import { chat, type Outcome } from '../crash/chat.ts'
import { pause, until } from './harness.ts'

interface Stage {
  readonly first: SimServer
  readonly second: SimServer
  readonly house: House
  /** The first server as the gateway sees it; it gets all calls while it is well. */
  readonly upstream: Upstream
  ask(prompt: string): Promise<Outcome>
}

async function openStage(parts: AsyncDisposableStack, engine: Partial<EngineOptions>): Promise<Stage> {
  const first = parts.use(await openSimServer({ engine }))
  const second = parts.use(await openSimServer({ engine: { decodeRate: 200, slots: 64 } }))
  const config = checkConfig({
    listeners: [{ port: 0 }],
    journal: { engine: 'memory' },
    upstreams: { first: { url: `${first.url}/v1` }, second: { url: `${second.url}/v1`, priority: 1 } },
  })
  const house = parts.use(await openHouse(config, silentLog))
  const upstream = house.fleet.upstreams[0] as Upstream
  const ask = (prompt: string): Promise<Outcome> => chat(house.urls[0] ?? '', 'lab-model', prompt, true)
  return { first, second, house, upstream, ask }
}

const barOf = ({ pace }: Upstream): number => 2 * (pace.p99Ms ?? 0) + 1000

/** A seam may be asked for in another way than chat. */
const generatedBy = ({ calls }: SimServer): number =>
  calls.entries.filter(({ route }) => route === 'chat' || route === 'completions').length

/** Answers until it is known how fast the server speaks. */
async function warmUp({ ask, upstream }: Stage): Promise<void> {
  // A busy machine hears several tokens at once, and counts them as one.
  for (let round = 0; upstream.pace.p99Ms === null && round < 10; round++)
    await Promise.all([0, 1, 2, 3].map((i) => ask(`tokens:80 warm ${round} ${i}`)))
  await until('its engine tells of itself', () => upstream.engine !== null)
}

for (const othersWait of [false, true]) {
  const when = othersWait ? ', and calls that wait for their first token' : ''
  test(`an engine that hangs${when} is out within twice its own p99 and a second`, { timeout: 60_000 }, (t) =>
    hang(t, othersWait),
  )
}

async function hang(t: TestContext, othersWait: boolean): Promise<void> {
  await using parts = new AsyncDisposableStack()
  const stage = await openStage(parts, { decodeRate: 100, slots: 8 })
  const { first, second, upstream, ask } = stage
  await warmUp(stage)
  const spoken = [0, 1, 2, 3].map((i) => ask(`tokens:120 hang ${i}`))
  await until('all of them speak', () => first.engine.runningCount === 4 && upstream.load.prefillTokens < 1)
  await pause(300)
  first.order({ kind: 'deadlock' })
  const frozenMs = performance.now()
  const waiting = othersWait ? [0, 1].map((i) => ask(`tokens:10 waits ${i}`)) : []
  const barMs = barOf(upstream)
  await until('it is out', () => upstream.isHung)
  const outMs = performance.now() - frozenMs
  t.diagnostic(`out ${outMs.toFixed(0)} ms after it froze; twice its p99 and a second: ${barMs.toFixed(0)} ms`)
  assert.ok(upstream.restLeftMs > 0)
  const outcomes = await Promise.all(spoken)
  assert.deepEqual(
    outcomes.map(({ verdict }) => verdict),
    ['whole', 'whole', 'whole', 'whole'],
    'its answers go on at the other',
  )
  assert.equal(generatedBy(second), 4)
  // Exact on a clock moved by hand (progress.test.ts); here the machine may be late.
  assert.ok(outMs <= barMs + 2000, `${outMs} ms`)
  await pause(2500)
  assert.ok(upstream.isHung, 'it lists its models, and is not taken back for that')
  first.takeBack()
  await until('it is back once it generates', () => upstream.restLeftMs === 0)
  for (const { verdict } of await Promise.all(waiting)) assert.equal(verdict, 'whole')
}

/** As large a prompt as takes `tokens` tokens, give or take some. */
const longPrompt = (tokens: number, i: number): string => `tokens:150 long ${i} ${'word '.repeat(tokens)}`

/** `words` of every third prompt. */
const busy: readonly { readonly name: string; readonly words: number; readonly engine: Partial<EngineOptions> }[] = [
  {
    name: 'reads in chunks',
    words: 4000,
    engine: { decodeRate: 100, slots: 4, prefillRate: 4000, stepTokensMax: 256 },
  },
  {
    name: 'stops speaking while it reads',
    words: 4000,
    engine: { decodeRate: 100, slots: 4, prefillRate: 4000, stepTokensMax: 1e6 },
  },
  {
    name: 'throws answers out of its full memory',
    words: 20,
    engine: { decodeRate: 100, slots: 8, prefillRate: 100, stepTokensMax: 1e6, kvBlocks: 40 },
  },
]

for (const { name, words, engine } of busy) {
  test(`a very busy engine that ${name} is never taken out`, { timeout: 120_000 }, async (t) => {
    await using parts = new AsyncDisposableStack()
    const stage = await openStage(parts, engine)
    const { second, upstream, ask } = stage
    await warmUp(stage)
    let longestMs = 0
    const endMs = performance.now() + 5000
    const outcomes: Outcome[] = []
    // More callers than slots, every third with a long prompt of its own.
    const caller = async (of: number): Promise<void> => {
      for (let i = 0; performance.now() < endMs; i++)
        outcomes.push(await ask(of % 3 === 0 ? longPrompt(words, of * 1000 + i) : `tokens:150 short ${of} ${i}`))
    }
    const watch = setInterval(() => {
      assert.equal(upstream.isHung, false)
      longestMs = Math.max(longestMs, upstream.progress.silentMs)
    }, 20)
    parts.defer(() => clearInterval(watch))
    await Promise.all([0, 1, 2, 3, 4, 5].map(caller))
    const { preemptions } = stage.first.engine.counters
    t.diagnostic(
      `${preemptions} thrown out, ${outcomes.length} answers, longest silence ${longestMs.toFixed(0)} ms, limit ${upstream.progress.limitMs?.toFixed(0)} ms`,
    )
    assert.deepEqual(new Set(outcomes.map(({ verdict }) => verdict)), new Set(['whole']))
    assert.equal(generatedBy(second), 0, 'no call had to go elsewhere')
  })
}
