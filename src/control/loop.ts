/**
 * The control loop: looks at the replicas, decides, acts, once a second. What drivers say is the truth; what it knows
 * beside that it learns anew when it is started again. It carries no calls, and nothing waits for it.
 */
import { DriverFault } from '../fleet/driver-fault.ts'
import type { Driver, SeenReplica } from '../fleet/driver.ts'
import type { FleetReplica } from '../fleet/replica-roll.ts'
import type { Clock } from '../ground/clock.ts'
import type { ReplicaFact, Note } from '../observe/fact.ts'
import type { Log } from '../observe/log.ts'
import type { ControlOptions, DeploymentOptions, Deployments } from './deployment-options.ts'
import { KnownReplica } from './known-replica.ts'
import { type Plan, planOf } from './plan.ts'
import { type Action, type Mark, reconcile, type ReplicaState } from './reconcile.ts'
import { type ReplicaRow, rowOf } from './replica-row.ts'

const probeMs = 2000
/** Looks for what is still there when the gateway stops. */
const stopRounds = 3
const minuteMs = 60_000
/** Deaths are remembered for so long after the rest that they brought. */
const rememberMs = 600_000
/** Of one whose deployment is no more nobody knows how long it may take. */
const graceMsUnknown = 10_000
const lastWordsMax = 2000

export interface ControlParts {
  readonly clock: Clock
  readonly log: Log
  readonly drivers: readonly Driver[]
  /** Whether a GET is answered with a status from 200 to 299. */
  readonly probe: (url: string, timeoutMs: number) => Promise<boolean>
  readonly note: (note: Note) => void
  /** All that get calls, and those that are to go. */
  readonly tellFleet: (replicas: readonly FleetReplica[]) => void
}

export interface ControlSettings {
  readonly deployments: Deployments
  readonly control: ControlOptions
}

export class ControlLoop {
  /** What is wished; whoever scales or deploys has a plan of its own. */
  plan: (deployments: Deployments) => Plan = planOf
  /** Set by whoever heals. */
  readonly marks = new Map<string, Mark>()
  #parts: ControlParts
  #settings: ControlSettings
  #known = new Map<string, KnownReplica>()
  #seen: readonly SeenReplica[] = []
  #calls: Readonly<Record<string, number>> = {}
  /** When actions were begun within the last minute, monotonic. */
  #begun: number[] = []
  #told = ''
  #toldDry = ''
  #isLooking = false
  #isOver = false
  #awayTold = ''

  /** @param before what the workers were told last, by one that is dead now. */
  constructor(parts: ControlParts, settings: ControlSettings, before: readonly FleetReplica[]) {
    this.#parts = parts
    this.#settings = settings
    for (const { name, isDraining, weight } of before) {
      const known = this.#knownOf(name)
      Object.assign(known, { membership: isDraining ? 'draining' : 'in', weight, isReady: true })
      known.drainedAtMs = parts.clock.monotonicMs()
    }
  }

  use(settings: ControlSettings): void {
    this.#settings = settings
  }

  /** Calls in hand, by replica. */
  hearCalls(calls: Readonly<Record<string, number>>): void {
    this.#calls = calls
  }

