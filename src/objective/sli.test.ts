/** Which calls count for an objective, and which of them are good. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Objective, objectivesSchema } from './objective-options.ts'
import { judge, type Judged } from './sli.ts'

const call: Judged = {
  route: 'chat',
  model: 'm',
  caller: 'team',
  isStream: true,
  outcome: 'complete',
  code: null,
  firstTokenMs: 100,
  durationMs: 1100,
  outputTokens: 11,
  seams: [],
}

function objective(sli: Objective['sli'], more: Partial<Objective> = {}): Objective {
  const [parsed] = objectivesSchema.parse([{ name: 'o', sli, target: 0.99, ...more }])
  assert.ok(parsed)
  return parsed
}

const of = (sli: Objective['sli'], fact: Partial<Judged>, more: Partial<Objective> = {}): boolean | null =>
  judge(objective(sli, more), { ...call, ...fact })

test('a stream that was cut is a failure, though its status was 200', () => {
  assert.equal(of('availability', {}), true)
  assert.equal(of('availability', { outcome: 'failed', code: 'HF_UPSTREAM_CUT' }), false)
  assert.equal(of('availability', { outcome: 'failed', code: 'HF_OVERLOADED', firstTokenMs: null }), false)
})

test('what callers do wrong, or call off, counts neither way, nor does maintenance that was announced', () => {
  assert.equal(of('availability', { outcome: 'failed', code: 'HF_MAINTENANCE', firstTokenMs: null }), null)
  assert.equal(of('availability', { outcome: 'failed', code: 'HF_BAD_JSON' }), null)
  assert.equal(of('availability', { outcome: 'failed', code: 'HF_MODEL_UNKNOWN' }), null)
  assert.equal(of('availability', { outcome: 'failed', code: 'HF_CLIENT_GONE' }), null)
  assert.equal(of('availability', { outcome: 'cancelled', code: 'HF_CLIENT_GONE' }), null)
  // Pages and applications beside the models are no calls.
  assert.equal(of('availability', { route: 'web', outcome: 'failed', code: 'HF_APP_UNREACHABLE' }), null)
})

test('times to the first token and between tokens are of streams that have them', () => {
  assert.equal(of('firstToken', {}, { thresholdMs: 100 }), true)
  assert.equal(of('firstToken', {}, { thresholdMs: 99 }), false)
  assert.equal(of('firstToken', { firstTokenMs: null }), null)
  assert.equal(of('firstToken', { isStream: false }), null)
  // 1000 ms for ten gaps.
  assert.equal(of('interToken', {}, { thresholdMs: 100 }), true)
  assert.equal(of('interToken', {}, { thresholdMs: 99 }), false)
  assert.equal(of('interToken', { outputTokens: 1 }), null)
  assert.equal(of('interToken', { outcome: 'failed', code: 'HF_UPSTREAM_CUT' }), null)
})

test('of broken answers those are good that were finished', () => {
  assert.equal(of('continuation', {}), null)
  assert.equal(of('continuation', { seams: ['HF_UPSTREAM_CUT'] }), true)
  assert.equal(of('continuation', { seams: ['x'], outcome: 'failed', code: 'HF_UPSTREAM_CUT' }), false)
  assert.equal(of('continuation', { outcome: 'failed', code: 'HF_UPSTREAM_CUT' }), false)
  assert.equal(of('continuation', { outcome: 'failed', code: 'HF_UPSTREAM_REFUSED', firstTokenMs: null }), null)
})

test('readings of kept answers are judged apart from calls', () => {
  const reading = { route: 'answers', firstTokenMs: null }
  assert.equal(of('resume', reading), true)
  assert.equal(of('resume', { ...reading, outcome: 'failed', code: 'HF_INTERNAL' }), false)
  assert.equal(of('resume', { ...reading, outcome: 'failed', code: 'HF_ANSWER_UNKNOWN' }), null)
  assert.equal(of('resume', { ...reading, outcome: 'failed', code: 'HF_UPSTREAM_CUT' }), null)
  assert.equal(of('resume', {}), null)
  assert.equal(of('availability', { ...reading, outcome: 'failed', code: 'HF_INTERNAL' }), null)
})

test('filters leave out the calls of others', () => {
  assert.equal(of('availability', {}, { routes: ['chat'], models: ['m'], callers: ['team'] }), true)
  assert.equal(of('availability', {}, { routes: ['messages'] }), null)
  assert.equal(of('availability', {}, { models: ['other'] }), null)
  assert.equal(of('availability', {}, { callers: ['other'] }), null)
})

test('without a word there are five objectives', () => {
  assert.deepEqual(
    objectivesSchema.parse(undefined).map(({ sli, alert }) => `${sli} ${alert}`),
    ['availability page', 'firstToken ticket', 'interToken ticket', 'continuation page', 'resume page'],
  )
})
