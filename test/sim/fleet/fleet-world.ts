/**
 * A fleet from morning to evening: the production control loop over simulated drivers, clocks, load and operators.
 * Misfortunes strike until some time before the end; then everything works, and the fleet has a bounded time to come to
 * what is wished.
 */
import type { Wishes } from '../../../src/control/pilot.ts'
import type { RolloutRow } from '../../../src/control/rollouts.ts'
import type { Sight } from '../../../src/control/sight.ts'
import { Chance } from '../../world/chance.ts'
import { Trace } from '../../world/trace.ts'
import { WorldTime } from '../../world/world-time.ts'
import { Checks } from '../checks.ts'
import { checkSettled } from './check-settled.ts'
import { ControlHost, type Sabotage } from './control-host.ts'
import type { Copy } from './copy.ts'
import type { FleetChecks, FleetViolation } from './fleet-checks.ts'
import { type DeploymentTraits, type FleetScenario, quietMs } from './fleet-scenario.ts'
import { type FleetCounts, FleetWatch } from './fleet-watch.ts'
import { Load, type LoadSums } from './load.ts'
import { clockWords, type TroubleKind } from './mishap.ts'
import { Misfortune } from './misfortune.ts'
import { Operators } from './operators.ts'
import { ShareWatch } from './share-watch.ts'
import { type WishCounts, WishWatch } from './wish-watch.ts'
import { DeployDesk } from './deploy-desk.ts'
import { flawOf } from './release-kinds.ts'
import { type ReleaseTraits, SimDriver } from './sim-driver.ts'

const secondMs = 1000
const minuteMs = 60_000
const hourMs = 3_600_000
/** Memory is measured every ten seconds, of a tenth of all at a time. */
const weighingS = 10
/** The supervisor tells between two looks. */
const toldAfterMs = 500
/** Of what the control process keeps for the next one. */
const keptLengthMax = 2_000_000
/** For what is still to end when the gateway has stopped. */
const endedWithinMs = 120_000

export interface FleetResult {
  readonly scenario: FleetScenario
  readonly violations: readonly FleetViolation[]
  /** Equal for two runs that went the same way. */
  readonly hash: string
  readonly looks: number
  readonly controlDeaths: number
  readonly counts: FleetCounts & WishCounts
  readonly load: LoadSums
  readonly trace: readonly string[]
}

export interface FleetOptions {
  readonly onLine?: (line: string) => void
  /** Every simulated hour. */
  readonly onHour?: (world: FleetWorld) => void
  readonly sabotage?: Sabotage
  /** Ends at the first violation. */
  readonly isBrief?: boolean
}

export function simulateFleet(scenario: FleetScenario, options: FleetOptions = {}): Promise<FleetResult> {
  return new FleetWorld(scenario, options).run()
}

export class FleetWorld {
  readonly scenario: FleetScenario
  readonly time = new WorldTime()
  readonly trace: Trace
  readonly checks: FleetChecks
  readonly watch: FleetWatch
  readonly wishWatch: WishWatch
  readonly desk = new DeployDesk(this)
  readonly drivers: readonly SimDriver[]
  readonly operators: Operators
  readonly load: Load
  readonly host: ControlHost
  readonly chance: Chance
  wallJumpMs = 0
  /** Until then the workers are not heard. */
  silentUntilMs = 0
  /** What is known to go on. */
  trouble: { readonly how: TroubleKind; readonly untilMs: number } | null = null
  /** Names that die as often as they are started. */
  readonly loopsUntilMs = new Map<string, number>()
  #options: FleetOptions
  #noise: Chance
  #starts: Chance
  #seconds = 0
  /** The control process was told of it, and not that it is over. */
  #isToldTrouble = false
  #shareWatch: ShareWatch
  #byUrl = new Map<string, Copy>()

