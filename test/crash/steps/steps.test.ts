/**
 * The crash suite: workers killed at every step of an answer, sleepers that wake, planned ends, everything killed at
 * once. Every answer arrives byte for byte, every event once, and the journal holds the same. `main.ts` plays more.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { allScenes } from './scenes.ts'
import { otherScenes } from './other-scenes.ts'
import { play } from './stage.ts'
import { printHead, printRow, printSum } from './table.ts'

test('whatever dies at whatever step, the answer is whole', { timeout: 300_000 }, async (t) => {
  t.diagnostic(printHead())
  const tell = (row: Parameters<typeof printRow>[0]): void => t.diagnostic(printRow(row))
  const scenes = allScenes().ofCi
  const others = otherScenes().ofCi
  const rows = await play({ scenes, others }, { lanes: 2, tell })
  t.diagnostic(printSum(rows))
  assert.deepEqual(rows.filter(({ complaints }) => complaints.length > 0).map(printRow), [])
  assert.equal(rows.length, scenes.length + others.length)
})
