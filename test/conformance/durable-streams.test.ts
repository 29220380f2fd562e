/**
 * The public conformance suite of the Durable Streams protocol, all of it, against a gateway as its users run it, on
 * both engines.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { startGateway } from '../crash/gateway.ts'

const root = join(import.meta.dirname, '../..')
const vitest = join(root, 'node_modules/vitest/vitest.mjs')
const suite = join(root, 'node_modules/@durable-streams/server-conformance-tests/package.json')
const spec = 'test/conformance/public/durable-streams.spec.ts'
/** As many as version 0.3.6 has; its own reference server passes 332 of them. */
const testCount = 338
const skip = [vitest, suite].every(existsSync) ? false : 'vitest or the public suite is not installed'

/** What vitest reports as JSON, as far as it is used here. */
interface Report {
  readonly numTotalTests: number
  readonly numPassedTests: number
  readonly testResults: readonly {
    readonly assertionResults: readonly {
      readonly status: string
      readonly fullName: string
      readonly failureMessages: readonly string[]
    }[]
  }[]
}

async function runSuite(url: string): Promise<Report> {
  const args = [vitest, 'run', '--root', root, '--reporter', 'json', '--no-cache', spec]
  const child = spawn(process.execPath, args, {
    cwd: root,
    env: { ...process.env, DURABLE_STREAMS_URL: url },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  let complaint = ''
  child.stdout.on('data', (bytes: Buffer) => (output += bytes.toString()))
  child.stderr.on('data', (bytes: Buffer) => (complaint = (complaint + bytes.toString()).slice(-4000)))
  await new Promise((resolve) => child.once('close', resolve))
  const start = output.indexOf('{"num')
  assert.notEqual(start, -1, `vitest reported nothing: ${output.slice(-2000)}\n${complaint}`)
  return JSON.parse(output.slice(start)) as Report
}

for (const [engine, workers] of [
  ['memory', 1],
  ['sqlite', 2],
] as const) {
  test(`${engine} with ${workers} worker${workers > 1 ? 's' : ''}: passes all ${testCount} tests of the public suite`, {
    skip,
    timeout: 180_000,
  }, async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-suite-'))
    t.after(() => rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 }))
    const config = join(folder, 'holdfast.yaml')
    await writeFile(
      config,
      `upstreams: { none: { url: http://127.0.0.1:9/v1 } }\nstreams: { engine: ${engine}, longPollMs: 500, localWebhooks: true }\nworkers: ${workers}\n`,
    )
    await using gateway = await startGateway('--config', config, '--log-level', 'warn')
    const report = await runSuite(gateway.url)
    t.diagnostic(`${engine}: ${report.numPassedTests} of ${report.numTotalTests} passed`)
    const failed = report.testResults
      .flatMap(({ assertionResults }) => assertionResults)
      .filter(({ status }) => status !== 'passed')
      .map(({ fullName, failureMessages }) => `${fullName}: ${failureMessages[0]?.split('\n')[0]}`)
    assert.deepEqual(failed, [])
    assert.equal(report.numPassedTests, testCount)
  })
}
