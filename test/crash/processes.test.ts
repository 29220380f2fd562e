/**
 * The gateway as a process among processes: workers that die, drains, ports that are taken, servers that come up
 * late.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { startSim } from '../../lab/start-sim.ts'
import { chat } from './chat.ts'
import { freePort, startGateway, workerPids } from './gateway.ts'
import { until } from './until.ts'

const main = join(import.meta.dirname, '../../src/cli/holdfast.ts')
/** For anything that is waited for; generous, since the machine may be busy. */
const patienceMs = 20_000

interface Workers {
  readonly status: string
  readonly workers: readonly { readonly number: number; readonly pid: number; readonly isReady?: boolean }[]
}

async function readiness(adminUrl: string): Promise<Workers> {
  return (await (await fetch(`${adminUrl}/readyz`)).json()) as Workers
}

test('a worker that is killed is replaced, and calls go on', async () => {
  const sim = await startSim({ rate: 500 })
  try {
    await using gateway = await startGateway('--upstream', `${sim.url}/v1`, '--workers', '2')
    const before = await until('both workers to be ready', async () => {
      const { workers } = await readiness(gateway.adminUrl)
      return workers.length === 2 && workers.every(({ isReady }) => isReady) && workers
    })
    assert.equal((await chat(gateway.url, 'lab-model', 'first tokens:5', true)).verdict, 'whole')
    process.kill(before[0]?.pid ?? 0, 'SIGKILL')
    const after = await until('a new worker', async () => {
      const { workers } = await readiness(gateway.adminUrl)
      return workers.length === 2 && workers.every(({ pid, isReady }) => pid !== before[0]?.pid && isReady) && workers
    })
    assert.notEqual(after[0]?.pid, before[0]?.pid)
    for (let i = 0; i < 10; i++)
      assert.equal((await chat(gateway.url, 'lab-model', `${i} tokens:5`, i % 2 === 0)).verdict, 'whole')
    const metrics = await (await fetch(`${gateway.adminUrl}/metrics`)).text()
    assert.match(
      metrics,
      /^holdfast_calls_total\{[^}]*outcome="complete"[^}]*\} [1-9]/m,
      'the numbers of all workers together',
    )
    assert.equal(await gateway.end('SIGTERM'), 0)
  } finally {
    await sim.stop()
  }
})

test('a worker that hangs is killed and replaced, and the rest goes on meanwhile', { timeout: 120_000 }, async () => {
  const sim = await startSim({ rate: 500 })
  try {
    await using gateway = await startGateway('--upstream', `${sim.url}/v1`, '--workers', '2')
    const before = await until('both workers to be ready', async () => {
      const { workers } = await readiness(gateway.adminUrl)
      return workers.length === 2 && workers.every(({ isReady }) => isReady) && workers
    })
    const hung = before[0]?.pid ?? 0
    process.kill(hung, 'SIGSTOP')
    const isReplaced = async (): Promise<boolean> => {
      const { workers } = await readiness(gateway.adminUrl)
      return workers.length === 2 && workers.every(({ pid, isReady }) => pid !== hung && isReady)
    }
    const endMs = performance.now() + 60_000
    while (!(await isReplaced())) {
      assert.ok(performance.now() < endMs, 'it was not replaced within a minute')
      await new Promise((resolve) => setTimeout(resolve, 500))
    }
    assert.ok(gateway.lines.some(({ msg }) => msg === 'worker hangs and is killed'))
    assert.equal((await chat(gateway.url, 'lab-model', 'afterwards tokens:5', true)).verdict, 'whole')
  } finally {
    await sim.stop()
  }
})

for (const workers of ['1', '2']) {
  test(`on SIGTERM answers under way are finished, and nothing new is taken (${workers} workers)`, async () => {
    const sim = await startSim({ rate: 40 })
    try {
      await using gateway = await startGateway('--upstream', `${sim.url}/v1`, '--workers', workers)
      const answers = [
        chat(gateway.url, 'lab-model', 'a tokens:40', true),
        chat(gateway.url, 'lab-model', 'b tokens:40', false),
      ]
      await until('the calls to be under way', async () => {
        const metrics = await (await fetch(`${sim.url}/metrics`)).text()
        return /^vllm:num_requests_running\S* 2/m.test(metrics)
      })
      const end = gateway.end('SIGTERM')
      assert.deepEqual(
        (await Promise.all(answers)).map(({ verdict }) => verdict),
        ['whole', 'whole'],
      )
      assert.equal(await end, 0)
      await assert.rejects(fetch(gateway.url), 'nobody listens any more')
    } finally {
      await sim.stop()
    }
  })
}

test('a server that is down at the start is taken in when it comes up', async () => {
  const port = await freePort()
  await using gateway = await startGateway('--upstream', `http://127.0.0.1:${port}/v1`)
  const early = await chat(gateway.url, 'lab-model', 'tokens:5', false)
  assert.equal(early.code, 'HF_NO_UPSTREAM', 'a model that may come is not called unknown')
  assert.equal((await fetch(`${gateway.adminUrl}/readyz`)).status, 503)
  const sim = await startSim({ port })
  try {
    await until('the gateway to be ready', async () => (await fetch(`${gateway.adminUrl}/readyz`)).ok)
    assert.equal((await workerPids(gateway)).length, 2, 'ready is it when each worker has found the server')
    for (let i = 0; i < 6; i++)
      assert.equal((await chat(gateway.url, 'lab-model', `${i} tokens:5`, true)).verdict, 'whole')
  } finally {
    await sim.stop()
  }
})

test('a lone server that is restarted costs its callers a wait, not an error', async () => {
  const sim = await startSim({ rate: 500 })
  const port = Number(new URL(sim.url).port)
  await using gateway = await startGateway('--upstream', `${sim.url}/v1`)
  assert.equal((await chat(gateway.url, 'lab-model', 'before tokens:5', false)).verdict, 'whole')
  await sim.kill('SIGKILL')
  const meanwhile = [true, false].map((isStream) =>
    chat(gateway.url, 'lab-model', `meanwhile ${isStream} tokens:5`, isStream),
  )
  const next = await startSim({ rate: 500, port })
  try {
    assert.deepEqual(
      (await Promise.all(meanwhile)).map(({ verdict }) => verdict),
      ['whole', 'whole'],
    )
  } finally {
    await next.stop()
  }
})

test('a port that is taken is told in one clear message', async () => {
  const other = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  const { port } = other.address() as AddressInfo
  const args = [
    main,
    '--lab',
    'off',
    '--upstream',
    'http://127.0.0.1:9/v1',
    '--port',
    String(port),
    '--state',
    join(import.meta.dirname, '../../.cache/taken'),
  ]
  const result = spawnSync(process.execPath, args, { encoding: 'utf8', timeout: patienceMs })
  other.close()
  assert.equal(result.status, 1)
  assert.match(result.stderr, /EADDRINUSE/)
  assert.match(result.stderr, /Choose another with --port/)
  assert.doesNotMatch(result.stderr, /^\s+at /m, 'no stack trace')
})
