// Each reader of strangers' bytes, by a fixed seed and for a moment. Longer, with other seeds and with how time and
// memory grow: `npm run suites -- fuzz`.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runFuzz } from './run-fuzz.ts'
import { allTargets } from './targets/all.ts'

test('no reader of strangers’ bytes crashes or hangs, and what it takes makes sense', {
  timeout: 240_000,
}, async () => {
  const names = allTargets.map(({ name }) => name)
  assert.equal(new Set(names).size, names.length, 'a name that two targets have')
  const results = await runFuzz({ names, seed: 1, inputsMax: 150, msMax: 10_000, measures: false })
  assert.deepEqual(results.map(({ name }) => name).sort(), names.toSorted())
  const findings = results.flatMap(({ name, findings: found }) => found.map((words) => `${name}: ${words}`))
  assert.deepEqual(findings, [])
  for (const { name, outcomes } of results)
    assert.ok(outcomes > 1 || /error-event/.test(name), `${name} has one outcome`)
})
