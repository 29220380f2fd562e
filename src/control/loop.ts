/**
 * The control loop: looks at the replicas, decides, acts, once a second. What drivers say is the truth; what it knows
 * beside that it learns anew when it is started again, but for what was begun within the last minute. It carries no
 * calls, and nothing waits for it.
 */
import type { SeenReplica } from '../fleet/driver.ts'
import type { FleetReplica } from '../fleet/replica-roll.ts'
import { ActionBudget } from './action-budget.ts'
import type { ControlOptions, Deployments } from './deployment-options.ts'
import { FleetRoll } from './fleet-roll.ts'
import type { FleetReport } from './fleet-report.ts'
import { Hands, type HandsParts } from './hands.ts'
import { Heard } from './heard.ts'
import { KnownReplica, lastWordsMax } from './known-replica.ts'
import { Lookout } from './lookout.ts'
import type { Notebook } from './notebook.ts'
import type { Pilot } from './pilot.ts'
import type { Plan } from './plan.ts'
import { type Action, reconcile, type ReplicaState } from './reconcile.ts'
import { restingRow, type ReplicaRow, type RowFacts, rowOf } from './replica-row.ts'
import type { ReplicaSight, Sight } from './sight.ts'

const probeMs = 2000
/** One that is ready is asked so often whether it still answers. */
const askAgainMs = 5000
/** Looks for what is still there when the gateway stops. */
const stopRounds = 3
/** Of a deployment that an earlier process knew, and that is no more. */
const endAfterMsUnknown = 600_000
/** Deaths are remembered for so long after the rest that they brought. */
const rememberMs = 600_000

export interface ControlParts extends HandsParts {
  readonly pilot: Pick<Pilot, 'decide' | 'hear' | 'recall'>
  /** Where it keeps what it has begun; without one, the next process begins anew. */
  readonly notebook?: Notebook
  /** Whether a GET is answered with a status from 200 to 299. */
  readonly probe: (url: string, timeoutMs: number) => Promise<boolean>
  /** All that get calls, and those that are to go. */
  readonly tellFleet: (replicas: readonly FleetReplica[]) => void
}

export interface ControlSettings {
  readonly deployments: Deployments
  readonly control: ControlOptions
}

export class ControlLoop {
  #parts: ControlParts
  #settings: ControlSettings
  /** With those that are no more, as they were, as long as replicas of theirs are there: these go as was said then. */
  #withPast: Deployments
  #lookout: Lookout
  #hands: Hands
  #heard = new Heard()
  #known = new Map<string, KnownReplica>()
  #seen: readonly SeenReplica[] = []
  /** What the workers were told before this process was; until all drivers have been seen through. */
  #before: readonly FleetReplica[]
  #plan: Plan = new Map()
  #budget: ActionBudget
  #roll: FleetRoll
  #toldDry = ''
  /** The look that goes on. */
  #looking: Promise<void> | null = null
  #isOver = false

  /** @param before what the workers were told last, by one that is dead now. */
  constructor(parts: ControlParts, settings: ControlSettings, before: readonly FleetReplica[]) {
    this.#parts = parts
    this.#settings = settings
    this.#withPast = settings.deployments
    this.#lookout = new Lookout(parts.drivers, parts.clock, parts.log)
    this.#hands = new Hands(parts, settings.deployments)
    this.#budget = new ActionBudget(parts.clock, parts.notebook ?? null)
    this.#before = before
    this.#roll = new FleetRoll(before)
    for (const { name, isDraining, weight, cohort, url } of before) {
      const known = this.#knownOf(name)
      Object.assign(known, {
        weight,
        cohort,
        membership: isDraining ? 'draining' : 'in',
        isReady: true,
        adoptedUrl: url,
      })
      known.drainedAtMs = parts.clock.monotonicMs()
    }
    const times = { nowMs: parts.clock.nowMs(), monotonicMs: parts.clock.monotonicMs() }
    for (const [name, deaths] of parts.pilot.recall(times)) {
      const known = this.#knownOf(name)
      known.deathsSeen = deaths
      known.toldStartedMs = deaths.startedMs
    }
  }

