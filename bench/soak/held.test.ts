/** Growth told from noise, in what a gateway holds. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Held, judgeHeld } from './held.ts'

const mb = 2 ** 20

/** Eight minutes of samples; memory goes up and down as the collector lets it. */
const samples = (change: (i: number) => Partial<Held>): Held[] =>
  Array.from({ length: 96 }, (_, i) => ({
    atSeconds: i * 5,
    heapBytes: 60 * mb + (i % 4) * 5 * mb,
    residentBytes: 300 * mb + ((i * 7919) % 13) * mb,
    descriptors: 80 + ((i * 7919) % 29),
    handles: 40 + ((i * 7919) % 17),
    timers: 60 + ((i * 7919) % 23),
    callsLive: 20,
    journalBytes: 16 * mb,
    ...change(i),
  }))
const growing = (held: readonly Held[]): string[] =>
  judgeHeld(held).flatMap(({ name, isGrowing }) => (isGrowing ? [name] : []))

test('a saw of a collector and the noise of calls are no growth', () =>
  assert.deepEqual(growing(samples(() => ({}))), []))

test('a floor that rises under the saw is found, in memory and in descriptors', () => {
  assert.deepEqual(growing(samples((i) => ({ heapBytes: 60 * mb + (i % 4) * 5 * mb + i * 0.1 * mb }))), ['heapBytes'])
  assert.deepEqual(growing(samples((i) => ({ descriptors: 80 + ((i * 7919) % 29) + Math.floor(i / 3) }))), [
    'descriptors',
  ])
})

test('an hour of more calls is no growth', () => {
  const busier = (i: number): Partial<Held> => {
    const callsLive = 15 + Math.round(i / 3) + ((i * 7919) % 7)
    return {
      callsLive,
      descriptors: 100 + 3 * callsLive + ((i * 31) % 11),
      handles: 20 + 2 * callsLive + ((i * 31) % 13),
    }
  }
  assert.deepEqual(growing(samples(busier)), [])
})

test('one wild moment is no growth', () => {
  assert.deepEqual(growing(samples((i) => (i === 90 ? { timers: 5000, residentBytes: 900 * mb } : {}))), [])
})
