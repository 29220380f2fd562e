/** Rollouts as the loop has them: seconds of tallies become looks, gates run beside, and a restart goes on. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from '../ground/random.ts'
import type { GateReport } from './deploy/gate.ts'
import { newTally, type TallyCounts } from './deploy/replica-tally.ts'
import { rolloutDefaults, stepsOf } from './deploy/rollout-options.ts'
import { observe } from './deploy/sketch.ts'
import { type DeployFacts, type DeployReplica, Deploys } from './deploys.ts'

const options = { ...rolloutDefaults, steps: stepsOf.canary, warmMs: 60_000 }
const order = { id: 'd1', deployment: 'chat', from: 'v1', to: 'v2', strategy: 'canary' } as const
const passed: GateReport = { isPassed: true, words: 'as good as before', findings: [] }

const random = seededRandom(4)

/** Of a second in which a replica ended so many answers. */
function tally(calls: number, failing: number): TallyCounts {
  const counts = newTally()
  for (let i = 0; i < calls; i++) {
    counts.calls++
    if (random.unit() < failing) {
      counts.failures['HF_UPSTREAM_ERROR'] = (counts.failures['HF_UPSTREAM_ERROR'] ?? 0) + 1
      continue
    }
    counts.finished++
    observe((counts.ttftMs['6.4'] ??= []), 100 * Math.exp(random.unit()))
    observe((counts.interTokenMs['0.4'] ??= []), 20 * Math.exp(0.3 * random.unit()))
    observe(counts.answerTokens, 200 * Math.exp(random.unit()))
  }
  return counts
}

class Scene {
  told: string[] = []
  gates = 0
  deploys: Deploys
  nowMs = 0

  constructor() {
    this.deploys = this.open()
  }

  open(state?: ReturnType<Deploys['toJSON']>): Deploys {
    return new Deploys(
      {
        runGate: () => {
          this.gates++
          return Promise.resolve(passed)
        },
        tell: (_, release, { phase, share }) => this.told.push(`${release} ${phase} ${share}`),
      },
      state,
    )
  }

  restart(): void {
    this.deploys = this.open(JSON.parse(JSON.stringify(this.deploys)) as ReturnType<Deploys['toJSON']>)
  }

  /** Seconds by seconds, with as many replicas as are planned. */
  async run(seconds: number, failing = 0, died: readonly string[] = []): Promise<void> {
    for (let i = 0; i < seconds; i++) {
      this.nowMs += 1000
      const plan = this.deploys.plan('chat', 'v1', 2, options)
      const replicas = plan.releases.flatMap(({ release, replicas: count, share }) =>
        Array.from({ length: count }, (_, n): DeployReplica => {
          const name = `chat-${release}-${n + 1}`
          const calls = Math.floor((share * 40) / count + random.unit())
          this.deploys.hear(name, tally(calls, release === 'v2' ? failing : 0))
          return { name, release, isReady: true, callsInHand: 0, memoryBytes: null, memoryBytesMax: null }
        }),
      )
      const facts: DeployFacts = {
        ...{ nowMs: this.nowMs, total: 2, replicas, died: i === 0 ? died : [], callsPerHour: 144_000 },
        isWindowOpen: true,
      }
      this.deploys.look('chat', facts, options)
      // The gate answers within a second.
      await Promise.resolve()
    }
  }

  get phase(): string | undefined {
    return this.deploys.views('chat')[0]?.phase
  }
}

test('without a rollout the configured release runs', () => {
  const { deploys } = new Scene()
  assert.deepEqual(deploys.plan('chat', 'v1', 3, options).releases, [{ release: 'v1', replicas: 3, share: 1 }])
})

test('a good release ends as the one that runs, each step told once, through restarts', async () => {
  const scene = new Scene()
  scene.deploys.begin(order, 0)
  await scene.run(20)
  assert.equal(scene.phase, 'shifting')
  for (let i = 0; i < 10; i++) {
    scene.restart()
    await scene.run(200)
  }
  assert.equal(scene.phase, 'done')
  assert.equal(scene.gates, 1)
  assert.deepEqual(new Set(scene.told).size, scene.told.length)
  assert.deepEqual(scene.deploys.plan('chat', 'v1', 2, options).releases, [{ release: 'v2', replicas: 2, share: 1 }])
  assert.equal(scene.deploys.isBusy('chat'), false)
})

test('one that fails goes back, and one whose replicas die', async () => {
  const failing = new Scene()
  failing.deploys.begin(order, 0)
  await failing.run(900, 0.2)
  assert.equal(failing.phase, 'rolled-back')
  const dying = new Scene()
  dying.deploys.begin(order, 0)
  await dying.run(30)
  await dying.run(30, 0, ['chat-v2-1'])
  assert.equal(dying.phase, 'shifting')
  await dying.run(30, 0, ['chat-v2-1'])
  assert.equal(dying.phase, 'rolled-back')
  assert.match(dying.deploys.views('chat')[0]?.reason ?? '', /^deaths: 2 in/)
  assert.deepEqual(dying.deploys.plan('chat', 'v1', 2, options).releases[0]?.release, 'v1')
})

test('a gate that was cut off by a restart is run again', async () => {
  const scene = new Scene()
  scene.deploys.begin(order, 0)
  await scene.run(2)
  assert.equal(scene.phase, 'gate')
  scene.restart()
  await scene.run(3)
  assert.equal(scene.phase, 'shifting')
})
