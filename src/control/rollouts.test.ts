/** Rollouts by what the loop sees: begun by operators, led by sights and tallies, and gone on with after a restart. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from '../ground/random.ts'
import type { Note } from '../observe/fact.ts'
import type { GatePrompt, GoldenAnswer } from './deploy/golden-prompt.ts'
import { newTally, type TallyCounts } from './deploy/replica-tally.ts'
import { observe } from './deploy/sketch.ts'
import { controlSchema, deploymentsSchema } from './deployment-options.ts'
import { Rollouts } from './rollouts.ts'
import type { ReplicaSight, Sight } from './sight.ts'

const answer: GoldenAnswer = {
  ...{ text: '42', finish: 'stop', fault: null, tokens: 2, ttftMs: 10, interTokenMs: 5, toolCall: null },
}

function tally(calls: number): TallyCounts {
  const counts = newTally()
  for (let i = 0; i < calls; i++) {
    counts.calls++
    counts.finished++
    observe((counts.ttftMs['6.4'] ??= []), 100 + (i % 7))
    observe((counts.interTokenMs['0.4'] ??= []), 20 + (i % 3))
    observe(counts.answerTokens, 100 + (i % 11))
  }
  return counts
}

class Scene {
  readonly notes: Note[] = []
  readonly asked: string[] = []
  readonly prompts: GatePrompt[] = []
  kept: unknown = null
  nowMs = 1_000_000
  dead = new Map<string, number>()
  windows: string[] = []
  nextText = '42'
  #options: object
  #replicas: ReplicaSight[] = []
  #rollouts: Rollouts

  constructor(options: object = {}) {
    this.#options = options
    this.#rollouts = this.#open()
  }

  #open(): Rollouts {
    return new Rollouts({
      notebook: { read: () => this.kept, write: (_, value) => (this.kept = JSON.parse(JSON.stringify(value))) },
      note: (note) => void this.notes.push(note),
      random: seededRandom(1),
      ask: async ({ url }, prompt) => {
        this.asked.push(url)
        this.prompts.push(prompt)
        return url.includes('v2') ? { ...answer, text: this.nextText } : answer
      },
    })
  }

  /** Another control process. */
  restart(): void {
    this.#rollouts = this.#open()
  }

  get rollouts(): Rollouts {
    return this.#rollouts
  }

  configure(options: object): void {
    this.#options = options
  }

  deploy(release: string): void {
    this.#rollouts.begin({ deployment: 'chat', release, by: 'ada' }, `r${this.nowMs}`, this.nowMs)
  }

  get phase(): string | undefined {
    return this.#rollouts.views('chat')[0]?.phase
  }

  get plan(): string[] {
    const plan = this.#rollouts.look(this.#sight(this.#replicas), new Map([['chat', 2]])).get('chat')
    return plan?.releases.map(({ release, replicas, share }) => `${release} ${replicas} ${share}`) ?? []
  }

  #sight(replicas: readonly ReplicaSight[]): Sight {
    const command = { command: ['serve'] }
    const releases = { v1: command, v2: command }
    const deployments = deploymentsSchema.parse({ chat: { releases, ...this.#options } })
    return {
      ...{ nowMs: this.nowMs, monotonicMs: this.nowMs, deployments, replicas, toldMs: this.nowMs, dryRun: false },
      heal: controlSchema.parse({}).heal,
      takeDemand: () => ({ requests: 0, promptTokens: 0, outputTokens: 0, waiting: 0, refused: 0 }),
    }
  }

  async run(seconds: number, until: string | null = null): Promise<void> {
    for (let i = 0; i < seconds && this.phase !== until; i++) {
      this.nowMs += 1000
      const plan = this.#rollouts.look(this.#sight(this.#replicas), new Map([['chat', 2]])).get('chat')
      this.#replicas = (plan?.releases ?? []).flatMap(({ release, replicas: count, share }) =>
        Array.from({ length: count }, (_, n) => this.#replica(`chat-${release}-${n + 1}`, release, share / count)),
      )
      for (let turn = 0; turn < 200; turn++) await Promise.resolve()
    }
  }

  #replica(name: string, release: string, share: number): ReplicaSight {
    const diedMs = this.dead.get(name)
    const isDead = diedMs !== undefined && this.nowMs - diedMs < 5000
    const calls = isDead ? 0 : Math.round(40 * share)
    const told = { calls: 1, progressedMs: null, tallies: [tally(calls)] }
    this.#rollouts.hear({ replicas: { [name]: told }, demand: {}, windows: this.windows })
    return {
      ...{ name, deployment: 'chat', release, phase: isDead ? 'gone' : 'running', url: `http://127.0.0.1/${name}` },
      ...{ startedMs: diedMs ?? 0, host: 'here', memoryBytes: null, exit: null, isReady: !isDead, isServing: !isDead },
      ...{ membership: 'in', calls: 0, progressedMs: null, ended: 0, failed: 0, readyAfterMs: null },
    } as ReplicaSight
  }
}

