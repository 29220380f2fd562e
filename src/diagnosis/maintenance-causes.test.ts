// Tests of the cause `planned-maintenance`: named where a window was in force, and only there.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { FaultCode } from '../fault/code.ts'
import { RaySource } from '../fault/ray.ts'
import { ManualClock } from '../ground/manual-clock.ts'
import { seededRandom } from '../ground/random.ts'
import { calls } from '../../test/conformance/facts.ts'
import type { CallFact, MaintenanceFact } from '../observe/fact.ts'
import { diagnose } from './diagnose.ts'

const nowMs = Date.UTC(2026, 0, 1)
const ray = new RaySource(new ManualClock(nowMs), seededRandom(1), { node: 1, site: 'test' }).next()
const base = { node: 'supervisor/1', ray: null, upstream: null, code: null }

const window = (more: Partial<MaintenanceFact> = {}): MaintenanceFact => ({
  ...{ ...base, kind: 'maintenance', atMs: nowMs - 60_000, state: 'goes-on', title: 'New drivers' },
  ...{ beginMs: nowMs - 3_600_000, endMs: nowMs + 3_600_000, components: [], upstreams: ['gpu1'], models: [] },
  ...more,
})

/** A call of any kind, made into one that failed so. */
function failed(code: FaultCode, isSent: boolean): CallFact {
  const [any] = fc.sample(calls(nowMs), { numRuns: 1, seed: 7 })
  assert.ok(any)
  const attempt = {
    ...{ upstream: 'gpu1', code, detail: '', afterMs: 0, durationMs: 5 },
    ...{ receivedStatus: null, connectMs: null, firstTokenMs: null },
  }
  return {
    ...any,
    ...{ kind: 'call', isEventful: true, traceId: null },
    ...{
      ray,
      code,
      atMs: nowMs + 1000,
      node: 'worker-0/1',
      durationMs: 900,
      outcome: 'failed',
      status: 503,
      detail: '',
    },
    ...{ seams: [], attempts: isSent ? [attempt] : [], upstream: isSent ? 'gpu1' : null, model: 'm' },
  }
}

test('a call that was refused for maintenance is explained by the window', () => {
  const { cause, class: kind, sentence, confidence } = diagnose(ray, [failed('HF_MAINTENANCE', false), window()])
  assert.deepEqual([cause, kind], ['planned-maintenance', 'maintenance'])
  assert.match(sentence, /New drivers.*gpu1.*23:00.*01:00/)
  assert.ok(confidence > 0.9)
})

test('of several windows the one that names the model is told, with the days where it is long', () => {
  const long = window({ title: 'New racks', upstreams: [], models: ['m'], endMs: nowMs + 3 * 86_400_000 })
  const { sentence } = diagnose(ray, [failed('HF_MAINTENANCE', false), long, window()])
  assert.match(sentence, /New racks.* of m, 2025-12-31 23:00 UTC to 2026-01-04 00:00 UTC/)
})

test('where the record has no window the refusal itself says the end', () => {
  const refused = { ...failed('HF_MAINTENANCE', false), detail: 'until 2026-01-01 03:00 UTC' }
  const { cause, sentence } = diagnose(ray, [refused])
  assert.equal(cause, 'planned-maintenance')
  assert.match(sentence, /planned maintenance until 2026-01-01 03:00 UTC/)
})

test('a server that refuses in its window is under maintenance, and not just down', () => {
  assert.equal(diagnose(ray, [failed('HF_UPSTREAM_REFUSED', true), window()]).cause, 'planned-maintenance')
})

test('a window of another server, or one that is over, explains nothing', () => {
  for (const other of [window({ upstreams: ['gpu2'] }), window({ endMs: nowMs - 1000 })])
    assert.notEqual(diagnose(ray, [failed('HF_UPSTREAM_REFUSED', true), other]).cause, 'planned-maintenance')
})
