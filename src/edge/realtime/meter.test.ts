/** What a session is counted for, and when it is told that it has used up what it may. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Fault } from '../../fault/fault.ts'
import { ManualClock } from '../../ground/manual-clock.ts'
import type { Log } from '../../observe/log.ts'
import { MemoryAllowances } from '../../store/memory-allowances.ts'
import type { Caller } from '../caller.ts'
import { Allowances } from '../keys/allowances.ts'
import type { KeyLimits } from '../keys/key-limits.ts'
import type { SessionAllowance } from '../keys/session-allowance.ts'
import { Meter } from './meter.ts'

const log: Log = { debug: no, info: no, warn: no, error: no, call: no, flush: no }
function no(): void {}

function stage(limits: KeyLimits): {
  store: MemoryAllowances
  open: () => SessionAllowance
  used: (kind: string) => number
} {
  const clock = new ManualClock()
  const store = new MemoryAllowances(clock)
  const allowances = new Allowances({ clock, log, store, priceOf: () => ({ input: 4, output: 16 }) })
  const caller: Caller = {
    ...{ name: 'app', models: null, tier: 'standard', onDisconnect: null, cache: null, limits, isRevocable: true },
  }
  return {
    store,
    open: () => allowances.session(caller, 'voice') as SessionAllowance,
    used: (kind) => new Map<string, number>(store.used('app').get('app') ?? []).get(kind) ?? 0,
  }
}

/** Asked anew: it changes by what passes. */
const refusalOf = (meter: Meter): Fault | null => meter.refusal

const event = (value: unknown): Buffer => Buffer.from(JSON.stringify(value))
const created = event({ type: 'response.created', response: { id: 'r', max_output_tokens: 'inf' } })
const wish = event({ type: 'response.create', response: { max_output_tokens: 100 } })
const done = (input: number, output: number): Buffer =>
  event({
    type: 'response.done',
    response: {
      status: 'completed',
      usage: { total_tokens: input + output, input_tokens: input, output_tokens: output, input_token_details: {} },
    },
  })

test('a response takes what it may come to and gives back what it did not use', () => {
  const { open, used } = stage({ tokensPerDay: 10_000, moneyPerDay: 5 })
  const allowance = open()
  assert.equal(allowance.join(), null)
  assert.equal(used('tokensPerDay'), 0)
  const meter = new Meter(allowance)
  meter.fromCaller(wish)
  assert.equal(used('tokensPerDay'), 100)
  meter.fromServer(created)
  assert.equal(used('tokensPerDay'), 100)
  assert.equal(meter.isAtBoundary, false)
  meter.fromServer(done(50, 30))
  assert.equal(used('tokensPerDay'), 80)
  assert.ok(Math.abs(used('moneyPerDay') - (50 * 4 + 30 * 16) / 1e6) < 1e-12)
  assert.deepEqual([meter.inputTokens, meter.outputTokens, meter.refusal, meter.isAtBoundary], [50, 30, null, true])
  // The next one has what was said before it.
  meter.fromServer(created)
  assert.equal(used('tokensPerDay'), 80 + 50 + 1024)
})

test('one that begins by itself is counted, and who has nothing left afterwards is told at its end', () => {
  const { open } = stage({ tokensPerDay: 2000 })
  const allowance = open()
  allowance.join()
  const meter = new Meter(allowance)
  meter.fromServer(created)
  assert.equal(refusalOf(meter), null)
  meter.fromServer(done(1500, 700))
  assert.equal(refusalOf(meter)?.code, 'HF_KEY_BUDGET')
  assert.ok(meter.isAtBoundary)
  assert.equal(open().join()?.code, 'HF_KEY_BUDGET')
})

test('what does not fit any more is refused before it begins; a minute is another matter than a day', () => {
  const { open } = stage({ tokensPerMinute: 1200 })
  const allowance = open()
  allowance.join()
  const meter = new Meter(allowance)
  meter.fromServer(created)
  meter.fromServer(done(400, 200))
  assert.equal(refusalOf(meter), null)
  meter.fromCaller(event({ type: 'response.create' }))
  assert.equal(refusalOf(meter)?.code, 'HF_KEY_RATE')
  assert.ok((refusalOf(meter)?.retryAfterMs ?? 0) > 0)
})

test('transcripts and the counts of vLLM are read; seconds and nonsense are not', () => {
  const { open, used } = stage({ tokensPerDay: 10_000 })
  const meter = new Meter(open())
  const heard = 'conversation.item.input_audio_transcription.completed'
  meter.fromServer(event({ type: heard, usage: { type: 'tokens', input_tokens: 7, output_tokens: 5 } }))
  meter.fromServer(event({ type: heard, usage: { type: 'duration', seconds: 9 } }))
  meter.fromServer(event({ type: 'transcription.done', usage: { prompt_tokens: 30, completion_tokens: 3 } }))
  meter.fromServer(event({ type: 'transcription.done', usage: { prompt_tokens: -1, completion_tokens: 'x' } }))
  meter.fromServer(Buffer.from('"usage" {'))
  assert.equal(used('tokensPerDay'), 45)
  assert.deepEqual([meter.inputTokens, meter.outputTokens], [37, 8])
})

test('a place among the calls of a key is held until the session is over; what broke off costs what was reserved', () => {
  const { open, used } = stage({ callsLiveMax: 1, tokensPerDay: 10_000 })
  const allowance = open()
  assert.equal(allowance.join(), null)
  assert.equal(open().join()?.code, 'HF_KEY_RATE')
  const meter = new Meter(allowance)
  meter.fromServer(created)
  meter.leave()
  assert.equal(used('tokensPerDay'), 1024)
  assert.equal(open().join(), null)
})

test('who wishes and leaves before it begins pays for it: the server has the wish', () => {
  const { open, used } = stage({ tokensPerDay: 10_000 })
  for (let session = 1; session <= 3; session++) {
    const meter = new Meter(open())
    meter.fromCaller(wish)
    meter.fromCaller(wish)
    meter.passed()
    meter.leave()
    assert.equal(used('tokensPerDay'), session * 200)
  }
})

test('wishes that stood before one that does not fit, and so were not passed on, cost nothing', () => {
  const { open, used } = stage({ tokensPerDay: 350 })
  const meter = new Meter(open())
  meter.fromCaller(wish)
  meter.passed()
  for (let i = 0; i < 3; i++) meter.fromCaller(wish)
  assert.ok(meter.isDenied)
  assert.equal(used('tokensPerDay'), 100)
  meter.leave()
  assert.equal(used('tokensPerDay'), 100)
})

test('a wish that the server refuses costs nothing', () => {
  const { open, used } = stage({ tokensPerDay: 10_000 })
  const meter = new Meter(open())
  meter.fromCaller(wish)
  meter.fromServer(event({ type: 'error', error: { code: 'conversation_already_has_active_response' } }))
  assert.equal(used('tokensPerDay'), 0)
})
