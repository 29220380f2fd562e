/**
 * Planned ends: a restart under load refuses no connection and cuts no answer; what a stop leaves, the next start ends.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { startSim } from '../../lab/start-sim.ts'
import { seededRandom } from '../../src/ground/random.ts'
import { chat } from './chat.ts'
import { freePort, holdfast, startGateway, workerPids } from './gateway.ts'
import { ResumingClient } from './resuming-client.ts'
import { until } from './until.ts'

interface Facts {
  readonly workers: readonly { readonly pid: number; readonly callsLive?: number }[]
  readonly retiring?: readonly { readonly pid: number }[]
}

const facts = async (adminUrl: string): Promise<Facts> => (await (await fetch(`${adminUrl}/readyz`)).json()) as Facts

const liveCalls = async (adminUrl: string): Promise<number> =>
  (await facts(adminUrl)).workers.reduce((sum, { callsLive = 0 }) => sum + callsLive, 0)

/** Also of workers that do not serve yet. */
const startedPids = async (adminUrl: string): Promise<number[]> => (await facts(adminUrl)).workers.map(({ pid }) => pid)

test('`holdfast restart` under load: new processes, no connection refused, no stream cut', async (t) => {
  const sim = await startSim({ rate: 40, slots: 64 })
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-restarted-'))
  const file = join(folder, 'holdfast.yaml')
  // A machine that is very busy looks like a model server that is, and then some calls are rightly refused.
  const overload = { limits: 'off' }
  writeFileSync(file, JSON.stringify({ workers: 2, overload, upstreams: { only: { url: `${sim.url}/v1` } } }))
  try {
    await using gateway = await startGateway('--config', file)
    const before = await workerPids(gateway)
    let isOver = false
    const outcomes: string[] = []
    const visit = async (name: string, tokens: number): Promise<void> => {
      for (let i = 0; !isOver || i === 0; i++) {
        const { verdict, code, detail } = await chat(gateway.url, 'lab-model', `${name} ${i} tokens:${tokens}`, true)
        outcomes.push(verdict === 'whole' ? verdict : `${verdict}: ${code ?? ''} ${detail}`)
      }
    }
    const load = [
      ...Array.from({ length: 8 }, (_, i) => visit(`short ${i}`, 3)),
      ...Array.from({ length: 8 }, (_, i) => visit(`long ${i}`, 120)),
    ]
    for (let round = 1; round <= 2; round++) {
      const { code, output } = await holdfast('restart', '--state', gateway.state, '--json')
      assert.equal(code, 0, output)
      const { generation, workers } = JSON.parse(output) as { generation: number; workers: number }
      assert.deepEqual([generation, workers], [round + 1, 2])
    }
    const after = await workerPids(gateway)
    assert.equal(
      after.some((pid) => before.includes(pid)),
      false,
      'the processes are new',
    )
    isOver = true
    await Promise.all(load)
    t.diagnostic(`${outcomes.length} calls over two restarts`)
    assert.deepEqual(
      outcomes.filter((verdict) => verdict !== 'whole'),
      [],
    )
    assert.equal(await gateway.end('SIGTERM'), 0)
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
    await sim.stop()
  }
})

interface Listing {
  readonly status: number | undefined
  readonly isKept: boolean
  readonly isReused: boolean
}

/** Asks for the models over a connection of this agent. */
function listOn(agent: Agent, url: string): Promise<Listing> {
  return new Promise((resolve, reject) => {
    const asked = request(`${url}/v1/models`, { agent }, (answer) => {
      const isKept = answer.headers.connection === 'keep-alive'
      answer.resume().once('end', () => resolve({ status: answer.statusCode, isKept, isReused: asked.reusedSocket }))
    })
    asked.once('error', reject).end()
  })
}

/** Of kept connections one is used again in each of these moments after a restart; they last for three seconds. */
const keptCount = 60
const keptPauseMs = 50

test('a restart closes no kept connection: its next request is served, whenever it comes, and ends it', async () => {
  await using gateway = await startGateway('--upstream', 'http://127.0.0.1:9/v1', '--workers', '2')
  const agents = Array.from({ length: keptCount }, () => new Agent({ keepAlive: true, maxSockets: 1 }))
  try {
    const before = await Promise.all(agents.map((agent) => listOn(agent, gateway.url)))
    assert.ok(before.every(({ isKept }) => isKept))
    const { code, output } = await holdfast('restart', '--state', gateway.state)
    assert.equal(code, 0, output)
    const after = agents.map(async (agent, i) => {
      await new Promise((resolve) => setTimeout(resolve, i * keptPauseMs))
      return listOn(agent, gateway.url)
    })
    const expected: Listing = { status: 200, isKept: false, isReused: true }
    assert.deepEqual(await Promise.all(after), Array<Listing>(keptCount).fill(expected))
    await until('the old workers to end', async () => (await facts(gateway.adminUrl)).retiring === undefined)
  } finally {
    for (const agent of agents) agent.destroy()
  }
})

test('restart after restart, the oldest processes wait for silent connections no longer', async () => {
  await using gateway = await startGateway('--upstream', 'http://127.0.0.1:9/v1', '--workers', '1')
  const agents: Agent[] = []
  const pids: (number | undefined)[] = []
  try {
    for (let restarts = 0; restarts < 4; restarts++) {
      const agent = new Agent({ keepAlive: true })
      agents.push(agent)
      await listOn(agent, gateway.url)
      pids.push((await facts(gateway.adminUrl)).workers[0]?.pid)
      const { code, output } = await holdfast('restart', '--state', gateway.state)
      assert.equal(code, 0, output)
    }
    const left = await until('one of the old workers to end', async () => {
      const { retiring = [] } = await facts(gateway.adminUrl)
      return retiring.length < pids.length && retiring
    })
    assert.deepEqual(
      left.map(({ pid }) => pid),
      pids.slice(1),
    )
  } finally {
    for (const agent of agents) agent.destroy()
  }
})

