// Deployments scaled by their load, over simulated hours: a fleet that starts what is wished, after a while.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from '../ground/random.ts'
import type { Note } from '../observe/fact.ts'
import { controlSchema, deploymentsSchema } from './deployment-options.ts'
import type { DemandTold } from './autoscale/demand.ts'
import type { FleetReport } from './fleet-report.ts'
import { Scaling } from './scaling.ts'
import type { ReplicaSight, Sight } from './sight.ts'

const minuteMs = 60_000
const startMs = 20_000
const noDemand: DemandTold = { requests: 0, promptTokens: 0, outputTokens: 0, waiting: 0, refused: 0 }

interface Copy {
  readonly name: string
  readonly bornMs: number
}

/** What a minute of the world asks. */
interface Asked {
  readonly requests: number
  readonly inHand?: number
}

function world({ replicas = {}, autoscale = {}, kept = new Map<string, string>() } = {}) {
  const deployments = deploymentsSchema.parse({
    chat: {
      releases: { v1: { command: ['serve'] } },
      replicas: { min: 1, max: 8, ...replicas },
      autoscale: { perReplica: { requestsPerMinute: 60 }, ...autoscale },
    },
  })
  const notes: Extract<Note, { kind: 'scale' }>[] = []
  const notebook = {
    read: (part: string): unknown => JSON.parse(kept.get(part) ?? 'null'),
    write: (part: string, value: unknown) => void kept.set(part, JSON.stringify(value)),
  }
  const scaling = new Scaling({ notebook, note: (each) => each.kind === 'scale' && notes.push(each) })
  const random = seededRandom(3)
  let nowMs = 1_764_000_000_000
  let copies: Copy[] = []
  let report: Pick<FleetReport, 'troubles' | 'windows'> = {}
  let isRollingOut = false
  const world = {
    notes,
    scaling,
    kept,
    get replicas() {
      return copies.length
    },
    set report(value: typeof report) {
      report = value
    },
    set isRollingOut(value: boolean) {
      isRollingOut = value
    },
    /** One look, a second later, or after a pause. */
    second(demand: Partial<DemandTold>, inHand = 0, pastMs = 1000): number {
      nowMs += pastMs
      const ready = copies.filter(({ bornMs }) => nowMs - bornMs >= startMs)
      const replicas = copies.map((copy) => sighted(copy, nowMs, Math.ceil(inHand / Math.max(1, ready.length))))
      const sight: Sight = {
        ...{ nowMs, monotonicMs: nowMs, deployments, replicas, toldMs: nowMs, dryRun: false },
        ...{ heal: controlSchema.parse({}).heal, takeDemand: () => ({ ...noDemand, ...demand }) },
      }
      scaling.hear({ replicas: {}, demand: {}, ...report })
      const wished = scaling.look(sight, () => isRollingOut).get('chat') ?? 0
      for (let n = copies.length; n < wished; n++) copies.push({ name: `chat-v1-${n + 1}`, bornMs: nowMs })
      copies = copies.slice(0, wished)
      return wished
    },
    minute({ requests, inHand = 0 }: Asked): number {
      let wished = 0
      for (let second = 0; second < 60; second++) {
        const now = requests / 60
        wished = world.second({ requests: Math.floor(now) + Number(random.unit() < now % 1) }, inHand)
      }
      return wished
    },
  }
  return world
}

function sighted({ name, bornMs }: Copy, nowMs: number, calls: number): ReplicaSight {
  const isReady = nowMs - bornMs >= startMs
  return {
    ...{ name, deployment: 'chat', release: 'v1', phase: 'running', url: 'http://127.0.0.1:1', startedMs: bornMs },
    ...{ host: 'here', memoryBytes: null, exit: null, isReady, isServing: isReady, membership: isReady ? 'in' : 'out' },
    ...{ calls: isReady ? calls : 0, progressedMs: null, movedMs: null, out: null, silentSinceMs: null, deaths: null },
    ...{ seenAtMs: bornMs, ended: 0, failed: 0, readyAfterMs: isReady ? startMs : null },
  }
}

test('without `autoscale` as many as the minimum', () => {
  const scaling = new Scaling({ notebook: { read: () => null, write: () => {} }, note: () => {} })
  const deployments = deploymentsSchema.parse({
    chat: { releases: { v1: { command: ['a'] } }, replicas: { min: 3, max: 9 } },
  })
  const sight = { deployments, replicas: [] } as unknown as Sight
  assert.equal(scaling.look(sight, () => false).get('chat'), 3)
})

test('what has gathered while nobody looked, as while a driver is deaf, is no rush', () => {
  const { minute, second } = world()
  let before = 0
  for (let i = 0; i < 20; i++) before = minute({ requests: 100 })
  assert.equal(second({ requests: 400 }, 0, 240_000), before)
  for (let i = 0; i < 3; i++) assert.ok(minute({ requests: 100 }) <= before)
})

test('at zero nothing runs before the first call; then one at once, and none after idling', () => {
  const { minute, second, notes } = world({ replicas: { min: 0 }, autoscale: { idleMs: 5 * minuteMs } })
  for (let i = 0; i < 3; i++) assert.equal(minute({ requests: 0 }), 0)
  assert.equal(second({ requests: 1, waiting: 1 }), 1)
  assert.deepEqual([notes[0]?.from, notes[0]?.to, notes[0]?.why], [0, 1, 'calls wait, and none runs'])
  assert.match(notes[0]?.evidence ?? '', /1 wait/)
  for (let i = 0; i < 30; i++) second({ waiting: 0 }, 1)
  let minutes = 0
  while (minute({ requests: 0 }) > 0 && minutes < 60) minutes++
  assert.ok(minutes >= 4 && minutes < 30, `ended after ${minutes} minutes`)
})