  /** One look and what follows from it. Resolves when all is decided and begun. */
  async tick(): Promise<void> {
    if (this.#isLooking || this.#isOver) return
    this.#isLooking = true
    try {
      this.#seen = (await Promise.all(this.#parts.drivers.map((driver) => this.#list(driver)))).flat()
      this.#awayTold = ''
      this.#learn()
      for (const action of this.#decide()) this.#act(action)
      this.#tellFleet()
    } catch (error) {
      if (!(error instanceof DriverFault)) throw error
      // What cannot be seen is left as it is.
      if (this.#awayTold !== error.message) this.#parts.log.warn({ detail: error.message }, 'replicas cannot be seen')
      this.#awayTold = error.message
    } finally {
      this.#isLooking = false
    }
  }

  rows(): ReplicaRow[] {
    const { clock } = this.#parts
    const times = { nowMs: clock.nowMs(), monotonicMs: clock.monotonicMs() }
    return this.#seen.map((seen) =>
      rowOf(seen, this.#knownOf(seen.name), { calls: this.#calls[seen.name] ?? 0, ...times }),
    )
  }

  /** The gateway stops: ends those that are not to be kept. Resolves when they are gone. */
  async stopAll(): Promise<void> {
    this.#isOver = true
    // One that was being started when we looked is there at the next look; a driver may fail once.
    for (let round = 0; round < stopRounds; round++) {
      const left = await this.#leftToStop(round > 0)
      if (left.length === 0) return
      const ends = await Promise.allSettled(left.map((each) => this.#end(each)))
      const failed = ends.filter(({ status }) => status === 'rejected')
      for (const { reason } of failed as PromiseRejectedResult[])
        this.#parts.log.warn({ detail: String(reason) }, 'a replica could not be ended')
    }
  }

  async #leftToStop(isAliveOnly: boolean): Promise<SeenReplica[]> {
    const { deployments } = this.#settings
    const lists = this.#parts.drivers.map((driver) => this.#list(driver).catch(() => []))
    const own = (await Promise.all(lists)).flat().filter((each) => deployments[each.deployment]?.onStop !== 'keep')
    return isAliveOnly ? own.filter(({ phase }) => phase !== 'gone') : own
  }

  async #end(each: SeenReplica): Promise<void> {
    await this.#knownOf(each.name).driver?.stop(each.name, this.#graceMs(each.deployment))
    this.#note(each, 'stopped', 'the gateway stops')
  }

  // Look.

  async #list(driver: Driver): Promise<readonly SeenReplica[]> {
    const seen = await driver.list()
    for (const { name } of seen) this.#knownOf(name).driver = driver
    return seen
  }

  #learn(): void {
    const { clock } = this.#parts
    const nowMs = clock.monotonicMs()
    const names = new Set(this.#seen.map(({ name }) => name))
    for (const [name, known] of this.#known) {
      // Of one that rests its deaths are still to be known; of one that is not there any more nothing is.
      if (names.has(name) || known.isBusy || known.restUntilMs + rememberMs > nowMs) continue
      this.#known.delete(name)
    }
    for (const seen of this.#seen) {
      const known = this.#knownOf(seen.name)
      known.see(seen.startedMs, nowMs)
      if (seen.phase === 'gone') this.#hearEnd(seen, known)
      else if (!known.isReady && seen.phase === 'running') this.#await(seen, known)
    }
  }

  #hearEnd(seen: SeenReplica, known: KnownReplica): void {
    if (known.toldStartedMs === seen.startedMs || known.isBusy) return
    known.toldStartedMs = seen.startedMs
    const { exit } = seen
    const said = exit?.lastWords.slice(-lastWordsMax) ?? ''
    const waitMs = known.die(said, this.#parts.clock.monotonicMs())
    const how = exit ? (exit.signal ?? `exit code ${exit.code}`) : 'unknown'
    const detail = exit?.isOutOfMemory ? 'out of memory' : known.deaths > 1 ? `${known.deaths} times in a row` : ''
    const facts = { replica: seen.name, how, deaths: known.deaths, waitMs, lastWords: said.slice(-400) }
    this.#parts.log.error(facts, 'replica died')
    const ageMs = Math.max(0, this.#parts.clock.nowMs() - seen.startedMs)
    const told = exit && { exitCode: exit.code, signal: exit.signal, stderrTail: said, ageMs }
    this.#note(seen, 'died', detail, told)
    const about = { upstream: seen.name, pid: null, isExpected: false, residentBytes: null, detail }
    this.#parts.note({ kind: 'engine', state: 'exited', exit: told, ...about })
  }

  #await(seen: SeenReplica, known: KnownReplica): void {
    const { clock, probe } = this.#parts
    const options = this.#settings.deployments[seen.deployment]
    if (!options || seen.url === null || known.isProbing || known.isBusy) return
    const { path, withinMs } = options.ready
    if (this.#settings.control.dryRun) return
    if (clock.monotonicMs() - known.seenAtMs > withinMs) return this.#giveUp(seen, known, withinMs)
    known.isProbing = true
    const { startedMs } = seen
    void probe(`${seen.url}${path}`, probeMs)
      .catch(() => false)
      .then((isReady) => {
        known.isProbing = false
        if (!isReady || known.startedMs !== startedMs || known.isBusy) return
        known.isReady = true
        known.readyAtMs = clock.monotonicMs()
        const afterMs = Math.round(clock.nowMs() - startedMs)
        this.#parts.log.info({ replica: seen.name, url: seen.url, afterMs }, 'replica is ready')
        this.#note(seen, 'ready', `after ${afterMs} ms`)
      })
  }

  #giveUp(seen: SeenReplica, known: KnownReplica, withinMs: number): void {
    const why = `not ready within ${withinMs} ms`
    known.membership = 'out'
    known.toldStartedMs = seen.startedMs
    const end = async (): Promise<void> => {
      const { driver } = known
      const said = (await driver?.logs(seen.name, 20).catch(() => '')) ?? ''
      await driver?.stop(seen.name, this.#graceMs(seen.deployment))
      const lastWords = `${why}\n${said}`.slice(0, lastWordsMax)
      const waitMs = known.die(lastWords, this.#parts.clock.monotonicMs())
      this.#parts.log.error({ replica: seen.name, waitMs, lastWords: said.slice(-400) }, `replica was ${why}`)
      this.#note(seen, 'failed', why)
    }
    this.#run(known, end)
  }

  // Decide.

  #decide(): Action[] {
    const { deployments, control } = this.#settings
    const nowMs = this.#parts.clock.monotonicMs()
    this.#begun = this.#begun.filter((atMs) => nowMs - atMs < minuteMs)
    const actions = reconcile({
      plan: this.plan(deployments),
      seen: this.#seen.map((each) => this.#stateOf(each, nowMs)),
      marks: this.marks,
      isResting: (name) => (this.#known.get(name)?.restUntilMs ?? 0) > nowMs || this.#known.get(name)?.isBusy === true,
      weightOf: (name) => deployments[name]?.weight ?? 1,
      drainMs: (name) => deployments[name]?.drain.endAfterMs ?? 0,
      actionsMax: control.actionsPerMinuteMax - this.#begun.length,
    })
    if (!control.dryRun) return actions
    const words = JSON.stringify(actions)
    if (words !== this.#toldDry && actions.length > 0) this.#parts.log.info({ actions }, 'dry run: this would be done')
    this.#toldDry = words
    return []
  }

  #stateOf({ name, deployment, release, phase }: SeenReplica, nowMs: number): ReplicaState {
    const { isReady, membership, weight, drainedAtMs, isBusy } = this.#knownOf(name)
    const drainedMs = membership === 'draining' ? nowMs - drainedAtMs : 0
    const calls = this.#calls[name] ?? 0
    return { name, deployment, release, phase, isReady, membership, weight, calls, drainedMs, isBusy }
  }

  // Act.

  #act(action: Action): void {
    const { clock, log } = this.#parts
    const { name } = action
    const known = this.#knownOf(name)
    if (action.kind === 'weigh') return void (known.weight = action.weight)
    const seen = this.#seen.find((each) => each.name === name)
    if (action.kind === 'admit') {
      Object.assign(known, { membership: 'in', weight: action.weight })
      log.info({ replica: name }, 'replica gets calls')
      if (seen) this.#note(seen, 'admitted', '')
      return
    }
    this.#begun.push(clock.monotonicMs())
    if (action.kind === 'start') return this.#start(action, known)
    if (!seen) return
    if (action.kind === 'drain') {
      known.membership = 'draining'
      known.drainedAtMs = clock.monotonicMs()
      log.info({ replica: name, why: action.why }, 'replica gets no new calls')
      return this.#note(seen, 'drained', action.why)
    }
    known.membership = 'out'
    known.isReady = false
    this.#run(known, async () => {
      await known.driver?.stop(name, this.#graceMs(seen.deployment))
      log.info({ replica: name, why: action.why }, 'replica stopped')
      this.#note(seen, 'stopped', action.why)
      if (this.marks.get(name) === 'replace') this.marks.delete(name)
    })
  }

  #start({ name, deployment, release }: Action & { kind: 'start' }, known: KnownReplica): void {
    const spec = this.#settings.deployments[deployment]?.releases[release]
    const driver = this.#driverOf(deployment)
    if (!spec || !driver) return
    const order = { name, deployment, release, spec }
    this.#run(known, async () => {
      try {
        await driver.start(order)
        this.#parts.log.info({ replica: name }, 'replica started')
        this.#note(order, 'started', '')
      } catch (error) {
        const { message } = error as Error
        const waitMs = known.die(message, this.#parts.clock.monotonicMs())
        this.#parts.log.error({ replica: name, waitMs, detail: message }, 'replica cannot be started')
        this.#note(order, 'failed', message)
      }
    })
  }

