/** Settings of a rollout: defaults are those of the code, nonsense is refused. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rolloutDefaults, stepsOf } from './rollout-options.ts'
import { rolloutOptionsOf, rolloutSchema } from './rollout-settings.ts'

test('without settings it is a canary with the defaults', () => {
  const settings = rolloutSchema.parse({})
  assert.deepEqual(rolloutOptionsOf(settings), { ...rolloutDefaults, steps: stepsOf.canary })
  assert.deepEqual(rolloutOptionsOf(settings, 'blue-green').steps, stepsOf['blue-green'])
})

test('every strategy ends with all calls, and never goes back', () => {
  for (const steps of Object.values(stepsOf)) {
    const shares = steps.map(({ share }) => share)
    assert.equal(shares.at(-1), 1)
    assert.deepEqual(
      shares,
      shares.toSorted((a, b) => a - b),
    )
  }
})

test('what makes no sense is refused', () => {
  for (const bad of [
    { strategy: 'yolo' },
    { warmMs: -1 },
    { gate: { times: 0 } },
    { gate: { prompts: [{ name: 'a' }] } },
  ])
    assert.equal(rolloutSchema.safeParse(bad).success, false)
})
