/** From the accounts of calls to a look: who is blamed, and that a death is one thing. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AttemptFact } from '../../observe/exchange-fact.ts'
import { gatherLook, type GatheredReplica } from './gather-look.ts'
import { newTally, type SettledCall, type TallyCounts, tallyAttempt } from './replica-tally.ts'
import { countOf, quantileOf } from './sketch.ts'

const attempt = (more: Partial<AttemptFact> = {}): AttemptFact => ({
  ...{ upstream: 'r1', code: null, detail: '', afterMs: 0, durationMs: 2100, connectMs: 1, firstTokenMs: 100 },
  receivedStatus: 200,
  ...more,
})
const call = (more: Partial<SettledCall> = {}): SettledCall => ({
  ...{ attempts: [attempt()], outcome: 'complete', finishReason: 'stop', outputTokens: 101, isStream: true },
  ...more,
})
const setting = { callsInHand: 4, unreadTokens: 500 }

function tallyOf(...list: [AttemptFact, SettledCall][]): TallyCounts {
  const tally = newTally()
  for (const [one, all] of list) tallyAttempt(tally, one, all, setting)
  return tally
}

const replica = (tally: TallyCounts, more: Partial<GatheredReplica> = {}): GatheredReplica => ({
  ...{ name: 'r1', memoryBytes: 5, memoryBytesMax: 10, hasDied: false, tallies: [tally] },
  ...more,
})

test('an answer is counted with its times and its end', () => {
  const look = gatherLook([replica(tallyOf([attempt(), call()], [attempt(), call({ finishReason: 'length' })]))])
  assert.deepEqual([look.calls, look.finished, look.truncated], [2, 2, 1])
  const [tokens] = Object.values(look.interTokenMs)
  const middle = quantileOf(tokens ?? [], 0.5)
  assert.ok(middle > 17 && middle < 23, `${middle} ms for 20`)
  assert.equal(countOf(look.answerTokens), 2)
  assert.deepEqual(look.replicas, [{ name: 'r1', memoryBytes: 5, memoryBytesMax: 10, calls: 2 }])
})

test('who lost a race or was left by its caller is not blamed, who failed is', () => {
  const failing = attempt({ code: 'HF_UPSTREAM_ERROR' as NonNullable<AttemptFact['code']> })
  const look = gatherLook([
    replica(
      tallyOf(
        [attempt({ code: 'HF_OUTRUN' }), call()],
        [attempt({ code: 'HF_CLIENT_GONE' }), call({ outcome: 'cancelled' })],
        [attempt(), call({ outcome: 'cancelled' })],
        [failing, call()],
      ),
    ),
  ])
  assert.deepEqual([look.calls, look.finished], [1, 0])
  assert.deepEqual(look.failures, { HF_UPSTREAM_ERROR: 1 })
})

test('what broke with a replica that died is one death', () => {
  const failing = attempt({ code: 'HF_UPSTREAM_ERROR' as NonNullable<AttemptFact['code']> })
  const dead = replica(tallyOf([failing, call()], [failing, call()], [attempt(), call()]), { hasDied: true })
  const look = gatherLook([dead, replica(tallyOf([attempt(), call()]), { name: 'r2' })])
  assert.deepEqual([look.calls, look.failures, look.deaths], [2, {}, 1])
})
