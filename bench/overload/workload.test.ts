/** The offered calls: their moments, their tenants, their lengths. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { answerLength } from '../../lab/answer.ts'
import { seededRandom } from '../../src/ground/random.ts'
import { median } from '../statistics.ts'
import { type Arrival, arrivals, promptOf, tenants } from './workload.ts'

const take = (seed: number, count: number, rate = 50): Arrival[] => [...arrivals(seededRandom(seed), rate).take(count)]

test('the same seed gives the same calls, another seed others', () => {
  assert.deepEqual(take(7, 100), take(7, 100))
  assert.notDeepEqual(take(7, 100), take(8, 100))
})

test('calls come at the rate asked for, as unevenly as Poisson has it', () => {
  const calls = take(1, 20_000)
  const gaps = calls.slice(1).map(({ atMs }, i) => atMs - (calls[i]?.atMs ?? 0))
  const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length
  const variance = gaps.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / gaps.length
  assert.ok(Math.abs(mean - 20) < 0.6, `mean ${mean} ms`)
  assert.ok(Math.abs(variance / mean ** 2 - 1) < 0.1, 'the spread of an exponential is its mean')
})

test('each tenant has its share, and all shares are one whole', () => {
  const calls = take(2, 20_000)
  assert.ok(Math.abs(tenants.reduce((sum, { share }) => sum + share, 0) - 1) < 1e-9)
  for (const { name, share } of tenants) {
    const own = calls.filter(({ tenant }) => tenant.name === name).length / calls.length
    assert.ok(Math.abs(own - share) < 0.015, `${name}: ${own} of ${share}`)
  }
})

test('lengths are log-normal: the medians hold, the means lie well above', () => {
  const calls = take(3, 20_000)
  const answers = calls.map(({ answerTokens }) => answerTokens)
  assert.ok(Math.abs(median(answers) - 32) <= 2)
  assert.ok(answers.reduce((sum, length) => sum + length, 0) / answers.length > 38)
  assert.ok(Math.abs(median(calls.map(({ promptTokens }) => promptTokens)) - 256) < 15)
})

test('a prompt asks for its answer length, is as long as wanted, and like no other from its first words on', () => {
  const [first, second] = take(4, 2) as [Arrival, Arrival]
  const prompt = promptOf(first, 4)
  assert.equal(answerLength(prompt), first.answerTokens)
  assert.equal(prompt.length, Math.max(first.promptTokens * 3, prompt.indexOf('the quick')))
  assert.notEqual(prompt.slice(0, 12), promptOf(second, 4).slice(0, 12))
})
