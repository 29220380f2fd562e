// A part of cache-tests that does not wait: every test of it that needs no pause, against a house in this process. All
// of it, with nginx beside it: `npm run suites -- cache`.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ConfigInput } from '../../src/config.ts'
import { openTestHouse } from '../http/harness.ts'
import { suiteConfig } from './cache-suite.ts'
import { askCache, type CacheTest, countResults, packagedFolder, readTests, startOrigin } from './cache-tests.ts'

/** Two editions disagree about `age`; ours goes by the newer, which is RFC 9111 section 5.1. */
const outdated = /^age-parse-/
/** 206 with fewer bytes than it says, and cookies, are not kept; a date of our own making a client may not know. */
const refused = /^partial-store-partial-|^method-POST$|^conditional-lm-fresh-no-lm$|^other-set-cookie$/

test('cache-tests: what can be asked without waiting passes', async () => {
  const folder = packagedFolder()
  const suites = await readTests(folder)
  const isQuick = ({ requests }: CacheTest & { requests?: { pause_after?: boolean }[] }): boolean =>
    (requests ?? []).every(({ pause_after: waits }) => !waits)
  const tests = suites.flatMap((suite) => suite.tests)
  const ids = tests.filter((each) => isQuick(each) && (each.kind ?? 'required') !== 'check').map(({ id }) => id)
  await using origin = await startOrigin(folder)
  const { web } = suiteConfig(origin.url) as Pick<ConfigInput, 'web'>
  await using house = await openTestHouse({ web })
  const results = await askCache(folder, `http://127.0.0.1:${house.port}`, ids)
  // Of what a test depends on, much waits; it is the full suite that honours that.
  const alone = suites.map((suite) => ({ ...suite, tests: suite.tests.map((each) => ({ ...each, depends_on: [] })) }))
  const { required, optimal, failed } = countResults(alone, results)
  assert.deepEqual(
    failed.filter(({ id }) => !outdated.test(id) && !refused.test(id)),
    [],
  )
  assert.ok(required + optimal > 100, `${required} and ${optimal}`)
})
