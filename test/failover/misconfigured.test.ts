/**
 * S17, S20 and S21 need the processes of a real gateway, so here it is ours that is set up so that it cannot keep the
 * promise: the table must see that, or its passes mean nothing.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { openHoldfast, type OpenSubject, type Settings } from './stage.ts'
import { playAll } from './table.ts'

const withSettings =
  (settings: Settings): OpenSubject =>
  (config, ...rest) =>
    openHoldfast({ ...config, ...settings }, ...rest)

const cases = [
  ['S17', 'calls that are not kept, so that nobody can go on with them', { journal: { requestBytesMax: 0 } }],
  ['S20', 'old workers that are not given time to finish', { limits: { retireMs: 50 } }],
  ['S21', 'slow readers that are let go', { limits: { stalledReaderMs: 1500 } }],
] as const satisfies readonly (readonly [string, string, Settings])[]

describe('no pass for a gateway that is set up wrongly', { concurrency: true, timeout: 120_000 }, () => {
  for (const [name, title, settings] of cases) {
    test(`${name}: ${title}`, async () => {
      const [row] = await playAll({
        ...{ only: [name], factor: 4, atOnceMax: 1, patienceMsMax: 12_000 },
        open: withSettings(settings),
      })
      assert.ok(row)
      assert.notEqual(row.verdict, 'pass')
      assert.doesNotMatch(row.why, /could not be played/)
    })
  }
})
