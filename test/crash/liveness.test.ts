/** Whether the gateway lives is answered by a process that does none of its work, however busy the others are. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startSim } from '../../lab/start-sim.ts'
import { seededRandom } from '../../src/ground/random.ts'
import { chat } from './chat.ts'
import { type Gateway, startGateway, workerPids } from './gateway.ts'
import { ResumingClient } from './resuming-client.ts'
import { until } from './until.ts'

interface Liveness {
  readonly status: string
  readonly workers: readonly {
    readonly pid: number
    readonly heardMs: number
    readonly isBusy: boolean
    rung: string
  }[]
}

const liveness = async ({ adminUrl }: Gateway): Promise<Liveness> =>
  (await (await fetch(`${adminUrl}/livez`)).json()) as Liveness
/** The sum of all series of a metric. */
const metric = async ({ adminUrl }: Gateway, name: string): Promise<number> => {
  const answer = await fetch(`${adminUrl}/metrics`)
  assert.equal(answer.status, 200)
  const series = (await answer.text()).split('\n').filter((line) => line.startsWith(name))
  return series.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)
}
const readiness = async ({ adminUrl }: Gateway): Promise<number> => (await fetch(`${adminUrl}/readyz`)).status

for (const workers of [1, 2]) {
  test(`a worker that stands still does not keep /livez and /metrics from answering, which say so (${workers} workers)`, async () => {
    const sim = await startSim({ rate: 500 })
    try {
      await using gateway = await startGateway('--upstream', `${sim.url}/v1`, '--workers', String(workers))
      const pids = await until('all workers to be ready', async () => {
        const ready = await workerPids(gateway)
        return ready.length === workers && ready
      })
      const before = await liveness(gateway)
      assert.equal(before.status, 'alive')
      assert.deepEqual(
        before.workers.map(({ isBusy, rung }) => [isBusy, rung]),
        pids.map(() => [false, 'calm']),
      )
      const secondsBefore = await metric(gateway, 'process_cpu_seconds_total')
      assert.equal(await metric(gateway, 'holdfast_workers_silent'), 0)
      const [busy = 0] = pids
      process.kill(busy, 'SIGSTOP')
      try {
        const seen = await until('the busy worker to be seen', async () =>
          (await liveness(gateway)).workers.find(({ pid, isBusy }) => pid === busy && isBusy),
        )
        assert.ok(seen.heardMs >= 3000, `heard of ${seen.heardMs} ms ago`)
        assert.equal(await metric(gateway, 'holdfast_workers_silent'), 1)
        assert.ok(
          (await metric(gateway, 'process_cpu_seconds_total')) >= secondsBefore,
          'what it told last still counts',
        )
        // Ready is who takes the next call: the other one, if there is one.
        assert.equal(await readiness(gateway), workers === 1 ? 503 : 200)
        if (workers > 1)
          assert.equal((await chat(gateway.url, 'lab-model', 'meanwhile tokens:5', true)).verdict, 'whole')
      } finally {
        process.kill(busy, 'SIGCONT')
      }
      await until('the worker to be heard of again', async () =>
        (await liveness(gateway)).workers.every(({ isBusy }) => !isBusy),
      )
      assert.deepEqual(new Set(await workerPids(gateway)), new Set(pids), 'nobody was killed for it')
      assert.equal((await chat(gateway.url, 'lab-model', 'afterwards tokens:5', true)).verdict, 'whole')
      assert.equal(await gateway.end('SIGTERM'), 0)
    } finally {
      await sim.stop()
    }
  })
}

test('a lone worker that is killed is replaced, on the same port, and its answers go on', async () => {
  const sim = await startSim({ rate: 20 })
  try {
    await using gateway = await startGateway('--upstream', `${sim.url}/v1`, '--workers', '1')
    const [before = 0] = await until('the worker to be ready', async () => {
      const pids = await workerPids(gateway)
      return pids.length === 1 && pids
    })
    let isKilled = false
    const client = new ResumingClient({
      url: gateway.url,
      model: 'lab-model',
      prompt: 'long tokens:60',
      random: seededRandom(1),
      dropChance: 0,
      idempotencyKey: null,
      patienceMs: 20_000,
      onEvent: (number) => {
        if (number < 10 || isKilled) return
        isKilled = true
        process.kill(before, 'SIGKILL')
      },
    })
    const { complaint, resumes } = await client.run()
    assert.equal(complaint, null)
    assert.ok(isKilled && resumes > 0)
    assert.notDeepEqual(await workerPids(gateway), [before])
  } finally {
    await sim.stop()
  }
})
