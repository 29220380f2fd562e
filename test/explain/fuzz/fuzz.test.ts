/** The small form of `npm run explain:fuzz`: every failure bears a ray, a code and advice, and `explain` has a cause. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fuzz } from './fuzz.ts'
import { lacking, table } from './table.ts'

test('every failure of a fuzzed run bears ray, cause and advice, and is explained', async (t) => {
  const result = await fuzz({ calls: 400, seed: 7, atOnce: 16, upsets: 1, byCommand: 2 })
  const { asked, failures, wordless, badCommands } = result
  t.diagnostic(`\n${table(result)}`)
  assert.equal(asked, 400)
  assert.ok(failures.length > 200, `${failures.length} failures`)
  assert.ok(failures.some(({ where }) => where === 'event'))
  assert.deepEqual([...lacking(failures), ...wordless, ...badCommands], [])
})