  constructor(scenario: FleetScenario, options: FleetOptions = {}) {
    this.scenario = scenario
    this.#options = options
    const nowMs = (): number => this.nowMs
    const wallMs = (): number => this.wallMs
    this.chance = new Chance(scenario.seed).fork('fleet')
    this.#noise = this.chance.fork('noise')
    this.#starts = this.chance.fork('starts')
    this.trace = new Trace(nowMs)
    this.trace.onLine = options.onLine ?? null
    const note = (who: string, what: string): void => this.trace.note(who, what)
    this.checks = new Checks(nowMs, (words) => note('CHECK', words))
    this.operators = new Operators(scenario)
    this.load = new Load(this.chance.fork('load'))
    this.#shareWatch = new ShareWatch(this.checks)
    this.wishWatch = new WishWatch({
      ...{ checks: this.checks, nowMs, traits: scenario.deployments, paused: this.desk.paused },
      deployments: () => this.host.settings.deployments,
      neededOf: (deployment) => this.#neededOf(deployment),
      isUnusual: () => nowMs() < this.silentUntilMs || this.trouble !== null,
      isTroubled: () => this.#isToldTrouble,
    })
    this.watch = new FleetWatch({
      ...{ checks: this.checks, nowMs, note },
      onDecision: (told) => this.wishWatch.onNote(told),
      isScaled: (replica) => scenario.deployments.some((each) => each.isScaled && replica.startsWith(`${each.name}-`)),
      neededOf: (deployment) => this.#neededOf(deployment),
      actionsMax: () => this.host.settings.control.actionsPerMinuteMax,
      isDry: () => this.host.settings.control.dryRun,
      // One in a replica-week, and one for nothing.
      falseAlarmsMax: () => 1 + (scenario.replicas * nowMs()) / (7 * 24 * hourMs),
      isUnseen: (copy) => this.driverOf(copy)?.isMute ?? false,
    })
    const { watch } = this
    const driverWatch = {
      onBorn: (copy: Copy): void => {
        this.#byUrl.set(copy.birth.url, copy)
        watch.onBorn(copy)
      },
      onGone: (copy: Copy) => watch.onGone(copy),
      onForgotten: (copy: Copy): void => {
        this.#byUrl.delete(copy.birth.url)
        watch.onForgotten(copy)
      },
    }
    const { time } = this
    const traitsOf = ({ deployment, release, name }: { deployment: string; release: string; name: string }) =>
      this.#traitsOf(deployment, release, name)
    this.drivers = (['process', 'docker', 'kubernetes'] as const).map(
      (kind) => new SimDriver(kind, { time, chance: this.chance.fork(kind), wallMs, traitsOf, watch: driverWatch }),
    )
    time.onThrow = (thrown) => this.#crash(thrown)
    const hostWatch = {
      onNote: watch.onNote.bind(watch),
      onTell: watch.onTell.bind(watch),
      onWishes: (wishes: Wishes, sight: Sight, rollouts: readonly RolloutRow[]): void => {
        watch.onWishes(wishes)
        this.wishWatch.onWishes(wishes, sight, rollouts)
      },
      onStart: watch.onStart.bind(watch),
      onStop: watch.onStop.bind(watch),
      onBegin: (): void => {
        watch.onBegin()
        this.wishWatch.onBegin()
        this.#isToldTrouble = false
      },
      onDie: watch.onDie.bind(watch),
      onThrow: (thrown: unknown) => this.#crash(thrown),
    }
    const probe = (url: string, timeoutMs: number): Promise<boolean> => this.#probe(url, timeoutMs)
    const parts = { time, wallMs, drivers: this.drivers, probe, watch: hostWatch, sabotage: options.sabotage ?? {} }
    this.host = new ControlHost(parts, this.operators.settings())
  }

  get sabotage(): Sabotage {
    return this.#options.sabotage ?? {}
  }

  get nowMs(): number {
    return this.time.monotonicMs()
  }

  get wallMs(): number {
    return this.time.nowMs() + this.wallJumpMs
  }