test('a good release takes over, also where the process is another one at each step; then it is what runs', async () => {
  const scene = new Scene({ rollout: { warmMs: 60_000 } })
  await scene.run(3)
  scene.deploy('v2')
  for (let i = 0; i < 60 && scene.phase !== 'done'; i++) {
    await scene.run(60, 'done')
    scene.restart()
  }
  assert.equal(scene.phase, 'done')
  assert.deepEqual(scene.plan, ['v2 2 1'])
  const phases = scene.notes.flatMap((note) => (note.kind === 'rollout' ? [note.phase] : []))
  assert.deepEqual(
    [...new Set(phases)],
    ['waiting', 'starting', 'gate', 'shifting', 'draining', 'warm', 'done'],
    'each is told',
  )
  scene.configure({ release: 'v1' })
  assert.deepEqual(scene.plan, ['v2 2 1'], 'the first release was meant before, too')
  scene.configure({ release: 'v2' })
  assert.deepEqual(scene.plan, ['v2 2 1'])
  scene.configure({ release: 'v1' })
  assert.deepEqual(scene.plan, ['v1 2 1'], 'the configuration was changed since')
})

test('one whose replicas die goes back, and a death is counted once, over restarts too', async () => {
  const scene = new Scene()
  await scene.run(3)
  scene.deploy('v2')
  await scene.run(60)
  assert.equal(scene.phase, 'shifting')
  scene.dead.set('chat-v2-1', scene.nowMs)
  await scene.run(2)
  scene.restart()
  await scene.run(40)
  assert.equal(scene.phase, 'shifting', 'one death may be chance')
  scene.dead.set('chat-v2-1', scene.nowMs)
  await scene.run(20)
  assert.equal(scene.phase, 'rolled-back')
  assert.match(scene.rollouts.views('chat')[0]?.reason ?? '', /^deaths: 2 in/)
  assert.deepEqual(scene.plan, ['v1 2 1'])
})

test('golden prompts are asked of a replica of either release, and a worse one goes no further', async () => {
  const prompts = [{ name: 'sum', prompt: '17 + 25?', checks: [{ is: 'exact', text: '42' }] }]
  const scene = new Scene({ rollout: { gate: { prompts, times: 10 } }, apiPath: '/v1', models: ['m'] })
  await scene.run(3)
  scene.nextText = '41'
  scene.deploy('v2')
  await scene.run(20)
  assert.equal(scene.phase, 'rolled-back')
  assert.match(scene.rollouts.views('chat')[0]?.reason ?? '', /wrong answers: 10 of 10 worse/)
  assert.deepEqual([...new Set(scene.asked)].toSorted(), [
    'http://127.0.0.1/chat-v1-1/v1',
    'http://127.0.0.1/chat-v2-1/v1',
  ])
})

test('real calls of callers that were named are asked of either release; too few are none', async () => {
  const gate = { times: 2, shadow: { callers: ['shop'] } }
  const scene = new Scene({ rollout: { gate } })
  const hear = (caller: string, content: string): void => {
    const body = JSON.stringify({ model: 'm', messages: [{ role: 'user', content }], temperature: 0.5 })
    const samples = [{ replica: 'chat-v1-1', call: { caller, body, atMs: scene.nowMs } }]
    scene.rollouts.hear({ replicas: {}, demand: {}, samples })
  }
  await scene.run(3)
  for (const question of ['one', 'two']) hear('shop', question)
  scene.deploy('v2')
  await scene.run(20)
  assert.equal(scene.prompts.length, 0)
  const words = scene.rollouts.views('chat')[0]?.history.map((entry) => entry.words) ?? []
  assert.ok(words.includes('no golden prompts are set, and of real calls there are 2: it was not asked'), words.join())
  scene.rollouts.command('chat', 'rollback', 'ada', scene.nowMs)
  await scene.run(20)

  hear('bank', 'a secret')
  hear('shop', 'three')
  scene.deploy('v2')
  await scene.run(20)
  assert.deepEqual(scene.prompts.map(({ prompt }) => prompt).toSorted(), [
    ...['one', 'one', 'one', 'one', 'three', 'three', 'three', 'three', 'two', 'two', 'two', 'two'],
  ])
  assert.equal(scene.prompts[0]?.body?.['temperature'], 0.5, 'as the caller asked it')
  const told = scene.rollouts.views('chat')[0]?.history.map((entry) => entry.words) ?? []
  assert.ok(told.includes('6 answers as good as before; 3 real calls were asked'), told.join())
})

test('where a window is wanted, it waits for planned maintenance', async () => {
  const scene = new Scene({ rollout: { windowsOnly: true } })
  await scene.run(3)
  scene.deploy('v2')
  await scene.run(10)
  assert.equal(scene.phase, 'waiting')
  scene.windows = ['chat']
  await scene.run(10)
  assert.equal(scene.phase, 'shifting')
})

test('what cannot be is refused in words', async () => {
  const scene = new Scene()
  await scene.run(3)
  const begin = (deployment: string, release: string) =>
    scene.rollouts.begin({ deployment, release, by: 'ada' }, 'r', scene.nowMs)
  assert.throws(() => begin('other', 'v2'), /no deployment named other can be led now; those that can: chat/)
  assert.throws(() => begin('chat', 'v9'), /no release named v9; in the configuration are: v1, v2/)
  assert.throws(() => begin('chat', 'v1'), /runs v1 already/)
})
