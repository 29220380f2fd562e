/** One deployment's autoscaler, minute by minute. */
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { Autoscaler, type MinuteSeen } from './autoscaler.ts'

const quiet: MinuteSeen = { load: 40, isMasked: false, ready: 1, starting: 0, isHeld: false }
const made = (): Autoscaler => new Autoscaler({ min: 1, max: 9, perReplica: 50, firstStartMs: 120_000 })

test('more at once, fewer only after the wishes of five minutes', () => {
  const scaler = made()
  for (let minute = 0; minute < 30; minute++) scaler.minute(quiet)
  assert.equal(scaler.minute({ ...quiet, load: 390 }).replicas >= 8, true)
  const after = Array.from({ length: 60 }, () => scaler.minute({ ...quiet, ready: 8 }))
  assert.ok(after.slice(0, 4).every(({ replicas }) => replicas >= 8))
  assert.ok(after.some(({ why }) => /younger than five minutes/.test(why)))
  assert.ok((after.at(-1)?.replicas ?? 9) < 8)
})

test('a minute of an incident teaches nothing: replicas are there when load comes back', () => {
  const scaler = made()
  for (let minute = 0; minute < 40; minute++) scaler.minute({ ...quiet, load: 200, ready: 5 })
  const during = { ...quiet, load: 0, ready: 5, isMasked: true, isHeld: true }
  for (let minute = 0; minute < 20; minute++) assert.ok(scaler.minute(during).replicas >= 4)
})
