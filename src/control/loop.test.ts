// The control loop over played drivers: blind ones, members of before, limits, the dead, and doubles.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DriverFault } from '../fleet/driver-fault.ts'
import type { Driver, ReplicaOrder, SeenReplica } from '../fleet/driver.ts'
import type { FleetReplica } from '../fleet/replica-roll.ts'
import { ManualClock } from '../ground/manual-clock.ts'
import type { Note } from '../observe/fact.ts'
import { silentLog } from '../observe/log.ts'
import { controlSchema, deploymentsSchema } from './deployment-options.ts'
import { ControlLoop } from './loop.ts'
import { Pilot } from './pilot.ts'

class PlayedDriver implements Driver {
  readonly kind: Driver['kind']
  readonly running = new Map<string, SeenReplica>()
  readonly begun: string[] = []
  fault: Error | null = null
  refusal: Error | null = null
  isMute = false
  #clock: ManualClock

  constructor(kind: Driver['kind'], clock: ManualClock) {
    this.kind = kind
    this.#clock = clock
  }

  async list(): Promise<SeenReplica[]> {
    if (this.isMute) await new Promise(() => {})
    if (this.fault) throw this.fault
    return [...this.running.values()]
  }

  async start({ name, deployment, release }: ReplicaOrder): Promise<void> {
    if (this.fault ?? this.refusal) throw this.fault ?? this.refusal
    this.begun.push(`start ${name}`)
    const url = `http://127.0.0.1/${name}`
    this.running.set(name, {
      ...{ name, deployment, release, phase: 'running', url, startedMs: this.#clock.nowMs(), host: 'here' },
      ...{ memoryBytes: null, exit: null },
    })
  }

  async stop(name: string): Promise<void> {
    this.begun.push(`stop ${name}`)
    this.running.delete(name)
  }

  watch(): Disposable {
    return { [Symbol.dispose]: () => {} }
  }

  async logs(): Promise<string> {
    return ''
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

interface StageOptions {
  readonly control?: object
  readonly before?: readonly FleetReplica[]
  readonly fault?: Error
  /** What is kept from one process to the next. */
  readonly kept?: Map<string, unknown>
}

function stage({ control = {}, before = [], fault, kept = new Map() }: StageOptions = {}) {
  const clock = new ManualClock()
  const drivers = [new PlayedDriver('process', clock), new PlayedDriver('docker', clock)] as const
  drivers[1].fault = fault ?? null
  const notes: Note[] = []
  let told: readonly FleetReplica[] = []
  const notebook = {
    read: (part: string) => kept.get(part) ?? null,
    write: (part: string, value: unknown) => void kept.set(part, value),
  }
  const health = { isGood: true }
  const note = (each: Note): void => void notes.push(each)
  const probe = async (): Promise<boolean> => health.isGood
  const parts = { clock, log: silentLog, drivers, note, probe, notebook, pilot: new Pilot({ notebook, note }) }
  const deployments = deploymentsSchema.parse({
    here: { releases: { v1: { command: ['serve'] } } },
    there: { driver: 'docker', releases: { v1: { image: 'serve' } } },
  })
  const settings = { deployments, control: controlSchema.parse(control) }
  const loop = new ControlLoop({ ...parts, tellFleet: (all) => (told = all) }, settings, before)
  const look = async (times = 1): Promise<void> => {
    for (let i = 0; i < times; i++) {
      clock.advance(1000)
      const tick = loop.tick()
      for (let turn = 0; turn < 20; turn++) await Promise.resolve()
      clock.advance(drivers.some(({ isMute }) => isMute) ? 10_000 : 0)
      await tick
    }
  }
  const members = (): string[] => told.map(({ name }) => name)
  return { clock, drivers, health, notes, look, loop, settings, members, told: () => told }
}

test('a driver that errs, or does not answer, holds up no deployment of another', async () => {
  const { drivers, look, members } = stage()
  await look(3)
  assert.deepEqual(members(), ['here-v1-1', 'there-v1-1'])
  const [here, there] = drivers
  for (const ail of [
    () => (there.fault = new DriverFault('away', 'no engine', 'Start it.')),
    () => (there.isMute = true),
  ]) {
    ail()
    here.running.delete('here-v1-1')
    await look(4)
    assert.deepEqual(members(), ['there-v1-1', 'here-v1-1'].toSorted(), 'what cannot be seen goes on')
    assert.equal(here.begun.at(-1), 'start here-v1-1')
    assert.equal(there.begun.length, 1)
  }
})

test('members of before go on, as long as their driver has not been seen through', async () => {
  const options = {
    pool: 'there',
    weight: 1,
    cohort: null,
    priority: 0,
    models: null,
    isDraining: false,
    moveAfterMs: 0,
  }
  const before = [{ name: 'there-v1-1', url: 'http://127.0.0.1:9/v1', ...options }]
  const { drivers, look, members } = stage({ before, fault: new DriverFault('away', 'no engine', 'Start it.') })
  await look(3)
  assert.deepEqual(members(), ['here-v1-1', 'there-v1-1'])
  drivers[1].fault = null
  await look(1)
  assert.deepEqual(members(), ['here-v1-1'], 'it is not there any more')
})

test('a dry run tells, and does nothing; a limit of actions holds', async () => {
  const dry = stage({ control: { dryRun: true } })
  await dry.look(3)
  assert.deepEqual(
    dry.drivers.map(({ begun }) => begun.length),
    [0, 0],
  )
  const slow = stage({ control: { actionsPerMinuteMax: 1 } })
  await slow.look(3)
  assert.equal(slow.drivers.flatMap(({ begun }) => begun).length, 1)
  await slow.look(60)
  assert.equal(slow.drivers.flatMap(({ begun }) => begun).length, 2)
})

test('what a process did within the last minute counts for the next one', async () => {
  const kept = new Map<string, unknown>()
  const control = { actionsPerMinuteMax: 2 }
  const first = stage({ control, kept })
  await first.look(1)
  assert.equal(first.drivers.flatMap(({ begun }) => begun).length, 2)
  const second = stage({ control, kept })
  await second.look(30)
  assert.deepEqual(
    second.drivers.flatMap(({ begun }) => begun),
    [],
  )
  await second.look(40)
  assert.equal(second.drivers.flatMap(({ begun }) => begun).length, 2)
})

const dead = { code: 1, signal: null, isOutOfMemory: false, lastWords: '' }

test('one that died, or runs anew, gets no calls before it is ready again', async () => {
  const { drivers, health, look, members } = stage()
  await look(3)
  const running = drivers[0].running.get('here-v1-1') as SeenReplica
  drivers[0].running.set('here-v1-1', { ...running, phase: 'gone', exit: dead })
  health.isGood = false
  await look(1)
  assert.deepEqual(members(), ['there-v1-1'], 'a dead one goes at once, though its address is known')
  await look(5)
  assert.equal(drivers[0].running.get('here-v1-1')?.phase, 'running')
  assert.deepEqual(members(), ['there-v1-1'], 'it runs, and is not ready')
  health.isGood = true
  await look(2)
  assert.deepEqual(members(), ['here-v1-1', 'there-v1-1'])
})

test('two of one name at two drivers: the living one counts, the other one is ended', async () => {
  const { drivers, look, members } = stage()
  await look(3)
  const [here, there] = drivers
  const running = here.running.get('here-v1-1') as SeenReplica
  there.running.set('here-v1-1', { ...running, startedMs: running.startedMs - 5000, url: 'http://127.0.0.1:7' })
  await look(2)
  assert.deepEqual([...there.running.keys()], ['there-v1-1'])
  assert.ok(here.running.has('here-v1-1'))
  there.running.set('here-v1-1', { ...running, phase: 'gone', startedMs: running.startedMs + 5000, exit: dead })
  await look(2)
  assert.deepEqual(members(), ['here-v1-1', 'there-v1-1'])
  assert.equal(here.begun.length, 1, 'nothing was started anew')
})

test('what a driver has taken and does not tell of yet is not ordered each second', async () => {
  const { drivers, look } = stage()
  await look(3)
  const [here] = drivers
  const running = here.running.get('here-v1-1') as SeenReplica
  for (let second = 0; second < 30; second++) {
    here.running.delete('here-v1-1')
    await look(1)
  }
  assert.ok(here.begun.length <= 1 + 4, here.begun.join(', '))
  here.running.set('here-v1-1', { ...running, startedMs: running.startedMs + 1 })
  await look(1)
  here.running.set('here-v1-1', { ...running, startedMs: running.startedMs + 1, phase: 'gone', exit: dead })
  await look(3)
  assert.equal(here.running.get('here-v1-1')?.phase, 'running', 'one that dies is started anew as soon as it may be')
})

test('one that no driver would start is listed, with the reason, until it runs', async () => {
  const { drivers, look, loop } = stage()
  drivers[1].refusal = new DriverFault('refused', 'no such image', 'Build it.')
  await look(30)
  const row = (): string => {
    const found = loop.rows().find(({ deployment }) => deployment === 'there')
    return `${found?.name} ${found?.state} ${found?.lastWords}`
  }
  assert.match(row(), /^there-v1-1 (resting|dead) no such image; Build it\.$/)
  drivers[1].refusal = null
  await look(60)
  assert.match(row(), /^there-v1-1 serving /)
  assert.equal(loop.rows().length, 2)
})

test('one that was never ready is listed while it rests', async () => {
  const { health, look, loop } = stage()
  health.isGood = false
  const states: string[] = []
  for (let second = 0; second < 140; second++) {
    await look(1)
    const row = loop.rows().find(({ deployment }) => deployment === 'here')
    states.push(`${row?.state} ${row?.lastWords.trim()}`)
  }
  assert.ok(states.some((state) => /^(resting|dead) not ready within 120000 ms$/.test(state)))
  assert.ok(states.slice(1).every((state) => !state.startsWith('undefined')))
})

test('a wall clock that jumps by an hour moves no replica', async () => {
  const { clock, drivers, look, members } = stage()
  await look(10)
  const before = drivers.map(({ begun }) => begun.length)
  for (const ms of [3_600_000, -7_200_000]) {
    clock.jumpMs(ms)
    await look(30)
  }
  assert.deepEqual(
    drivers.map(({ begun }) => begun.length),
    before,
  )
  assert.deepEqual(members(), ['here-v1-1', 'there-v1-1'])
  // Nor does it hold one back that has to be started again.
  drivers[0].running.delete('here-v1-1')
  await look(20)
  assert.deepEqual(members(), ['here-v1-1', 'there-v1-1'])
})

test('a deployment that is removed lets its replicas end what they have, where they are and as they were', async () => {
  const { drivers, look, loop, settings, told } = stage()
  await look(3)
  const [before] = told()
  const inHand = { replicas: { 'here-v1-1': { calls: 1, progressedMs: null, tallies: [] } }, demand: {} }
  const { here: _, ...deployments } = settings.deployments
  loop.use({ ...settings, deployments })
  for (let i = 0; i < 30; i++) {
    loop.hear(inHand)
    await look()
  }
  assert.deepEqual(told()[0], { ...before, isDraining: true })
  assert.equal(drivers[0].running.size, 1)
  loop.hear({ replicas: {}, demand: {} })
  await look(2)
  assert.equal(drivers[0].running.size, 0)
})

test('the same where the process is another one since', async () => {
  const earlier = stage()
  await earlier.look(3)
  const before = earlier.told()
  const { drivers, look, loop, settings, told } = stage({ before })
  for (const [i, driver] of drivers.entries())
    for (const [name, seen] of earlier.drivers[i]?.running ?? []) driver.running.set(name, seen)
  const { here: _, ...deployments } = settings.deployments
  loop.use({ ...settings, deployments })
  for (let i = 0; i < 5; i++) {
    loop.hear({ replicas: { 'here-v1-1': { calls: 1, progressedMs: null, tallies: [] } }, demand: {} })
    await look()
  }
  assert.deepEqual(
    told().find(({ name }) => name === 'here-v1-1'),
    { ...before.find(({ name }) => name === 'here-v1-1'), isDraining: true },
  )
})

test('told to stop in the middle of its first look, it ends all the same what is there', async () => {
  const { drivers, loop } = stage()
  await drivers[0].start({ name: 'here-v1-1', deployment: 'here', release: 'v1', spec: {} })
  const tick = loop.tick()
  await loop.stopAll()
  await tick
  assert.equal(drivers[0].running.size + drivers[1].running.size, 0)
})
