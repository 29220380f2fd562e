/** Sampled calls: bounded, only of callers that were named, without secrets, not for long. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from '../../ground/random.ts'
import { type SampledCall, ShadowSample } from './shadow-sample.ts'

const options = { callers: ['shop'], callsMax: 50, bytesMax: 100, keptMsMax: 60_000 }
const call = (more: Partial<SampledCall> = {}): SampledCall => ({
  ...{ caller: 'shop', model: 'small', prompt: 'hello', tokensMax: 10, atMs: 0 },
  ...more,
})

test('only callers that were named, calls that are short, and none with secrets', () => {
  const sample = new ShadowSample(options, seededRandom(1))
  sample.offer(call({ caller: 'bank' }))
  sample.offer(call({ prompt: 'x'.repeat(101) }))
  sample.offer(call({ prompt: 'my key is sk-abcdefghijklmnop' }))
  assert.deepEqual(sample.calls(0), [])
  sample.offer(call())
  assert.equal(sample.calls(0).length, 1)
  assert.deepEqual(sample.calls(60_001), [])
})

test('of many, so many are kept, early and late ones alike', () => {
  const sample = new ShadowSample(options, seededRandom(1))
  for (let i = 0; i < 2000; i++) sample.offer(call({ prompt: String(i) }))
  const kept = sample.calls(0).map(({ prompt }) => Number(prompt))
  assert.equal(kept.length, 50)
  const early = kept.filter((each) => each < 1000).length
  assert.ok(early > 12 && early < 38, `${early} of 50`)
})