  async run(): Promise<FleetResult> {
    const onRejection = (reason: unknown): void => this.#crash(reason)
    process.on('unhandledRejection', onRejection)
    try {
      this.host.begin()
      this.time.every(secondMs, () => this.#second())
      const misfortune = new Misfortune(this)
      for (const mishap of this.scenario.mishaps) this.time.after(mishap.atMs, () => misfortune.strike(mishap))
      this.time.after(this.quietFromMs, () => this.#cure())
      const { isBrief = false } = this.#options
      const isOver = (): boolean => isBrief && this.checks.violations.length > 0
      await this.time.run(this.scenario.hours * hourMs, isOver)
      if (!isOver()) {
        checkSettled(this)
        this.watch.isOver = true
        const ended = this.host.stopAll()
        await this.time.run(this.nowMs + endedWithinMs)
        await ended.catch((error: unknown) => this.#crash(error))
        for (const copy of this.watch.living())
          this.checks.report('leak', `${copy.name} runs on although the gateway has stopped`)
      }
    } finally {
      process.off('unhandledRejection', onRejection)
    }
    return this.result()
  }

  result(): FleetResult {
    return {
      scenario: this.scenario,
      violations: this.checks.violations,
      hash: this.trace.hash,
      looks: this.host.looks,
      controlDeaths: this.host.deaths,
      counts: { ...this.watch.counts, ...this.wishWatch.counts },
      load: this.load.sums,
      trace: this.trace.lines,
    }
  }

  /** An operator has written something else. */
  reload(): void {
    this.host.use(this.operators.settings())
  }

  driverOf(copy: Copy): SimDriver | undefined {
    return this.drivers.find(({ kind }) => kind === copy.birth.host)
  }

  get quietFromMs(): number {
    return this.scenario.hours * hourMs - quietMs
  }

  #second(): void {
    const { nowMs, wallMs } = this
    this.#seconds++
    const { deployments } = this.host.settings
    const { rollouts } = this.wishWatch
    this.load.judged = new Set(rollouts.map(({ deployment }) => deployment))
    if (this.trouble && nowMs >= this.trouble.untilMs) this.trouble = null
    for (const traits of this.scenario.deployments) {
      if (this.#seconds % 60 === 0) this.load.waver(traits)
      const copies = this.watch.byDeployment.get(traits.name) ?? []
      const moveAfterMs = deployments[traits.name]?.drain.moveAfterMs ?? 0
      this.load.pass(traits, copies, moveAfterMs, nowMs, wallMs)
      this.#weigh(copies)
    }
    if (nowMs >= this.silentUntilMs) this.time.after(toldAfterMs, () => this.#tell())
    if (nowMs % minuteMs === 0) this.#minute()
    if (nowMs % hourMs === 0) {
      this.trace.note('world', `${clockWords(nowMs)} ${this.watch.living().length} replicas run`)
      if (this.host.keptLength > keptLengthMax)
        this.checks.report('memory', `${this.host.keptLength} characters are kept`)
      this.#options.onHour?.(this)
    }
  }

  #tell(): void {
    this.host.hear(this.load.take(this.trouble?.how ?? null))
    this.#isToldTrouble = this.trouble !== null && this.host.pilot !== null
  }

  #minute(): void {
    this.watch.checkFacts()
    this.wishWatch.checkNeeds()
    const { dryRun } = this.host.settings.control
    const isMute = this.drivers.some((driver) => driver.isMute)
    const copiesOf = (name: string): readonly Copy[] => this.watch.byDeployment.get(name) ?? []
    const { plan } = this.watch.wishes ?? {}
    if (plan) this.#shareWatch.check(plan, copiesOf, () => dryRun || isMute || this.host.pilot === null)
    for (const { deployment, to } of this.wishWatch.rollouts)
      if (flawOf(to) === 'fails' || flawOf(to) === 'slow')
        for (const copy of copiesOf(deployment))
          if (copy.birth.order.release === to) this.wishWatch.addBadCalls(deployment, to, copy.takeEnded())
  }

  /** From now on everything works. */
  #cure(): void {
    this.trouble = null
    this.desk.close()
    for (const copy of this.watch.living()) {
      copy.wasIll ||= copy.leakBytesPerMs > 0
      copy.leakBytesPerMs = 0
      copy.recover()
    }
  }

  #weigh(copies: readonly Copy[]): void {
    for (let i = this.#seconds % weighingS; i < copies.length; i += weighingS) {
      const copy = copies[i] as Copy
      if (copy.phase !== 'running' || !copy.weigh(this.nowMs, this.#noise.random.unit())) continue
      const exit = { code: null, signal: 'SIGKILL', isOutOfMemory: true, lastWords: 'out of memory' }
      this.driverOf(copy)?.die(copy, exit)
    }
  }

  #neededOf(deployment: string): number {
    const traits = this.scenario.deployments.find(({ name }) => name === deployment)
    if (!traits) return 0
    return Math.ceil(this.load.of(traits, this.nowMs) / traits.callsPerReplicaSecond)
  }

  #traitsOf(deployment: string, release: string, name: string): ReleaseTraits {
    const { readyMs } = this.scenario.deployments.find((each) => each.name === deployment) as DeploymentTraits
    const bad = this.operators.faultOf(deployment, release) ?? flawOf(release)
    const isLooping = (this.loopsUntilMs.get(name) ?? 0) > this.nowMs
    const dice = this.#starts
    return {
      readyMs: () =>
        bad === 'never-ready' ? Number.POSITIVE_INFINITY : dice.between(...readyMs) * (bad === 'slow-start' ? 4 : 1),
      diesAfterMs: () => {
        if (bad === 'forks-away') return 300
        if (bad === 'dies-early') return dice.between(5000, 400_000)
        return isLooping ? dice.between(100, 20_000) : null
      },
    }
  }

  async #probe(url: string, timeoutMs: number): Promise<boolean> {
    const copy = this.#byUrl.get(url.slice(0, url.lastIndexOf('/')))
    if (!copy?.isAlive) return false
    if (copy.isWhollyHung) {
      await new Promise<void>((resolve) => this.time.after(timeoutMs, resolve))
      return false
    }
    const isReady = copy.isReadyAt(this.nowMs)
    if (isReady) copy.wasProbed = true
    return this.#options.sabotage?.isReady?.(isReady, this.nowMs) ?? isReady
  }

  #crash(thrown: unknown): void {
    this.checks.report('crash', thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown))
  }
}