test('one that has an answer in hand is not idle, however long it takes', () => {
  const { minute, second } = world({ replicas: { min: 0 }, autoscale: { idleMs: minuteMs } })
  second({ requests: 1, waiting: 1 })
  for (let i = 0; i < 30; i++) assert.ok(minute({ requests: 0, inHand: 1 }) >= 1)
})

test('load that rises is met within seconds, load that falls lets replicas go in the end', () => {
  const { minute, second } = world()
  for (let i = 0; i < 30; i++) minute({ requests: 40 })
  let seconds = 0
  while (second({ requests: 5 }) < 3 && seconds < 100) seconds++
  assert.ok(seconds < 30, `after ${seconds} s`)
  for (let i = 0; i < 15; i++) minute({ requests: 300 })
  assert.ok(minute({ requests: 300 }) >= 5)
  for (let i = 0; i < 80; i++) minute({ requests: 30 })
  assert.ok(minute({ requests: 30 }) <= 2)
})

test('a load that swings from minute to minute does not start and end replicas', () => {
  const { minute, notes } = world()
  for (let i = 0; i < 6 * 60; i++) minute({ requests: i % 2 === 0 ? 230 : 110 })
  notes.length = 0
  for (let i = 0; i < 6 * 60; i++) minute({ requests: i % 2 === 0 ? 230 : 110 })
  assert.ok(notes.length <= 12, `${notes.length} changes in six hours`)
})

test('never above the maximum; warm ones stay on top', () => {
  const small = world({ replicas: { max: 3 } })
  for (let i = 0; i < 10; i++) small.minute({ requests: 1000 })
  assert.equal(small.replicas, 3)
  const warm = world({ replicas: { warm: 2 } })
  const plain = world()
  for (let i = 0; i < 40; i++) for (const each of [warm, plain]) each.minute({ requests: 50 })
  assert.equal(warm.replicas, plain.replicas + 2)
})

test('nothing is taken away during an incident or a rollout; an outage or maintenance teaches nothing', () => {
  const stage = world()
  for (let i = 0; i < 40; i++) stage.minute({ requests: 200 })
  const before = stage.replicas
  stage.report = { troubles: { chat: 'outage' } }
  for (let i = 0; i < 30; i++) assert.ok(stage.minute({ requests: 0 }) >= before)
  assert.equal(stage.scaling.rows()[0]?.heldBy, 'an outage')
  stage.report = { windows: ['chat'], troubles: { chat: 'incident' } }
  for (let i = 0; i < 20; i++) assert.ok(stage.minute({ requests: 0 }) >= before)
  assert.equal(stage.scaling.rows()[0]?.heldBy, 'maintenance')
  stage.report = { windows: ['other'], troubles: { other: 'outage' } }
  assert.ok(stage.minute({ requests: 200 }) >= 4, 'what was is what comes')
  stage.isRollingOut = true
  for (let i = 0; i < 30; i++) assert.ok(stage.minute({ requests: 0 }) >= 4)
})

test('the past outlives the process: how many, how long a start takes, and what was asked', () => {
  const first = world()
  for (let i = 0; i < 3 * 60; i++) first.minute({ requests: 200 })
  const [before] = first.scaling.rows()
  const second = world({ kept: first.kept })
  assert.ok(second.second({}) >= first.replicas)
  for (let i = 0; i < 10; i++) second.second({ requests: 3 })
  const [after] = second.scaling.rows()
  assert.equal(after?.stepsToRead, 0)
  assert.equal(after?.startMs, before?.startMs)
  assert.equal(after?.startMs, startMs)
  assert.ok(Math.abs((after?.forecast?.p50 ?? 0) - 200) < 60, JSON.stringify(after?.forecast))
  assert.ok((before?.judged?.below90 ?? 0) > 0.7)
  assert.ok(Math.abs((after?.judged?.wape ?? 1) - (before?.judged?.wape ?? 0)) < 0.05)
  const view = second.scaling.view('chat')
  assert.ok((view?.recent.length ?? 0) > 100 && view?.recent.at(-1)?.said)
  assert.deepEqual(
    view.ahead.map(({ steps }) => steps),
    [2, 4, 7, 11, 21],
  )
})

test('one call in a quiet time is no reason for more than one replica', () => {
  const { minute, second, notes } = world({ replicas: { min: 0 }, autoscale: { perReplica: { callsInHand: 8 } } })
  minute({ requests: 0 })
  second({ requests: 1, waiting: 1 })
  for (let i = 0; i < 60; i++) minute({ requests: 0, inHand: i < 3 ? 1 : 0 })
  assert.deepEqual(
    notes.map(({ to }) => to),
    [1, 0],
  )
})

test('the first calls of a young deployment keep a replica for the time to idle and some minutes', () => {
  const { minute, second, scaling } = world({ replicas: { min: 0 }, autoscale: { perReplica: { callsInHand: 4 } } })
  second({ requests: 1, waiting: 1 })
  for (let i = 0; i < 5; i++) minute({ requests: 0, inHand: 1 })
  let minutes = 0
  while (minute({ requests: 0 }) > 0 && minutes < 60) minutes++
  assert.ok(minutes >= 14 && minutes <= 25, `ended after ${minutes} minutes`)
  assert.ok((scaling.rows()[0]?.forecast?.p90 ?? 0) < 2, 'nothing is told that nobody believes')
})
