/** Sampled calls: bounded, only of callers that were named, without secrets, not for long. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from '../../ground/random.ts'
import { type SampledCall, ShadowSample } from './shadow-sample.ts'

const options = { callers: ['shop'], callsMax: 50, bytesMax: 100, keptMs: 60_000 }
const call = (more: Partial<SampledCall> = {}): SampledCall => ({ caller: 'shop', body: 'hello', atMs: 0, ...more })

test('only callers that were named, calls that are short, and none with secrets', () => {
  const sample = new ShadowSample(seededRandom(1))
  sample.offer(call({ caller: 'bank' }), options)
  sample.offer(call({ body: 'x'.repeat(101) }), options)
  sample.offer(call({ body: 'my key is sk-abcdefghijklmnop' }), options)
  assert.deepEqual(sample.calls(0, options), [])
  sample.offer(call(), options)
  assert.equal(sample.calls(0, options).length, 1)
  assert.deepEqual(sample.calls(0, { ...options, callers: ['bank'] }), [], 'it is named no more')
  assert.deepEqual(sample.calls(60_001, options), [])
})

test('of many, so many are kept, early and late ones alike', () => {
  const sample = new ShadowSample(seededRandom(1))
  for (let i = 0; i < 2000; i++) sample.offer(call({ body: String(i) }), options)
  const kept = sample.calls(0, options).map(({ body }) => Number(body))
  assert.equal(kept.length, 50)
  const early = kept.filter((each) => each < 1000).length
  assert.ok(early > 12 && early < 38, `${early} of 50`)
})