test('a restart of something that does not run, or keeps its answers in memory, is refused in words', async () => {
  const nobody = await holdfast('restart', '--state', join(tmpdir(), 'holdfast-nobody'))
  assert.equal(nobody.code, 1)
  assert.match(nobody.output, /No gateway runs with its state in .*\. Name the folder with --state\./)
  await using gateway = await startGateway('--upstream', 'http://127.0.0.1:9/v1', '--journal', 'memory')
  const forgetful = await holdfast('restart', '--state', gateway.state)
  assert.equal(forgetful.code, 1)
  assert.match(forgetful.output, /in memory would be lost; use `sqlite`/)
})

test('one worker is restarted without a gap, too', async () => {
  await using gateway = await startGateway('--upstream', 'http://127.0.0.1:9/v1', '--workers', '1')
  const [before] = await startedPids(gateway.adminUrl)
  const { code, output } = await holdfast('restart', '--state', gateway.state)
  assert.equal(code, 0, output)
  const after = await startedPids(gateway.adminUrl)
  assert.deepEqual([after.length, after[0] === before], [1, false])
  assert.ok((await fetch(`${gateway.url}/v1/models`)).ok, 'on the same port')
})

test('a stop while old workers still finish their answers takes no longer than any stop', async () => {
  const sim = await startSim({ rate: 5, slots: 8 })
  try {
    await using gateway = await startGateway('--upstream', `${sim.url}/v1`, '--workers', '2', '--drain-ms', '500')
    const call = chat(gateway.url, 'lab-model', 'long tokens:5000', true)
    await until('the call to be under way', async () => (await liveCalls(gateway.adminUrl)) === 1)
    const { code, output } = await holdfast('restart', '--state', gateway.state)
    assert.equal(code, 0, output)
    assert.match(output, /the old ones finish 1 calls/)
    const beganMs = performance.now()
    assert.equal(await gateway.end('SIGTERM'), 0)
    assert.ok(performance.now() - beganMs < 20_000, 'not the 15 minutes of retireMs')
    assert.equal((await call).code, 'HF_CLOSING', 'the answer ends with a word')
  } finally {
    await sim.stop()
  }
})

test('a restart that fails says why, and leaves as many workers as there were, one that died meanwhile included', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-failing-'))
  const file = join(folder, 'holdfast.yaml')
  const write = (key: string): void =>
    writeFileSync(file, `workers: 2\nupstreams: { only: { url: 'http://127.0.0.1:9/v1', key: '${key}' } }\n`)
  try {
    write('some-secret')
    await using gateway = await startGateway('--config', file)
    writeFileSync(file, 'upstreams: {\n')
    const garbled = await holdfast('restart', '--state', gateway.state)
    assert.equal(garbled.code, 1)
    assert.match(garbled.output, /The restart failed, and the old workers go on: .*holdfast\.yaml:\d+: /)

    write(`file:${join(folder, 'nothing')}`)
    const before = await startedPids(gateway.adminUrl)
    const failing = holdfast('restart', '--state', gateway.state)
    // While new ones are on their way there are more than before.
    await until('new workers', async () => (await startedPids(gateway.adminUrl)).length > before.length)
    process.kill(before[0] ?? 0, 'SIGKILL')
    assert.match((await failing).output, /The restart failed, and the old workers go on: .*ENOENT/)
    write('some-secret')
    const after = await until('a new worker in the place of the dead one', async () => {
      const pids = await startedPids(gateway.adminUrl)
      return pids.length === 2 && !pids.includes(before[0] ?? 0) && pids
    })
    assert.ok(after.includes(before[1] ?? 0), 'the other old one is still there')
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
  }
})

for (const [signal, how] of [
  ['SIGTERM', 'is stopped before its answers are finished'],
  ['SIGKILL', 'is killed with all its workers'],
] as const) {
  test(`a gateway that ${how}: the next start goes on, and the client has every event once`, async (t) => {
    const sim = await startSim({ rate: 20, slots: 64 })
    const state = mkdtempSync(join(tmpdir(), 'holdfast-again-'))
    const port = String(await freePort())
    const flags = ['--upstream', `${sim.url}/v1`, '--state', state, '--port', port, '--workers', '2']
    try {
      const first = await startGateway(...flags, '--drain-ms', '300')
      const clients = Array.from({ length: 10 }, (_, i) =>
        new ResumingClient({
          url: first.url,
          model: 'lab-model',
          prompt: `again ${i} tokens:100`,
          random: seededRandom(i),
          dropChance: 0,
          idempotencyKey: `again-${i}`,
          patienceMs: 20_000,
        }).run(),
      )
      await new Promise((resolve) => setTimeout(resolve, 1500))
      if (signal === 'SIGKILL') for (const pid of await workerPids(first)) process.kill(pid, 'SIGKILL')
      await first.end(signal)
      await using _second = await startGateway(...flags)
      const results = await Promise.all(clients)
      assert.deepEqual(
        results.flatMap(({ complaint }) => complaint ?? []),
        [],
      )
      t.diagnostic(`longest pause ${Math.round(Math.max(...results.map(({ longestGapMs }) => longestGapMs)))} ms`)
      assert.ok(results.every(({ resumes }) => resumes > 0))
    } finally {
      rmSync(state, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
      await sim.stop()
    }
  })
}
