/** The heart of the product: whatever dies, every answer arrives byte for byte, every event once. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { storm, type StormOptions, stormDefaults } from './storm.ts'

const small = { ...stormDefaults, streams: 40, seconds: 5, tokens: 60 }

const storms: Readonly<Record<string, StormOptions>> = {
  'model servers are killed': { ...small, upstreamKillMs: 1500 },
  'model servers and gateway workers are killed, and clients drop and resume': {
    ...small,
    upstreamKillMs: 2000,
    workerKillMs: 2500,
    dropChance: 0.01,
  },
}

for (const [name, options] of Object.entries(storms)) {
  test(`${name}: every answer is whole`, { timeout: 120_000 }, async (t) => {
    const { complaints, ...numbers } = await storm(options)
    t.diagnostic(JSON.stringify(numbers))
    assert.deepEqual(complaints, [])
    assert.ok(numbers.answers >= options.streams)
    assert.ok(numbers.upstreamKills > 0 && numbers.seams > 0, 'answers were broken, or the test shows nothing')
    if (options.workerKillMs) assert.ok(numbers.workerKills > 0 && numbers.adopted > 0, 'answers were adopted')
    if (options.dropChance) assert.ok(numbers.resumes > 0)
  })
}
