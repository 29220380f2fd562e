// What the roll call makes of servers that are busy, dead, or hang, on a clock moved by hand.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Fault } from '../fault/fault.ts'
import { Fleet } from '../fleet/fleet.ts'
import { Upstream } from '../fleet/upstream.ts'
import { upstreamSchema } from '../fleet/upstream-options.ts'
import { ManualClock } from '../ground/manual-clock.ts'
import type { Note } from '../observe/fact.ts'
import { silentLog } from '../observe/log.ts'
import { noRecorder } from '../observe/recorder.ts'
import { RollCall, type TokenAsk } from './roll-call.ts'

/** Lets promises that are settled already be heard. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

async function openCall() {
  const clock = new ManualClock()
  const upstream = new Upstream('a', upstreamSchema.parse({ url: 'http://a/v1' }), null, clock)
  const state = { fault: null as Fault | null, token: null as Fault | null, asked: 0, tokensAsked: 0 }
  const probe = async () => {
    state.asked++
    if (state.fault) throw state.fault
    return { models: ['m'], kind: null }
  }
  const tokens: TokenAsk = {
    ask: (_upstream, _model, done) => {
      state.tokensAsked++
      done({ fault: state.token })
    },
  }
  const lines: string[] = []
  const log = { ...silentLog, warn: (_facts: object, message: string) => void lines.push(message) }
  const facts: Note[] = []
  const recorder = { ...noRecorder, note: (fact: Note) => void facts.push(fact) }
  const fleet = new Fleet([upstream], new Map(), new Map())
  const rollCall = new RollCall({ clock, fleet, probe, log, recorder, tokens, certificate: null })
  await rollCall.start()
  const wait = async (ms: number): Promise<void> => {
    clock.advance(ms)
    await settle()
  }
  return { clock, upstream, state, lines, facts, wait }
}

const late = new Fault('HF_CONNECT_TIMEOUT', { detail: 'no answer within 3000 ms' })

test('a server that speaks, but is too busy to list its models, stays in use', async () => {
  const { clock, upstream, state, wait } = await openCall()
  const share = upstream.progress.expect(10)
  share.begin(() => {})
  state.fault = late
  for (let i = 0; i < 40; i++) {
    share.token(clock.monotonicMs())
    await wait(500)
    assert.equal(upstream.restLeftMs, 0)
  }
  assert.ok(state.asked > 1)
})

test('one that says nothing at all is down, and the record is told of each change once', async () => {
  const { upstream, state, facts, wait } = await openCall()
  state.fault = late
  await wait(15_000)
  assert.ok(upstream.restLeftMs > 0)
  for (let i = 0; i < 5; i++) await wait(1000)
  state.fault = null
  for (let i = 0; i < 5; i++) await wait(1000)
  const told = facts.map((fact) => fact.kind === 'upstream' && [fact.state, fact.seenBy, fact.code, fact.detail])
  assert.deepEqual(told, [
    ['up', 'roll-call', null, ''],
    ['down', 'roll-call', 'HF_CONNECT_TIMEOUT', 'no answer within 3000 ms'],
    ['up', 'roll-call', null, ''],
  ])
})

test('one that refuses is dead, whatever was heard of it a moment ago', async () => {
  const { clock, upstream, state, wait } = await openCall()
  state.fault = new Fault('HF_UPSTREAM_REFUSED')
  await wait(14_999)
  upstream.progress.expect(10).begin(() => {})
  clock.advance(0)
  await wait(1)
  assert.ok(upstream.restLeftMs > 0)
})

test('one that hung is asked for a token, and comes back with the first', async () => {
  const { clock, upstream, state, lines, wait } = await openCall()
  for (let i = 0; i < 300; i++) upstream.pace.observe(10)
  upstream.progress.expect(10).begin(() => {})
  state.token = new Fault('HF_UPSTREAM_STALLED')
  clock.advance(3500)
  assert.equal(upstream.isHung, true)
  assert.deepEqual(lines, ['upstream hangs: none of its answers gets on'])
  for (let i = 0; i < 10; i++) {
    await wait(1000)
    assert.ok(upstream.restLeftMs > 0)
  }
  assert.ok(state.tokensAsked >= 5, `${state.tokensAsked}`)
  state.token = null
  await wait(1000)
  assert.equal(upstream.restLeftMs, 0)
})

test('one that hung and refuses the question for a token is left to calls, and not out for ever', async () => {
  const { clock, upstream, state, wait } = await openCall()
  for (let i = 0; i < 300; i++) upstream.pace.observe(10)
  upstream.progress.expect(10).begin(() => {})
  state.token = new Fault('HF_CALL_REFUSED', { receivedStatus: 400 })
  clock.advance(3500)
  assert.equal(upstream.isHung, true)
  await wait(2000)
  assert.equal(upstream.restLeftMs, 0)
})