  /** Nothing else is begun with it until that is over. */
  #run(known: KnownReplica, run: () => Promise<void>): void {
    known.isBusy = true
    run()
      .catch((error: unknown) =>
        this.#parts.log.error({ replica: known.name, detail: String(error) }, 'the driver of a replica failed'),
      )
      .finally(() => (known.isBusy = false))
  }

  #tellFleet(): void {
    const replicas = this.#seen.flatMap((seen) => {
      const { membership, weight } = this.#knownOf(seen.name)
      const options = this.#settings.deployments[seen.deployment]
      if (membership === 'out' || seen.url === null) return []
      return [memberOf(seen, options, { weight, isDraining: membership === 'draining' })]
    })
    const words = JSON.stringify(replicas)
    if (words === this.#told) return
    this.#told = words
    this.#parts.tellFleet(replicas)
  }

  #note(
    { name, deployment, release }: Pick<SeenReplica, 'name' | 'deployment' | 'release'>,
    state: ReplicaFact['state'],
    detail: string,
    exit: ReplicaFact['exit'] = null,
  ): void {
    this.#parts.note({ kind: 'replica', upstream: name, deployment, release, state, exit, detail })
  }

  #driverOf(deployment: string): Driver | undefined {
    const kind = this.#settings.deployments[deployment]?.driver ?? 'process'
    return this.#parts.drivers.find((driver) => driver.kind === kind)
  }

  #graceMs(deployment: string): number {
    return this.#settings.deployments[deployment]?.drain.graceMs ?? graceMsUnknown
  }

  #knownOf(name: string): KnownReplica {
    let known = this.#known.get(name)
    if (!known) this.#known.set(name, (known = new KnownReplica(name)))
    return known
  }
}

function memberOf(
  { name, deployment, url }: SeenReplica,
  options: DeploymentOptions | undefined,
  { weight, isDraining }: Pick<FleetReplica, 'weight' | 'isDraining'>,
): FleetReplica {
  const { apiPath = '', priority = 0, models = null, pool = deployment } = options ?? {}
  const moveAfterMs = options?.drain.moveAfterMs ?? 0
  return { name, url: `${url}${apiPath}`, pool, weight, priority, models, isDraining, moveAfterMs }
}
