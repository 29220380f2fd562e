/** What counts as served, refused, fair. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CallRecord } from './record.ts'
import { scoreLevel } from './score.ts'

const span = { settleSeconds: 10, seconds: 30, deadlineSeconds: { premium: 5, standard: 5, batch: 15 } }

const call = (fields: Partial<CallRecord>): CallRecord => ({
  tenant: 'modest-1',
  tier: 'standard',
  atMs: 15_000,
  lagMs: 0,
  outcome: 'good',
  code: null,
  firstTokenMs: 15_500,
  endMs: 16_000,
  tokens: 20,
  refusedInMs: null,
  retryAfterMs: null,
  comebacks: [],
  ...fields,
})
const refused = (fields: Partial<CallRecord> = {}): CallRecord =>
  call({ outcome: 'refused', code: 'HF_OVERLOADED', tokens: 0, refusedInMs: 3, retryAfterMs: 2000, ...fields })

test('goodput counts what ended in the window, whenever it came, and nothing that is not good', () => {
  const score = scoreLevel(
    [
      call({ atMs: 9000, endMs: 11_000 }),
      call({}),
      call({ atMs: 8000, endMs: 9900 }),
      call({ outcome: 'late', tokens: 70 }),
      refused(),
    ],
    span,
  )
  assert.equal(score.goodPerSecond, 2 / 20)
  assert.equal(score.goodTokensPerSecond, 40 / 20)
  assert.equal(score.lateCount, 1)
})

test('the share served leaves out who came too late for its deadline to lie within the level', () => {
  const score = scoreLevel(
    [
      call({ tier: 'batch', tenant: 'batch', atMs: 14_000 }),
      call({ tier: 'batch', tenant: 'batch', atMs: 16_000, outcome: 'unsettled' }),
      call({ tier: 'premium', tenant: 'premium' }),
      call({ tier: 'premium', tenant: 'premium', outcome: 'late' }),
    ],
    span,
  )
  assert.equal(score.heldShare.batch, 1)
  assert.equal(score.heldShare.premium, 0.5)
  assert.ok(Number.isNaN(score.heldShare.standard))
})

test('the greedy tenant is told apart from its neighbours', () => {
  const score = scoreLevel(
    [call({ tenant: 'greedy', tokens: 30 }), refused({ tenant: 'greedy' }), call({ tokens: 60 }), call({ tokens: 30 })],
    span,
  )
  assert.equal(score.greedyHeldShare, 0.5)
  assert.equal(score.modestHeldShare, 1)
  assert.equal(score.greedyTokenShare, 0.25)
})

test('refusals: by code, how soon, what they were told, and whether coming back helped', () => {
  const score = scoreLevel(
    [
      refused({ refusedInMs: 2 }),
      refused({ refusedInMs: 4, retryAfterMs: 6000 }),
      refused({ code: 'HF_QUEUE_FULL', retryAfterMs: null }),
      call({
        refusedInMs: 3,
        retryAfterMs: 1000,
        comebacks: [
          { waitedMs: 1000, isIn: false },
          { waitedMs: 500, isIn: true },
        ],
      }),
    ],
    span,
  )
  assert.deepEqual(score.refused, { HF_OVERLOADED: 2, HF_QUEUE_FULL: 1 })
  assert.equal(score.refusedInP50Ms, 3)
  assert.ok(Math.abs(score.toldTooLateShare - 1 / 3) < 1e-9, 'six seconds are beyond a deadline of five')
  assert.equal(score.comebackCount, 2)
  assert.equal(score.comebackInShare, 0.5)
})

test('what is broken is counted by what was wrong with it', () => {
  const broken = [call({ outcome: 'broken', code: 'wrong text' }), call({ outcome: 'broken', code: 'wrong text' })]
  assert.deepEqual(scoreLevel(broken, span).broken, { 'wrong text': 2 })
})