  use(settings: ControlSettings): void {
    const left = new Set(this.#seen.map(({ deployment }) => deployment))
    const past = Object.entries(this.#withPast).filter(([name]) => left.has(name))
    this.#settings = settings
    this.#withPast = { ...Object.fromEntries(past), ...settings.deployments }
    this.#hands.deployments = this.#withPast
  }

  /** What the workers say. */
  hear(report: FleetReport): void {
    this.#heard.hear(report, this.#parts.clock.monotonicMs())
    this.#parts.pilot.hear(report)
  }

  /** One look and what follows from it. Resolves when all is decided and begun. */
  async tick(): Promise<void> {
    if (this.#looking || this.#isOver) return
    this.#looking = this.#lookAndAct()
    try {
      await this.#looking
    } finally {
      this.#looking = null
    }
  }

  async #lookAndAct(): Promise<void> {
    await this.#look()
    // The gateway has stopped meanwhile: nothing is begun any more.
    if (this.#isOver) return
    this.#learn()
    for (const action of this.#decide()) this.#act(action)
    this.#clearDoubles()
    this.#budget.keep()
    this.#tellFleet()
  }

  rows(): ReplicaRow[] {
    const { clock } = this.#parts
    const times = { nowMs: clock.nowMs(), monotonicMs: clock.monotonicMs() }
    const rows = this.#seen.map((seen) =>
      rowOf(seen, this.#knownOf(seen.name), { calls: this.#heard.of(seen.name).calls, ...times }),
    )
    return [...rows, ...this.#restingRows(times)]
  }

  /** Those that could not be started, or never became ready: nothing of them is there until they are tried again. */
  #restingRows(times: Omit<RowFacts, 'calls'>): ReplicaRow[] {
    const names = new Set(this.#seen.map(({ name }) => name))
    return [...this.#known.values()].flatMap((known) => {
      const { name, resting } = known
      if (resting === null || names.has(name)) return []
      const { deployment, release } = resting
      const isWished = this.#plan
        .get(deployment)
        ?.releases.some((each) => each.release === release && each.replicas > 0)
      return isWished ? [restingRow({ name, deployment, release }, known, times)] : []
    })
  }

  /** The gateway stops: ends those that are not to be kept. Resolves when they are gone. */
  async stopAll(): Promise<void> {
    this.#isOver = true
    // Two looks at a time blind each other.
    await this.#looking?.catch(() => {})
    // One that was being started when we looked is there at the next look; a driver may fail once.
    for (let round = 0; round < stopRounds; round++) {
      const left = await this.#leftToStop(round > 0)
      if (left.length === 0) return
      const ends = await Promise.allSettled(
        left.map((each) => this.#hands.end(each, this.#knownOf(each.name), 'the gateway stops')),
      )
      const failed = ends.filter(({ status }) => status === 'rejected')
      for (const { reason } of failed as PromiseRejectedResult[])
        this.#parts.log.warn({ detail: String(reason) }, 'a replica could not be ended')
    }
  }

  async #leftToStop(isAliveOnly: boolean): Promise<SeenReplica[]> {
    await this.#look()
    const { deployments } = this.#settings
    const own = this.#seen.filter((each) => deployments[each.deployment]?.onStop !== 'keep')
    return isAliveOnly ? own.filter(({ phase }) => phase !== 'gone') : own
  }

  // Look.

  async #look(): Promise<void> {
    const all = await this.#lookout.look()
    for (const [{ name }, driver] of all) this.#knownOf(name).driver = driver
    this.#seen = all.map(([seen]) => seen)
    if (this.#lookout.hasSeenAll) this.#before = []
  }

  #learn(): void {
    const { clock } = this.#parts
    const nowMs = clock.monotonicMs()
    const names = new Set(this.#seen.map(({ name }) => name))
    for (const [name, known] of this.#known) {
      // Of one that rests its deaths are still to be known; of one that is not there any more nothing is.
      if (names.has(name) || known.isBusy || known.isOrdered(nowMs) || known.restUntilMs + rememberMs > nowMs) continue
      if (this.#before.some((each) => each.name === name)) continue
      this.#known.delete(name)
    }
    this.#heard.keep(names)
    for (const seen of this.#seen) {
      const known = this.#knownOf(seen.name)
      if (this.#lookout.isBlind(known.driver)) continue
      known.see(seen, nowMs)
      if (seen.phase === 'gone') this.#hearEnd(seen, known)
      else if (seen.phase !== 'running') continue
      else if (!known.isReady) this.#await(seen, known)
      else if (known.membership === 'in' && nowMs - known.askedAtMs >= askAgainMs) this.#askAgain(seen, known)
    }
  }

  #hearEnd(seen: SeenReplica, known: KnownReplica): void {
    if (known.toldStartedMs === seen.startedMs || known.isBusy) return
    known.toldStartedMs = seen.startedMs
    const { exit } = seen
    const said = exit?.lastWords.slice(-lastWordsMax) ?? ''
    const how = exit ? (exit.signal ?? `exit code ${exit.code}`) : 'unknown'
    const waitMs = known.die(exit?.isOutOfMemory ? 'out of memory' : how, said, this.#parts.clock.monotonicMs())
    const detail = exit?.isOutOfMemory ? 'out of memory' : known.deaths > 1 ? `${known.deaths} times in a row` : ''
    const facts = { replica: seen.name, how, deaths: known.deaths, waitMs, lastWords: said.slice(-400) }
    this.#parts.log.error(facts, 'replica died')
    const ageMs = Math.max(0, this.#parts.clock.nowMs() - seen.startedMs)
    const told = exit && { exitCode: exit.code, signal: exit.signal, stderrTail: said, ageMs }
    this.#hands.note(seen, 'died', detail, told)
    const about = { upstream: seen.name, pid: null, isExpected: false, residentBytes: null, detail }
    this.#parts.note({ kind: 'engine', state: 'exited', exit: told, ...about })
  }

  #await(seen: SeenReplica, known: KnownReplica): void {
    const { clock, probe } = this.#parts
    const options = this.#settings.deployments[seen.deployment]
    if (!options || seen.url === null || known.isProbing || known.isBusy) return
    const { path, withinMs } = options.ready
    if (this.#settings.control.dryRun) return
    if (clock.monotonicMs() - known.seenAtMs > withinMs) {
      if (this.#budget.left(this.#settings.control.actionsPerMinuteMax) <= 0) return
      this.#budget.take()
      return this.#hands.giveUp(seen, known, withinMs)
    }
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
        this.#hands.note(seen, 'ready', `after ${afterMs} ms`)
      })
  }

  /** Whether one that gets calls still answers. */
  #askAgain(seen: SeenReplica, known: KnownReplica): void {
    const { clock, probe } = this.#parts
    const options = this.#settings.deployments[seen.deployment]
    if (!options || seen.url === null || known.isProbing || known.isBusy) return
    const { startedMs } = seen
    const askedMs = (known.askedAtMs = clock.monotonicMs())
    known.isProbing = true
    void probe(`${seen.url}${options.ready.path}`, probeMs)
      .catch(() => false)
      .then((isWell) => {
        known.isProbing = false
        if (known.startedMs === startedMs) known.silentSinceMs = isWell ? null : (known.silentSinceMs ?? askedMs)
      })
  }

  // Decide.

  #decide(): Action[] {
    const { deployments, control } = this.#settings
    const nowMs = this.#parts.clock.monotonicMs()
    const blind = this.#blindDeployments()
    const seen = blind.size === 0 ? this.#seen : this.#seen.filter(({ deployment }) => !blind.has(deployment))
    const { plan, marks } = this.#parts.pilot.decide(this.#sightOf(seen, blind))
    this.#plan = plan
    const isResting = (name: string): boolean => {
      const known = this.#known.get(name)
      return known !== undefined && (known.restUntilMs > nowMs || known.isBusy || known.isOrdered(nowMs))
    }
    const actions = reconcile({
      ...{ plan, marks, isResting },
      seen: seen.map((each) => this.#stateOf(each, nowMs)),
      weightOf: (name) => deployments[name]?.weight ?? 1,
      drainMs: (name) => this.#withPast[name]?.drain.endAfterMs ?? endAfterMsUnknown,
      actionsMax: this.#budget.left(control.actionsPerMinuteMax),
    })
    if (!control.dryRun) return actions
    const words = JSON.stringify(actions)
    if (words !== this.#toldDry && actions.length > 0) this.#parts.log.info({ actions }, 'dry run: this would be done')
    this.#toldDry = words
    return []
  }

  /** Those of which something cannot be seen now: they are left as they are. */
  #blindDeployments(): ReadonlySet<string> {
    const blind = new Set<string>()
    if (!this.#lookout.isAnyBlind) return blind
    for (const { name, deployment } of this.#seen)
      if (this.#lookout.isBlind(this.#knownOf(name).driver)) blind.add(deployment)
    for (const name of Object.keys(this.#settings.deployments))
      if (this.#lookout.isBlind(this.#hands.driverOf(name))) blind.add(name)
    return blind
  }

  #sightOf(seen: readonly SeenReplica[], blind: ReadonlySet<string>): Sight {
    const { clock } = this.#parts
    const { deployments, control } = this.#settings
    const sighted = Object.entries(deployments).filter(([name]) => !blind.has(name))
    return {
      ...{ nowMs: clock.nowMs(), monotonicMs: clock.monotonicMs(), toldMs: this.#heard.toldMs, dryRun: control.dryRun },
      heal: control.heal,
      deployments: blind.size === 0 ? deployments : Object.fromEntries(sighted),
      replicas: seen.map((each) => this.#sightOfReplica(each)),
      takeDemand: (name) => this.#heard.takeDemand(deployments[name]?.pool ?? name),
    }
  }

  #sightOfReplica(seen: SeenReplica): ReplicaSight {
    const { isReady, membership, readyAtMs, seenAtMs, silentSinceMs, deathsSeen } = this.#knownOf(seen.name)
    const isServing = isReady && membership === 'in' && seen.phase === 'running'
    const readyAfterMs = readyAtMs === null ? null : readyAtMs - seenAtMs
    const { calls, progressedMs, movedMs, out, ended, failed } = this.#heard.of(seen.name)
    // Field by field: to spread three of them, for a thousand replicas each second, takes as long as all the rest.
    return {
      name: seen.name,
      deployment: seen.deployment,
      release: seen.release,
      phase: seen.phase,
      url: seen.url,
      startedMs: seen.startedMs,
      host: seen.host,
      memoryBytes: seen.memoryBytes,
      memoryBytesMax: seen.memoryBytesMax ?? null,
      disk: seen.disk ?? null,
      exit: seen.exit,
      isReady,
      isServing,
      membership,
      readyAfterMs,
      silentSinceMs,
      seenAtMs,
      deaths: deathsSeen,
      calls,
      progressedMs,
      movedMs,
      out,
      ended,
      failed,
    }
  }

  #stateOf({ name, deployment, release, phase }: SeenReplica, nowMs: number): ReplicaState {
    const { isReady, membership, weight, cohort, drainedAtMs, isBusy } = this.#knownOf(name)
    const drainedMs = membership === 'draining' ? nowMs - drainedAtMs : 0
    const { calls } = this.#heard.of(name)
    return { name, deployment, release, phase, isReady, membership, weight, cohort, calls, drainedMs, isBusy }
  }

  #act(action: Action): void {
    const { name, kind } = action
    if (kind !== 'admit' && kind !== 'weigh') this.#budget.take()
    this.#hands.act(action, this.#knownOf(name), this.#seen.find((each) => each.name === name) ?? null)
  }

  /** Where a driver was changed, or forgot one for a while. */
  #clearDoubles(): void {
    const { dryRun, actionsPerMinuteMax } = this.#settings.control
    for (const [seen, driver] of this.#lookout.doubles) {
      const isAlive = seen.phase !== 'gone'
      if (dryRun || (isAlive && this.#budget.left(actionsPerMinuteMax) <= 0)) return
      if (this.#hands.clear(seen, driver) && isAlive) this.#budget.take()
    }
  }

  #tellFleet(): void {
    const names = this.#before.length > 0 ? new Set(this.#seen.map(({ name }) => name)) : null
    const kept = names ? this.#before.filter(({ name }) => !names.has(name)) : []
    const knownOf = (name: string): KnownReplica => this.#knownOf(name)
    const replicas = this.#roll.changed(this.#seen, knownOf, this.#withPast, kept)
    if (replicas) this.#parts.tellFleet(replicas)
  }

  #knownOf(name: string): KnownReplica {
    let known = this.#known.get(name)
    if (!known) this.#known.set(name, (known = new KnownReplica(name)))
    return known
  }
}
