/** The record of gateways that are killed: what was noted half a second before is there, and it says what happened. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { startSim } from '../../lab/start-sim.ts'
import type { Fact, FactKind } from '../../src/observe/fact.ts'
import { RecordQuery } from '../../src/store/sqlite-record-query.ts'
import { chat } from './chat.ts'
import { type Gateway, holdfast, startGateway, startProgram, workerPids } from './gateway.ts'
import { until } from './until.ts'

const main = join(import.meta.dirname, '../../src/cli/holdfast.ts')

function factsOf({ state }: Pick<Gateway, 'state'>, ...kinds: FactKind[]): Fact[] {
  using reader = new RecordQuery(join(state, 'record.db'))
  return reader
    .latest({ kinds }, 1000)
    .entries.map(({ fact }) => fact)
    .toReversed()
}

test('two processes write one file and are killed while they do: what is there is whole and without a gap', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-record-'))
  const path = join(folder, 'record.db')
  const program = join(import.meta.dirname, 'record-writer.ts')
  try {
    for (let round = 0; round < 3; round++) {
      const names = ['a', 'b'].map((each) => `${each}${round}`)
      const writers = names.map((name) => spawn(process.execPath, [program, path, name], { stdio: 'inherit' }))
      await until('both to have written', async () => {
        try {
          using reader = new RecordQuery(path)
          const found = new Set(reader.latest({}, 1000).entries.map(({ fact }) => fact.node))
          return names.every((name) => found.has(name))
        } catch {
          return false
        }
      })
      for (const writer of writers) {
        writer.kill('SIGKILL')
        await once(writer, 'exit')
      }
      const database = new DatabaseSync(path)
      assert.equal(database.prepare('PRAGMA integrity_check').get()?.['integrity_check'], 'ok')
      for (const name of names) {
        const rows = database
          .prepare(
            `SELECT f.body ->> 'detail' AS detail FROM fact f JOIN node n ON n.id = f.node WHERE n.name = ? ORDER BY f.id`,
          )
          .all(name)
        assert.ok(rows.length > 0)
        assert.deepEqual(
          rows.map(({ detail }) => detail),
          rows.map((_, i) => `${name} ${i}`),
        )
      }
      database.close()
    }
  } finally {
    rmSync(folder, { recursive: true, maxRetries: 20, retryDelay: 100 })
  }
})

test('the death of a worker, and who went on with its answer, is in the record', async () => {
  const sim = await startSim({ rate: 20 })
  try {
    await using gateway = await startGateway('--upstream', `${sim.url}/v1`, '--workers', '2')
    const answer = chat(gateway.url, 'lab-model', 'long tokens:60', true)
    const busy = await until('the call to be under way', async () => {
      const { workers } = (await (await fetch(`${gateway.adminUrl}/readyz`)).json()) as {
        workers: { pid: number; callsLive: number }[]
      }
      return workers.find(({ callsLive }) => callsLive > 0)
    })
    process.kill(busy.pid, 'SIGKILL')
    assert.equal((await answer).verdict, 'naked', 'the connection went with the worker')
    const [adopted] = await until('the answer to be taken over', async () => {
      const found = factsOf(gateway, 'adoption')
      return found.length > 0 && found
    })
    assert.equal(adopted?.kind === 'adoption' && adopted.state, 'adopted')
    const call = await until('the call to be settled', async () => factsOf(gateway, 'call')[0])
    assert.equal(call.ray, adopted?.ray)
    assert.equal(call.kind === 'call' && call.outcome, 'complete')
    assert.equal(call.kind === 'call' && call.isEventful, true, 'for it has a story')
    const died = factsOf(gateway, 'worker').find((each) => each.kind === 'worker' && each.pid === busy.pid && each.exit)
    assert.ok(died?.kind === 'worker' && died.exit)
    assert.deepEqual([died.exit.signal, died.exit.exitCode, died.isExpected], ['SIGKILL', null, false])
  } finally {
    await sim.stop()
  }
})

test('a gateway that was killed as a whole is explained by the next start, and tail reads it in between', async () => {
  const sim = await startSim({ rate: 500 })
  const state = mkdtempSync(join(tmpdir(), 'holdfast-record-'))
  const flags = ['--upstream', `${sim.url}/v1`, '--workers', '1', '--state', state]
  try {
    const first = await startGateway(...flags)
    assert.equal((await chat(first.url, 'no-such-model', 'hello', false)).code, 'HF_MODEL_UNKNOWN')
    await until('the failure to be kept', async () => factsOf(first, 'call').length > 0)
    const pids = await workerPids(first)
    await first.end('SIGKILL')
    for (const pid of pids) process.kill(pid, 'SIGKILL')
    const { code, output } = await holdfast('tail', '--state', state, '--json', '--code', 'HF_MODEL_UNKNOWN')
    assert.equal(code, 0, output)
    assert.equal((JSON.parse(output) as { kind: string }).kind, 'call')
    const second = await startGateway(...flags)
    assert.equal(await second.end('SIGTERM'), 0)
    const third = await startGateway(...flags)
    assert.equal(await third.end('SIGTERM'), 0)
    const told = factsOf({ state }, 'deploy').map(
      (each) => each.kind === 'deploy' && `${each.state} ${each.reason}`.trim(),
    )
    assert.deepEqual(told, [
      'started',
      'started the gateway that ran before ended without a word',
      'stopping',
      'stopped',
      'started',
      'stopping',
      'stopped',
    ])
  } finally {
    await sim.stop()
    rmSync(state, { recursive: true, maxRetries: 20, retryDelay: 100 })
  }
})

test('a restart tells what was changed, by name and never by value, and why one was refused', async () => {
  const sim = await startSim({ rate: 500 })
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-record-'))
  const file = join(folder, 'holdfast.yaml')
  const write = (more: object): void =>
    writeFileSync(file, JSON.stringify({ workers: 1, upstreams: { only: { url: `${sim.url}/v1` } }, ...more }))
  const secret = 'sk-very-secret-indeed'
  try {
    write({})
    await using gateway = await startGateway('--config', file)
    write({ timeouts: { connectMs: 1234 }, keys: [{ name: 'app', key: secret }] })
    const done = await holdfast('restart', '--state', gateway.state)
    assert.equal(done.code, 0, done.output)
    write({ nonsense: 1 })
    assert.equal((await holdfast('restart', '--state', gateway.state)).code, 1)
    const told = await until('the refusal to be kept', async () => {
      const found = factsOf(gateway, 'config')
      return found.length === 3 && found
    })
    const short = told.map((each) => each.kind === 'config' && [each.state, ...each.changed.toSorted()])
    assert.deepEqual(short, [['loaded'], ['changed', 'keys.0', 'timeouts.connectMs'], ['refused']])
    const deploys = factsOf(gateway, 'deploy').map((each) => each.kind === 'deploy' && each.state)
    assert.deepEqual(deploys, ['started', 'restart-asked', 'restarted', 'restart-asked', 'restart-failed'])
    for (const suffix of ['', '-wal'])
      assert.equal(readFileSync(join(gateway.state, `record.db${suffix}`)).includes(secret), false)
  } finally {
    await sim.stop()
    rmSync(folder, { recursive: true, maxRetries: 20, retryDelay: 100 })
  }
})

test('nothing that is said in calls is in the record, and names cannot break a line of it', async () => {
  const sim = await startSim({ rate: 500 })
  try {
    await using gateway = await startGateway('--upstream', `${sim.url}/v1`, '--workers', '1')
    const prompt = 'a-word-that-is-nowhere-else'
    const model = 'x\u202e2026-01-01T00:00:00.000Z  call      forged\u200by'
    await chat(gateway.url, 'lab-model', `${prompt} tokens:3`, true)
    await chat(gateway.url, model, prompt, false)
    await until('both to be kept', async () => factsOf(gateway, 'call').length === 2)
    const files = ['record.db', 'record.db-wal'].map((name) => readFileSync(join(gateway.state, name)))
    for (const bytes of files) assert.equal(bytes.includes(prompt), false)
    const { output } = await holdfast('tail', '--state', gateway.state, '--kind', 'call')
    assert.equal(output.trimEnd().split('\n').length, 2, output)
    assert.match(output, /x\\u\{202e\}2026.*forged\\u\{200b\}y/)
  } finally {
    await sim.stop()
  }
})

test('the last words of a worker that crashes are kept, and go on to the standard error of the command', async () => {
  const sim = await startSim({ rate: 500 })
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-record-'))
  const preload = join(folder, 'preload.mjs')
  writeFileSync(
    preload,
    `if (process.env.HOLDFAST_WORKER) process.once('SIGWINCH', () => { throw new Error('the engine room is on fire') })`,
  )
  try {
    const environment = { NODE_OPTIONS: `--import=${preload}` }
    await using gateway = await startProgram(main, environment, ['--upstream', `${sim.url}/v1`, '--workers', '2'])
    const [pid = 0] = await workerPids(gateway)
    process.kill(pid, 'SIGWINCH')
    const exit = await until(
      'the end of the worker to be kept',
      async () =>
        factsOf(gateway, 'worker').flatMap((each) => (each.kind === 'worker' && each.exit ? [each.exit] : []))[0],
    )
    assert.deepEqual([exit.exitCode, exit.signal], [1, null])
    assert.match(exit.stderrTail, /Error: the engine room is on fire/)
    const { output } = await holdfast('tail', '--state', gateway.state, '--kind', 'worker')
    assert.match(output, /exited after .* by code 1, its last words: .*, unexpected/)
  } finally {
    await sim.stop()
    rmSync(folder, { recursive: true, maxRetries: 20, retryDelay: 100 })
  }
})

test('with a journal in memory nothing of it is on the disk, and the operators’ port shows what workers noted', async () => {
  const sim = await startSim({ rate: 500 })
  try {
    await using gateway = await startGateway('--upstream', `${sim.url}/v1`, '--journal', 'memory')
    assert.equal((await chat(gateway.url, 'no-such-model', 'hello', false)).code, 'HF_MODEL_UNKNOWN')
    const [call] = await until('the supervisor to be told', async () => {
      const answer = await fetch(`${gateway.adminUrl}/record?kind=call`)
      const { facts } = (await answer.json()) as { facts: Fact[] }
      return facts.length > 0 && facts
    })
    assert.equal(call?.code, 'HF_MODEL_UNKNOWN')
    assert.match(call?.node ?? '', /^worker-0\//)
    assert.equal(existsSync(join(gateway.state, 'record.db')), false)
  } finally {
    await sim.stop()
  }
})
