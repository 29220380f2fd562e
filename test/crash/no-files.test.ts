/** A process that may open no more files refuses what it cannot do, finishes what it has, and lives. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { test } from 'node:test'
import { startSim } from '../../lab/start-sim.ts'
import { chat, type Outcome } from './chat.ts'
import { type Gateway, startGateway, workerPids } from './gateway.ts'

const hasPrlimit = process.platform === 'linux' && spawnSync('prlimit', ['--version']).status === 0

test('a worker without files lives, and serves again when it may open some', { timeout: 60_000 }, async (context) => {
  if (!hasPrlimit) return context.skip('there is no prlimit here')
  const sim = await startSim({ rate: 40 })
  try {
    await using gateway = await startGateway('--upstream', `${sim.url}/v1`, '--workers', '1')
    const [pid = 0] = await workerPids(gateway)
    const limit = (count: number): void => void spawnSync('prlimit', ['--pid', String(pid), `--nofile=${count}:4096`])
    const begun = Promise.withResolvers<void>()
    const live = chat(gateway.url, 'lab-model', 'live tokens:80', true, undefined, begun.resolve)
    await Promise.race([begun.promise, live])
    limit(readdirSync(`/proc/${pid}/fd`).length)
    const more = Array.from({ length: 4 }, (_, i) =>
      chat(gateway.url, 'lab-model', `more ${i} tokens:3`, true).catch(() => null),
    )
    assertWhole(await live, gateway)
    limit(4096)
    await Promise.all(more)
    assertWhole(await chat(gateway.url, 'lab-model', 'after tokens:3', true), gateway)
    assert.deepEqual(await workerPids(gateway), [pid])
  } finally {
    await sim.stop()
  }
})

function assertWhole(outcome: Outcome, { lines }: Gateway): void {
  assert.equal(outcome.verdict, 'whole', JSON.stringify([outcome, ...lines.slice(-20)], null, 1))
}
