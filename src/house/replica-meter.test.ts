// Tests of what a worker tells of replicas: of them alone, each attempt once, and no progress where there is none.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Upstream } from '../fleet/upstream.ts'
import { upstreamSchema } from '../fleet/upstream-options.ts'
import { ManualClock } from '../ground/manual-clock.ts'
import type { AttemptFact } from '../observe/exchange-fact.ts'
import { ReplicaMeter } from './replica-meter.ts'

const attempt = (more: Partial<AttemptFact>): AttemptFact => ({
  ...{ upstream: 'r1', code: null, detail: '', afterMs: 0, durationMs: 500, connectMs: 1, firstTokenMs: 100 },
  ...{ receivedStatus: 200, setting: { callsInHand: 3, unreadTokens: 100, hasTools: false }, ...more },
})
const call = { outcome: 'complete', finishReason: 'stop', outputTokens: 20, isStream: true } as const

function open(): { clock: ManualClock; meter: ReplicaMeter; replica: Upstream; fleet: { upstreams: Upstream[] } } {
  const clock = new ManualClock()
  const upstreams = ['r1', 'other'].map((name) => {
    const options = upstreamSchema.parse({ url: 'http://127.0.0.1:1/v1' })
    return new Upstream(name, options, null, clock)
  })
  const [replica] = upstreams as [Upstream]
  replica.isReplica = true
  return { clock, meter: new ReplicaMeter(clock), replica, fleet: { upstreams } }
}

test('attempts at replicas are counted, each once; of other servers nothing is told', () => {
  const { meter, fleet } = open()
  const { setting: _, ...other } = attempt({ upstream: 'other' })
  meter.settled({ ...call, attempts: [attempt({ code: 'HF_UPSTREAM_CUT' }), other, attempt({})] })
  meter.settled({ ...call, attempts: [attempt({ code: 'HF_UPSTREAM_DRAINED' }), attempt({})] })
  const { replicas } = meter.take(fleet, {})
  assert.deepEqual(Object.keys(replicas), ['r1'])
  const { tally } = replicas['r1'] ?? {}
  assert.deepEqual([tally?.calls, tally?.finished, tally?.failures], [3, 2, { HF_UPSTREAM_CUT: 1 }])
  assert.deepEqual(meter.take(fleet, {}).replicas, {}, 'and then they are told')
})

test('tool calls are counted, and those that nobody can read', () => {
  const { meter, fleet } = open()
  const setting = { callsInHand: 3, unreadTokens: 100, hasTools: true }
  const calling = { ...call, finishReason: 'tool_calls' }
  meter.settled({ ...calling, attempts: [attempt({ setting })] })
  meter.settled({ ...calling, attempts: [attempt({ setting: { ...setting, isToolCallBroken: true } })] })
  meter.settled({ ...call, attempts: [attempt({ setting })] })
  const { tally } = meter.take(fleet, {}).replicas['r1'] ?? {}
  assert.deepEqual([tally?.toolOffers, tally?.toolCalls, tally?.toolCallsBroken], [3, 2, 1])
})

test('an answer that does not get on does not seem to, however the clocks drift', () => {
  const { clock, meter, replica, fleet } = open()
  const share = replica.load.begin({ promptTokens: 5, outputTokens: 5 })
  const progressed = (): number | null | undefined => meter.take(fleet, {}).replicas['r1']?.progressedMs
  assert.equal(progressed(), null)
  replica.progress.token(clock.monotonicMs())
  const atMs = Math.round(clock.nowMs())
  assert.equal(progressed(), atMs)
  clock.advance(30_000)
  assert.equal(progressed(), atMs)
  replica.progress.token(clock.monotonicMs())
  assert.equal(progressed(), atMs + 30_000)
  share.end()
})
