/** Leaks are told from caches that fill up and from noise. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Random, seededRandom } from '../../ground/random.ts'
import { type MemoryVerdict, newMemory, noteMemory } from './memory-trend.ts'

const gib = 2 ** 30

/** 120 looks of ten calls at a replica that may take 24 GiB. */
function verdict(bytesAt: (calls: number, random: Random) => number, seed = 1): MemoryVerdict['kind'] {
  const random = seededRandom(seed)
  const state = newMemory()
  let kind: MemoryVerdict['kind'] = 'unsure'
  for (let i = 0; i < 120 && kind !== 'leaking'; i++) {
    noteMemory(state, { calls: 10, bytes: bytesAt(state.served + 10, random), bytesMax: 24 * gib }, 3600)
    kind = state.verdict.kind
  }
  return kind
}

const noise = (random: Random): number => (random.unit() - 0.5) * 0.05 * gib

test('what grows with each call leaks', () => {
  assert.equal(
    verdict((calls, random) => 14 * gib + calls * 0.001 * gib + noise(random)),
    'leaking',
  )
})

test('a cache that fills up does not', () => {
  for (const fills of [40, 100, 200])
    assert.notEqual(
      verdict((calls, random) => 14 * gib + 0.6 * gib * (1 - Math.exp(-calls / fills)) + noise(random)),
      'leaking',
    )
})

test('noise is flat, for every seed', () => {
  for (let seed = 1; seed <= 20; seed++)
    assert.equal(
      verdict((_, random) => 14 * gib + noise(random), seed),
      'flat',
    )
})

test('the samples are bounded', () => {
  const state = newMemory()
  for (let i = 0; i < 2000; i++) noteMemory(state, { calls: 1, bytes: gib, bytesMax: null }, 100)
  assert.ok(state.calls.length <= 120)
})
