// The listed requests, streams and answers by which one request is hidden in another: none is found behind. Each byte
// at each place is for `npm run suites -- smuggling`.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runSmugglingSuite } from './smuggling-suite.ts'

test('what two readers could take for different requests is never passed on', { timeout: 120_000 }, async () => {
  assert.equal(await runSmugglingSuite(true), true)
})
