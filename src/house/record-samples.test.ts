// What is looked at now and then: servers with work in hand, limits that moved, and this process itself.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkConfig } from '../config.ts'
import { Fleet } from '../fleet/fleet.ts'
import { Upstream } from '../fleet/upstream.ts'
import { upstreamSchema } from '../fleet/upstream-options.ts'
import { ManualClock } from '../ground/manual-clock.ts'
import { seededRandom } from '../ground/random.ts'
import type { Note } from '../observe/fact.ts'
import { noRecorder } from '../observe/recorder.ts'
import { Places } from '../relay/overload/places.ts'
import { recordSamples } from './record-samples.ts'

function openStage(more: object = {}) {
  const clock = new ManualClock()
  const urls = { busy: { url: 'http://a/v1' }, idle: { url: 'http://b/v1' } }
  const config = checkConfig({ journal: { engine: 'memory' }, upstreams: urls, ...more })
  const upstreams = Object.entries(urls).map(
    ([name, own]) => new Upstream(name, upstreamSchema.parse(own), null, clock),
  )
  const fleet = new Fleet(upstreams, new Map(), new Map())
  const places = new Places(clock, seededRandom(1), config.overload)
  const facts: Note[] = []
  const recorder = { ...noRecorder, note: (fact: Note) => void facts.push(fact) }
  const samples = recordSamples(config, { clock, recorder, fleet, relay: { liveCount: 3 }, places })
  const close = (): void => {
    samples[Symbol.dispose]()
    places[Symbol.dispose]()
  }
  const [busy] = upstreams as [Upstream]
  return { clock, busy, places, facts, of: (kind: Note['kind']) => facts.filter((each) => each.kind === kind), close }
}

test('every ten seconds: what servers that have anything in hand have, and what this process uses', async () => {
  const { clock, busy, of, close } = openStage()
  busy.load.begin({ promptTokens: 100, outputTokens: 50 })
  for (let second = 0; second < 20; second++) clock.advance(1000)
  // Files are counted by the system, in its own time.
  for (let i = 0; i < 1000 && of('resource').length < 2; i++) await new Promise((resolve) => setTimeout(resolve, 5))
  const loads = of('load').map((each) => each.kind === 'load' && [each.upstream, each.calls, each.engineRunning])
  assert.deepEqual(loads, [
    ['busy', 1, null],
    ['busy', 1, null],
  ])
  const [sample, ...others] = of('resource')
  assert.ok(sample?.kind === 'resource')
  assert.equal(others.length, 1)
  assert.ok(sample.residentBytes > 2 ** 20 && sample.heapBytes > 0 && sample.cpuShare >= 0)
  assert.deepEqual([sample.loopDelayMs, sample.callsLive, sample.diskFreeBytes], [0, 3, null])
  close()
  assert.equal(clock.timerCount, 0)
})

test('a limit is told when it has moved by a quarter, and not while it trembles', () => {
  const { clock, busy, places, of, close } = openStage()
  const { callsLimit } = places.gateOf(busy)
  clock.advance(2000)
  for (const value of [17, 15, 18, 16]) {
    callsLimit.value = value
    clock.advance(1000)
  }
  assert.deepEqual(of('limit'), [])
  callsLimit.value = 40
  clock.advance(3000)
  const told = of('limit').map((each) => each.kind === 'limit' && [each.upstream, each.callsBefore, each.calls])
  assert.deepEqual(told, [['busy', 16, 40]])
  close()
})

test('without a record nothing is looked at', () => {
  const { clock, facts, close } = openStage({ record: { enabled: false } })
  close()
  clock.advance(60_000)
  assert.deepEqual([facts, clock.timerCount], [[], 0])
})
