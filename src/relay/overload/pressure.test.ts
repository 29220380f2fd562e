/** The pressure on this process: the worst decides, and each rung gives up a little more. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Fault } from '../../fault/fault.ts'
import { seededRandom } from '../../ground/random.ts'
import type { Tier } from './tier.ts'
import { Pressure, type Resource, type Shares } from './pressure.ts'

const calm: Shares = { heap: 0.1, memory: 0.1, loop: 0, connections: 0, disk: 0, journal: 0 }

function under(more: Partial<Shares>): Pressure {
  const pressure = new Pressure(seededRandom(1))
  pressure.look({ ...calm, ...more }, 0)
  return pressure
}

function refusal(pressure: Pressure, tier: Tier = 'standard'): Fault | null {
  try {
    pressure.need(tier)
    return null
  } catch (thrown) {
    assert.ok(thrown instanceof Fault)
    return thrown
  }
}

test('each rung gives up a little more, and batch goes before the others', () => {
  const rows = [0.1, 0.75, 0.85, 0.92, 0.97].map((heap) => {
    const pressure = under({ heap })
    const { rung, mayCache, mayStayOpen, mayTakeCalls } = pressure
    return [rung, mayCache, mayStayOpen, pressure.mayTake('batch'), pressure.mayTake('premium'), mayTakeCalls]
  })
  assert.deepEqual(rows, [
    ['calm', true, true, true, true, true],
    ['trim', false, true, true, true, true],
    ['part', false, false, true, true, true],
    ['shed', false, false, false, true, true],
    ['refuse', false, false, false, false, false],
  ])
})

for (const resource of ['heap', 'memory', 'loop', 'connections'] as const satisfies Resource[]) {
  test(`any one resource is enough: ${resource}`, () => {
    const pressure = under({ [resource]: 0.98 })
    assert.deepEqual([pressure.rung, pressure.reason, pressure.words], ['refuse', resource, `${resource} at 98 %`])
    assert.equal(refusal(pressure)?.code, 'HF_PRESSURE')
  })
}

for (const resource of ['disk', 'journal'] as const) {
  test(`a full ${resource} refuses what would have to be kept, and nothing else`, () => {
    assert.deepEqual([under({ [resource]: 0.85 }).storeRung, refusal(under({ [resource]: 0.85 }))], ['compact', null])
    const full = under({ [resource]: 0.9 })
    assert.deepEqual([full.rung, full.storeRung, full.mayStayOpen], ['calm', 'full', true])
    const fault = refusal(full)
    assert.equal(fault?.code, 'HF_JOURNAL_FULL')
    assert.ok((fault.retryAfterMs ?? 0) >= 2000)
    assert.equal(full.reason, resource)
  })
}

test('those who are refused are told to come back at different times', () => {
  const pressure = under({ heap: 0.99 })
  const waits = Array.from({ length: 100 }, () => refusal(pressure)?.retryAfterMs ?? 0)
  assert.ok(waits.every((waitMs) => waitMs >= 2000 && waitMs <= 6000))
  assert.ok(new Set(waits).size > 50)
})

test('the reason stays what led there, and goes with the last measure', () => {
  const pressure = under({ memory: 0.86 })
  pressure.look({ ...calm, loop: 0.82 }, 250)
  assert.deepEqual([pressure.rung, pressure.reason], ['part', 'memory'])
  for (let nowMs = 500; nowMs <= 5000; nowMs += 250) pressure.look(calm, nowMs)
  assert.deepEqual([pressure.rung, pressure.reason, pressure.words], ['calm', null, 'all is calm'])
})
