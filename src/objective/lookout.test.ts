/** The lookout over workers that come and go: what it is told, and what it tells. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Lookout } from './lookout.ts'
import type { Signs } from './signs.ts'

const beginMs = Date.UTC(2026, 0, 1)
const minuteMs = 60_000
const calm: Signs = {
  objectives: {},
  firstTokens: { count: 0, logSum: 0 },
  callsLive: 3,
  heap: 0.2,
  memory: 0.2,
  pools: { all: { saturation: 0.3, waiting: 0 } },
  quotas: {},
  quotasLeft: {},
}
const calmly = { diskFree: 0.5, certificates: {}, ownCertificates: {} }

/** Hours of looks, one each half minute; gives every warning that was told, by name and what it is about. */
function watch(hours: number, signsAt: (minute: number) => Partial<Signs>, lookout = new Lookout()): Set<string> {
  const told = new Set<string>()
  for (let half = 0; half < hours * 120; half++) {
    const nowMs = beginMs + half * (minuteMs / 2)
    lookout.hear('w1', 0, { ...calm, ...signsAt(half / 2) }, nowMs)
    for (const { name, labels } of lookout.look(calmly, nowMs)) told.add([name, ...Object.values(labels)].join(' '))
  }
  return told
}

test('a calm day is told nothing of', () => {
  const told = watch(8, (minute) => ({
    heap: 0.3 + 0.1 * Math.abs(Math.sin(minute)),
    firstTokens: { count: minute * 10, logSum: minute * 10 * 6 },
  }))
  assert.deepEqual([...told], [])
})

test('what goes wrong is told by name, and of whom', () => {
  const told = watch(5, (minute) => ({
    heap: 0.3 + minute * 0.002,
    pools: { all: { saturation: 1, waiting: Math.max(0, minute - 200) }, other: { saturation: null, waiting: 0 } },
    firstTokens: { count: minute * 10, logSum: minute < 200 ? minute * 60 : 200 * 60 + (minute - 200) * 75 },
    quotas: { paid: { attempts: minute * 10, limited: minute * 2, spent: 0 } },
    quotasLeft: { other: 0.01 },
  }))
  assert.deepEqual([...told].toSorted(), [
    'LatencyDrift',
    'MemoryLeak 0 heap',
    'PoolSaturation all',
    'QueueGrowth all',
    'QuotaExhaustion other',
    'QuotaExhaustion paid',
  ])
})

test('the disk and certificates are told of at once', () => {
  const lookout = new Lookout()
  const certificates = { gpu: { fromMs: beginMs - 90 * 86_400_000, untilMs: beginMs + 86_400_000 } }
  const names = lookout
    .look({ diskFree: 0.03, certificates, ownCertificates: {} }, beginMs)
    .map(({ name, severity }) => `${name} ${severity}`)
  assert.deepEqual(names, ['DiskRoom critical', 'CertificateExpiry critical'])
  assert.deepEqual(lookout.look({ diskFree: 0.5, certificates: {}, ownCertificates: {} }, beginMs + minuteMs), [])
})

test('a worker that is gone takes its troubles along', () => {
  const lookout = new Lookout()
  assert.ok(watch(4, (minute) => ({ memory: 0.2 + minute * 0.0028 }), lookout).has('MemoryLeak 0 memory'))
  lookout.forget('w1')
  assert.deepEqual(lookout.look(calmly, beginMs + 4 * 60 * minuteMs), [])
})

test('a certificate of our own is told of when it ends soon, and when its successor is not in use', () => {
  const dayMs = 86_400_000
  const good = { fromMs: beginMs - 80 * dayMs, untilMs: beginMs + 80 * dayMs, trouble: null }
  const look = (own: object): string[][] =>
    new Lookout()
      .look({ ...calmly, ownCertificates: { 'chat.example.org': { ...good, ...own } } }, beginMs)
      .map(({ name, severity, labels }) => [name, severity, labels['certificate'] ?? ''])
  assert.deepEqual(look({}), [])
  assert.deepEqual(look({ untilMs: beginMs + 5 * dayMs }), [['OwnCertificateExpiry', 'warning', 'chat.example.org']])
  assert.deepEqual(look({ untilMs: beginMs - dayMs }), [['OwnCertificateExpiry', 'critical', 'chat.example.org']])
  assert.deepEqual(look({ trouble: 'no key' }), [['OwnCertificateRefused', 'warning', 'chat.example.org']])
  // One that was never issued has no dates.
  const none = { fromMs: Number.NaN, untilMs: Number.NaN, trouble: 'the authority says no' }
  assert.deepEqual(look(none), [['OwnCertificateRefused', 'warning', 'chat.example.org']])
})
