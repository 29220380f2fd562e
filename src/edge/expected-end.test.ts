// When an incident, and not the fault, says when to come back.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Fault } from '../fault/fault.ts'
import { seededRandom } from '../ground/random.ts'
import { withExpectedEnd } from './expected-end.ts'
import { faultHeaders } from './fault-answer.ts'

const nowMs = Date.UTC(2026, 10, 28)
const outage = (models: string[], leftMs: number) => ({ models, routes: [], tiers: [], overAtMs: nowMs + leftMs })
const kind = { model: 'llama', route: 'chat', tier: 'standard' }
const outages = [outage(['other'], 500_000), outage(['llama', 'mistral'], 200_000)]

function waitMs(fault: Fault, parts: Partial<Parameters<typeof withExpectedEnd>[2]> = {}): number | undefined {
  return withExpectedEnd(fault, kind, { outages, nowMs, random: seededRandom(1), ...parts }).retryAfterMs
}

test('who finds no server in an outage is told its expected end, spread', () => {
  const waits = [1, 2, 3, 4, 5, 6].map((seed) =>
    waitMs(new Fault('HF_NO_UPSTREAM', { retryAfterMs: 5000 }), { random: seededRandom(seed) }),
  )
  for (const wait of waits) assert.ok(wait !== undefined && wait >= 200_000 && wait <= 260_000, String(wait))
  assert.equal(new Set(waits).size, waits.length)
  const told = withExpectedEnd(new Fault('HF_UPSTREAM_REFUSED', { detail: 'by 10.0.0.1', upstream: 'gpu1' }), kind, {
    ...{ outages, nowMs, random: seededRandom(1) },
  })
  assert.deepEqual([told.code, told.detail, told.upstream], ['HF_UPSTREAM_REFUSED', 'by 10.0.0.1', 'gpu1'])
})

test('other faults keep their own time: of callers, of lines, of busy servers, of maintenance', () => {
  const own = { retryAfterMs: 3000 }
  for (const code of ['HF_BAD_CALL', 'HF_OVERLOADED', 'HF_QUEUE_TIMEOUT', 'HF_PRESSURE', 'HF_UPSTREAM_BUSY'] as const)
    assert.equal(waitMs(new Fault(code, own)), 3000, code)
  assert.equal(waitMs(new Fault('HF_UPSTREAM_RATE_LIMITED', own)), 3000)
  assert.equal(waitMs(new Fault('HF_MAINTENANCE', { ...own, untilMs: nowMs + 9000 })), 3000)
})

test('an outage of others, one that should be over, and a longer time of the fault itself change nothing', () => {
  const fault = new Fault('HF_NO_UPSTREAM', { retryAfterMs: 5000 })
  assert.equal(waitMs(fault, { outages: [] }), 5000)
  assert.equal(waitMs(fault, { outages: [outage(['other'], 300_000)] }), 5000)
  assert.equal(waitMs(fault, { outages: [outage([], -300_000)] }), 5000)
  assert.equal(waitMs(new Fault('HF_NO_UPSTREAM', { retryAfterMs: 900_000 })), 900_000)
  assert.equal(waitMs(fault, { outages: [outage([], Number.NaN)] }), 5000)
  assert.ok((waitMs(fault, { outages: [outage([], 1e12)] }) ?? 0) <= 780_000)
})

test('the header stays below a minute, and does not call all back in one moment', () => {
  const header = (retryAfterMs: number): number => {
    const headers = faultHeaders(new Fault('HF_NO_UPSTREAM', { retryAfterMs }))
    return Number(headers[headers.indexOf('retry-after-ms') + 1])
  }
  assert.equal(header(60_000), 60_000)
  const told = [201_234, 215_678, 244_321, 250_500].map(header)
  for (const ms of told) assert.ok(ms > 45_000 && ms <= 60_000, String(ms))
  assert.equal(new Set(told).size, told.length)
})
