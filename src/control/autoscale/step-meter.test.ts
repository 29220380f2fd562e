// Tests of what a step counts: what comes after a pause or a silence is of all that time, and no rush.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type MeterLook, StepMeter } from './step-meter.ts'

const stepMs = 60_000

function look(requests: number, more: Partial<MeterLook> = {}): MeterLook {
  const demand = { requests, promptTokens: 10 * requests, outputTokens: requests, waiting: 0, refused: 0 }
  return { demand, inHand: 2, pastMs: 1000, isUsual: true, ...more }
}

function watch(meter: StepMeter, looks: number, more: Partial<MeterLook> = {}): StepMeter {
  for (let i = 0; i < looks; i++) meter.add(look(5, more))
  return meter
}

test('a step is told by the minute', () => {
  const told = watch(new StepMeter(stepMs), 60).close()
  assert.deepEqual(told, {
    ...{ requestsPerMinute: 300, promptTokensPerMinute: 3000, outputTokensPerMinute: 300, callsInHand: 2 },
  })
  assert.equal(watch(new StepMeter(stepMs), 40).close(), null, 'too little of it was watched')
})

test('what has gathered in a pause, as while a driver is deaf, is no load of this step', () => {
  const meter = watch(new StepMeter(stepMs), 5)
  meter.add(look(1000, { pastMs: 200_000 }))
  assert.equal(watch(meter, 50).close()?.requestsPerMinute, 300)
})

test('nor is what workers tell after they were silent, though another step has begun', () => {
  const silent = watch(new StepMeter(stepMs), 1, { isUsual: false })
  assert.equal(silent.close(), null)
  const meter = new StepMeter(stepMs, silent.wasUsual)
  meter.add(look(1000))
  assert.equal(watch(meter, 55).close()?.requestsPerMinute, 300)
})
