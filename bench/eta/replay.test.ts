// Tests of the replay: no estimate knows of what came later.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from '../../src/ground/random.ts'
import type { Incident } from './incidents.ts'
import { holdfast, replay, type Shot } from './replay.ts'
import { compare, scoreOf } from './score.ts'

const dayMs = 86_400_000

/** One every other day, of which those from `changedFrom` on last a hundred times as long. */
function made(count: number, changedFrom: number): Incident[] {
  const random = seededRandom(3)
  return Array.from({ length: count }, (_, i) => {
    const minutes = Math.ceil(10 + 100 * random.unit()) * (i >= changedFrom ? 20 : 1)
    const beganMs = i * 2 * dayMs
    const updates = [{ afterMin: minutes - 1, stage: 'monitoring' as const, text: '' }]
    const story = { beganMs, minutes, updates, isOneOfSeveral: false, causeClass: null }
    return { provider: 'openai', group: 'llm', beganMs, endedMs: beganMs + minutes * 60_000, minutes, story }
  })
}

const saidOf = (shots: readonly Shot[], until: number): string[] =>
  shots
    .filter(({ elapsedMin, incident }) => elapsedMin === 0 && incident.beganMs < until)
    .map(({ method, guess }) => `${method} ${guess.medianMin.toFixed(6)} ${guess.overByMin.toFixed(6)}`)

test('what comes later changes nothing that was said before', () => {
  const until = 50 * 2 * dayMs
  const [calm, changed] = [made(60, 60), made(60, 50)].map((each) =>
    saidOf(
      replay(each, () => true),
      until,
    ),
  )
  assert.ok((calm?.length ?? 0) > 50)
  assert.deepEqual(calm, changed)
})

test('one that has not ended when another begins teaches nothing yet', () => {
  const incidents = made(50, 50)
  const longer = incidents.map((each, i) => (i === 38 ? { ...each, endedMs: each.beganMs + 30 * dayMs } : each))
  const of = (each: readonly Incident[]) =>
    saidOf(
      replay(each, () => true),
      39.5 * 2 * dayMs,
    )
  const without = incidents.filter((_, i) => i !== 38)
  const shots = of(longer).slice(-6)
  assert.deepEqual(shots, of(without).slice(-6))
})

test('scores: a guess that is right has no error, one that is twice as long has ln 2', () => {
  const shots = replay(made(40, 40), () => true)
    .filter(({ method }) => method === holdfast)
    .map((shot) => ({ ...shot, guess: { ...shot.guess, medianMin: shot.leftMin, overByMin: shot.leftMin } }))
  const twice = shots.map((shot) => ({ ...shot, guess: { ...shot.guess, medianMin: shot.leftMin * 2 } }))
  assert.deepEqual([scoreOf('', shots).error, scoreOf('', shots).overByP90], [0, 1])
  assert.ok(Math.abs(scoreOf('', twice).error - Math.LN2) < 1e-9)
  assert.equal(compare(shots, twice).p, 0)
})
