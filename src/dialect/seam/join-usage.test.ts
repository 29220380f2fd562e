// Tests of the token counts of an answer of several legs: what only the seam brought about is not told to the caller.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Usage } from '../call.ts'
import { joinUsage } from './join-usage.ts'
import type { PartialAnswer } from './partial-answer.ts'
import type { RungName } from './rung.ts'

/** Of a prompt of 8 tokens, 10 tokens of the answer were told before the seam. */
function join(name: RungName, leg: Usage): Usage | null {
  const partial = { route: 'chat', promptTokens: 8, tokenCount: 10, usage: {} } as PartialAnswer
  return joinUsage(partial, { name, leavesSchema: false, isApproximate: false }, leg)
}

test('not more of the prompt was in the cache than there is', () => {
  const leg = { inputTokens: 18, outputTokens: 5, cachedTokens: 16 }
  assert.deepEqual(join('prefill', leg), { inputTokens: 8, outputTokens: 15, cachedTokens: 8 })
  assert.deepEqual(join('prefill', { ...leg, cachedTokens: 4 }), { inputTokens: 8, outputTokens: 15, cachedTokens: 4 })
  assert.deepEqual(join('prefill', { inputTokens: 18, outputTokens: 5 }), { inputTokens: 8, outputTokens: 15 })
  assert.deepEqual(join('ask-again', leg), leg)
})
