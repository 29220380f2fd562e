/** What the signals of a terminal and of an impatient operator do to answers under way. */
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { startSim } from '../../lab/start-sim.ts'
import { chat } from './chat.ts'
import { type Gateway, startGateway, startProgram, workerPids } from './gateway.ts'
import { until } from './until.ts'

const main = join(import.meta.dirname, '../../src/cli/holdfast.ts')
const callsLive = async ({ adminUrl }: Gateway): Promise<number> => {
  const { workers } = (await (await fetch(`${adminUrl}/readyz`)).json()) as { workers: { callsLive?: number }[] }
  return workers.reduce((sum, { callsLive: live = 0 }) => sum + live, 0)
}

for (const workers of [1, 2]) {
  test(`a terminal that is closed tells every process, and no answer is cut (${workers} workers)`, async () => {
    const sim = await startSim({ rate: 20 })
    try {
      await using gateway = await startGateway('--upstream', `${sim.url}/v1`, '--workers', String(workers))
      const answer = chat(gateway.url, 'lab-model', 'long tokens:40', true)
      await until('the call to be under way', async () => (await callsLive(gateway)) === 1)
      const pids = await workerPids(gateway)
      const ended = gateway.end('SIGHUP')
      for (const pid of pids) process.kill(pid, 'SIGHUP')
      assert.equal((await answer).verdict, 'whole')
      assert.equal(await ended, 0)
    } finally {
      await sim.stop()
    }
  })

  test(`the second signal ends all at once, and nobody goes on behind the terminal (${workers} workers)`, async () => {
    const sim = await startSim({ rate: 5 })
    try {
      await using gateway = await startGateway('--upstream', `${sim.url}/v1`, '--workers', String(workers))
      let isOver = false
      const answer = chat(gateway.url, 'lab-model', 'long tokens:200', true).finally(() => (isOver = true))
      await until('the call to be under way', async () => (await callsLive(gateway)) === 1)
      void gateway.end('SIGINT')
      await until('the drain to begin', async () => (await fetch(`${gateway.adminUrl}/readyz`)).status === 503)
      assert.equal(isOver, false)
      assert.equal(await gateway.end('SIGINT'), 1)
      await until('the answer to break', () => Promise.resolve(isOver))
      assert.notEqual((await answer.catch(() => ({ verdict: 'cut' }))).verdict, 'whole')
    } finally {
      await sim.stop()
    }
  })
}

test('while the system gives no new process, those that are there go on, and one is started when it does', async () => {
  const sim = await startSim({ rate: 500 })
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-spawn-'))
  const isGone = join(folder, 'gone')
  // As if the program were being replaced on the disk while the file is there.
  const preload = `import { existsSync } from 'node:fs'
    const path = process.execPath
    Object.defineProperty(process, 'execPath', { get: () => existsSync(${JSON.stringify(isGone)}) ? '/nowhere' : path })`
  try {
    const environment = { NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(preload)}` }
    await using gateway = await startProgram(main, environment, ['--upstream', `${sim.url}/v1`, '--workers', '2'])
    const [first = 0, second = 0] = await until('both to be ready', async () => {
      const pids = await workerPids(gateway)
      return pids.length === 2 && pids
    })
    writeFileSync(isGone, '')
    process.kill(first, 'SIGKILL')
    await until('a start to fail', () => Promise.resolve(gateway.lines.some(({ how }) => /ENOENT/.test(String(how)))))
    assert.ok(existsSync(isGone))
    assert.equal((await chat(gateway.url, 'lab-model', 'meanwhile tokens:5', true)).verdict, 'whole')
    assert.deepEqual(await workerPids(gateway), [second])
    rmSync(isGone)
    await until('the lost one to be replaced', async () => (await workerPids(gateway)).length === 2)
    assert.equal(await gateway.end('SIGTERM'), 0)
  } finally {
    await sim.stop()
    rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
  }
})
