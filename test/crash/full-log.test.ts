/** A log that cannot be written is a loss of lines, not of answers. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { startSim } from '../../lab/start-sim.ts'
import { chat } from './chat.ts'
import { startGateway } from './gateway.ts'

const main = join(import.meta.dirname, '../../src/cli/holdfast.ts')
/** Every write to it fails with ENOSPC. */
const fullDisk = '/dev/full'

test('calls go on while the disk of the log is full', { timeout: 60_000 }, async (context) => {
  if (!existsSync(fullDisk)) return context.skip(`there is no ${fullDisk} here`)
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-log-'))
  const sim = await startSim({ rate: 1000 })
  try {
    const file = join(folder, 'holdfast.yaml')
    await writeFile(file, `upstreams: { sim: { url: '${sim.url}/v1' } }\nlog: { file: ${fullDisk} }\n`)
    await using gateway = await startGateway('--config', file)
    // Enough lines that the log has tried to write them several times.
    for (let i = 0; i < 40; i++) {
      const verdicts = await Promise.all(
        [true, false].map(
          async (isStream) => (await chat(gateway.url, 'lab-model', `${i} tokens:5`, isStream)).verdict,
        ),
      )
      assert.deepEqual(verdicts, ['whole', 'whole'])
    }
    assert.equal((await fetch(`${gateway.adminUrl}/livez`)).status, 200)
    assert.equal(await gateway.end('SIGTERM'), 0)
  } finally {
    await sim.stop()
    await rm(folder, { recursive: true, maxRetries: 20, retryDelay: 100 })
  }
})

test('a log that cannot be opened is told at the start', { timeout: 60_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-log-'))
  try {
    const file = join(folder, 'holdfast.yaml')
    await writeFile(file, `upstreams: { a: { url: 'http://127.0.0.1:1/v1' } }\nlog: { file: ${file}/log }\n`)
    const flags = ['run', '--config', file, '--port', '0', '--admin-port', '0', '--state', folder]
    const { status, stderr } = spawnSync(process.execPath, [main, ...flags], { encoding: 'utf8', timeout: 20_000 })
    assert.equal(status, 1)
    assert.match(stderr, /^the log .*holdfast\.yaml\/log cannot be opened/)
    assert.doesNotMatch(stderr, /^ +at /m)
  } finally {
    await rm(folder, { recursive: true, maxRetries: 20, retryDelay: 100 })
  }
})
