/** Scenes with more in them than a dead worker: sleepers that wake, a killed supervisor, planned ends, all killed. */
import { startSim } from '../../../lab/start-sim.ts'
import { seededRandom } from '../../../src/ground/random.ts'
import { workerPids } from '../gateway.ts'
import { ResumingClient } from '../resuming-client.ts'
import type { StepName } from './death.ts'
import { Lane, type LaneOptions, type Row, type Scene, until } from './lane.ts'

/** A scene with a gateway of its own. */
export interface OtherScene {
  readonly name: string
  run(upstreams: readonly string[]): Promise<Row>
}

/** An answer of some seconds. */
const longTokens = 120
/** A start from nothing, on a machine that is busy. */
const startMsMax = 20_000

function onOwnLane(scene: Scene, options: Omit<LaneOptions, 'upstreams'> = {}): OtherScene {
  const run = async (upstreams: readonly string[]): Promise<Row> => {
    await using lane = await Lane.open({ ...options, upstreams })
    return await lane.play(scene)
  }
  return { name: scene.name, run }
}

/** The one answer under way. @throws {Error} when there is none. */
function head(lane: Lane): { count: number; epoch: number } {
  const [only] = lane.journal.heads(0)
  if (!only) throw new Error('the answer ended too early for this scene')
  return only
}

/**
 * A worker stops for longer than its lease, with the client still hanging on it, and wakes when another has the answer.
 * Another reader has joined meanwhile.
 */
function zombie(step: StepName): OtherScene {
  const run = async (lane: Lane, client: ResumingClient): Promise<void> => {
    await until('the worker has stopped', () => lane.folder.deaths.length === 1)
    await until('another has its answer', () => head(lane).epoch > 1)
    const { count } = head(lane)
    const more = { model: 'lab-model', random: seededRandom(1), dropChance: 0, idempotencyKey: null }
    const { prompt, ray } = client
    const second = new ResumingClient({ ...more, url: lane.url, prompt, patienceMs: 20_000, ray: ray ?? '' }).run()
    await until('the other writes', () => head(lane).count > count + 2)
    process.kill(lane.folder.deaths[0]?.pid ?? 0, 'SIGCONT')
    const { complaint } = await second
    if (complaint) throw new Error(`the second reader: ${complaint}`)
  }
  return onOwnLane({
    name: `stopped ${step}, wakes when another writes`,
    mode: 'stream',
    deaths: [{ step, nth: 5, signal: 'SIGSTOP' }],
    calls: [2, 2],
    tokens: longTokens,
    beside: { at: 1, run },
  })
}

const supervisorKilled = onOwnLane({
  name: 'the supervisor is killed; another starts',
  mode: 'stream',
  deaths: [],
  calls: [1, 1],
  tokens: longTokens,
  beside: {
    at: 5,
    run: async (lane) => {
      const pids = await workerPids(lane.gateway)
      await lane.gateway.end('SIGKILL')
      // Its workers let go of the port as soon as they notice, and finish what they have.
      await until('another has the port', () =>
        lane.start().then(
          () => true,
          (error: unknown) => {
            if (String(error).includes('EADDRINUSE')) return false
            throw error
          },
        ),
      )
      await until('the old workers have ended', () => pids.every((pid) => !isThere(pid)))
    },
  },
})

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

/** Its worker dies of a planned end, under a slow answer. */
function plannedEnd(
  step: StepName,
  scene: Pick<Scene, 'name' | 'takeoverMsMax'>,
  end: (lane: Lane) => Promise<void>,
): Scene {
  return {
    ...scene,
    mode: 'stream',
    deaths: [{ step, nth: 1, signal: 'SIGKILL' }],
    calls: [2, 2],
    slowFactor: 20,
    beside: { at: 2, run: end },
  }
}

const retired = onOwnLane(
  plannedEnd('retired', { name: 'retired at a restart, dies of it' }, async (lane) => {
    process.kill(lane.gateway.pid, 'SIGUSR2')
  }),
)

/** The gateway is stopped, and its worker dies over it; the next start goes on. */
function released(step: StepName): OtherScene {
  const scene = { name: `${step} at a stop; the next start goes on`, takeoverMsMax: startMsMax }
  const end = async (lane: Lane): Promise<void> => {
    await lane.gateway.end('SIGTERM')
    await lane.start()
  }
  return onOwnLane(plannedEnd(step, scene, end), { drainMs: 100 })
}

type Part = 'client' | 'upstream' | 'gateway'

/** Client, upstream and gateway are killed in this order, a few events apart; then gateway and client are back. */
function allKilled(order: readonly Part[]): OtherScene {
  const name = `${order.join(', ')} killed`
  const run = async ([, other]: readonly string[]): Promise<Row> => {
    const sim = await startSim({ rate: 40, slots: 64 })
    try {
      await using lane = await Lane.open({ upstreams: [sim.url, other ?? ''] })
      const kill = async (part: Part, client: ResumingClient, back: Promise<void>): Promise<void> => {
        if (part === 'client') client.leave(back)
        else await (part === 'upstream' ? sim.kill('SIGKILL') : lane.kill())
      }
      const beside = async (_: Lane, client: ResumingClient): Promise<void> => {
        const back = Promise.withResolvers<void>()
        let isRunning = true
        for (const part of order) {
          const { count } = head(lane)
          if (isRunning) await until('some events more are kept', () => head(lane).count > count + 3)
          await kill(part, client, back.promise)
          isRunning &&= part !== 'gateway'
        }
        await lane.start()
        back.resolve()
      }
      // What the killed model server was asked nobody knows; the other goes on, once or twice.
      return await lane.play({
        name,
        mode: 'stream',
        deaths: [],
        calls: [1, 2],
        tokens: longTokens,
        beside: { at: 3, run: beside },
      })
    } finally {
      await sim.stop()
    }
  }
  return { name, run }
}

const orders: readonly (readonly Part[])[] = [
  ['client', 'upstream', 'gateway'],
  ['gateway', 'upstream', 'client'],
  ['upstream', 'gateway', 'client'],
  ['client', 'gateway', 'upstream'],
  ['upstream', 'client', 'gateway'],
  ['gateway', 'client', 'upstream'],
]

/** Those first that are played in CI. */
export function otherScenes(): { readonly ofCi: readonly OtherScene[]; readonly others: readonly OtherScene[] } {
  return {
    ofCi: [zombie('unappended'), supervisorKilled, retired, released('released'), ...orders.slice(0, 2).map(allKilled)],
    others: [
      zombie('event-committed'),
      zombie('written'),
      released('release-uncommitted'),
      released('release-committed'),
      ...orders.slice(2).map(allKilled),
    ],
  }
}
