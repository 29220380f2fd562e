/**
 * Plays the supervisor of the control process: begins it, has it look every second and at each hint, and begins it anew
 * when it has died, with what the workers were told last and what it kept. What a dead one still says is not heard.
 */
import type { FleetReport } from '../../../src/control/fleet-report.ts'
import type { Times } from '../../../src/control/healing.ts'
import { ControlLoop, type ControlSettings } from '../../../src/control/loop.ts'
import { Pilot, type Wishes } from '../../../src/control/pilot.ts'
import type { RolloutRow } from '../../../src/control/rollouts.ts'
import type { Sight } from '../../../src/control/sight.ts'
import type { Driver } from '../../../src/fleet/driver.ts'
import type { FleetReplica } from '../../../src/fleet/replica-roll.ts'
import type { Clock, Timer } from '../../../src/ground/clock.ts'
import type { Note } from '../../../src/observe/fact.ts'
import { silentLog } from '../../../src/observe/log.ts'
import type { WorldTime } from '../../world/world-time.ts'
import type { SimDriver } from './sim-driver.ts'

const tickMs = 1000
const hintMs = 50

export interface HostWatch {
  readonly onNote: (note: Note) => void
  readonly onTell: (replicas: readonly FleetReplica[]) => void
  readonly onWishes: (wishes: Wishes, sight: Sight, rollouts: readonly RolloutRow[]) => void
  readonly onStart: (name: string, driver: SimDriver) => void
  readonly onStop: (name: string, driver: SimDriver) => void
  readonly onBegin: () => void
  readonly onDie: () => void
  readonly onThrow: (thrown: unknown) => void
}

/** Bugs that are planted, so that the checks can be seen to find them. */
export interface Sabotage {
  readonly wishes?: (wishes: Wishes, nowMs: number) => Wishes
  readonly settings?: (settings: ControlSettings) => ControlSettings
  readonly isTold?: (note: Note) => boolean
  readonly isReady?: (isReady: boolean, nowMs: number) => boolean
  /** What the workers tell. */
  readonly report?: (report: FleetReport) => FleetReport
  /** What operators command is done. */
  readonly isCommanded?: boolean
  /** What is asked to end goes on, and is not told of any more. */
  readonly isEnded?: (name: string) => boolean
}

export interface HostParts {
  readonly sabotage: Sabotage
  readonly time: WorldTime
  readonly wallMs: () => number
  readonly drivers: readonly SimDriver[]
  readonly probe: (url: string, timeoutMs: number) => Promise<boolean>
  readonly watch: HostWatch
}

export class ControlHost {
  settings: ControlSettings
  looks = 0
  deaths = 0
  #parts: HostParts
  #life: Life | null = null
  #roll: readonly FleetReplica[] = []
  #kept = new Map<string, string>()

  constructor(parts: HostParts, settings: ControlSettings) {
    this.#parts = parts
    this.settings = settings
  }

  begin(): void {
    if (this.#life) return
    this.#parts.watch.onBegin()
    this.#life = new Life(this.#parts, this.settings, {
      ...{ before: this.#roll, kept: this.#kept, onLook: () => this.looks++ },
      onTell: (roll) => {
        this.#roll = roll
        this.#parts.watch.onTell(roll)
      },
    })
  }

  /** Characters of what is kept. */
  get keptLength(): number {
    return [...this.#kept.values()].reduce((sum, { length }) => sum + length, 0)
  }

  /** At any moment; it is begun anew after a while. */
  kill(forMs: number): void {
    if (!this.#life) return
    this.#life.die()
    this.#parts.watch.onDie()
    this.#life = null
    this.deaths++
    this.#parts.time.after(forMs, () => this.begin())
  }

  use(settings: ControlSettings): void {
    this.settings = settings
    this.#life?.loop.use(this.#parts.sabotage.settings?.(settings) ?? settings)
  }

  hear(report: FleetReport): void {
    this.#life?.loop.hear(this.#parts.sabotage.report?.(report) ?? report)
  }

  /** Whom operators ask; null while it is dead. */
  get pilot(): Pilot | null {
    return this.#life?.pilot ?? null
  }

  rows(): ReturnType<ControlLoop['rows']> {
    return this.#life?.loop.rows() ?? []
  }

  async stopAll(): Promise<void> {
    await this.#life?.loop.stopAll()
  }
}

interface LifeFacts {
  readonly before: readonly FleetReplica[]
  readonly kept: Map<string, string>
  readonly onLook: () => void
  readonly onTell: (replicas: readonly FleetReplica[]) => void
}

/** One control process. */
class Life {
  readonly loop: ControlLoop
  readonly pilot: Pilot
  #isDead = false
  #timers: { cancel(): void }[] = []
  #hint: Timer | null = null

  constructor(
    { time, wallMs, drivers, probe, watch, sabotage }: HostParts,
    settings: ControlSettings,
    facts: LifeFacts,
  ) {
    const { before, kept, onLook, onTell } = facts
    const isHeard = (): boolean => !this.#isDead
    const note = (told: Note): void => void (isHeard() && (sabotage.isTold?.(told) ?? true) && watch.onNote(told))
    const notebook = {
      read: (part: string): unknown => JSON.parse(kept.get(part) ?? 'null'),
      write: (part: string, value: unknown): void => void (isHeard() && kept.set(part, JSON.stringify(value))),
    }
    const pilot = (this.pilot = new Pilot({ notebook, note }))
    const bornMs = time.monotonicMs()
    const clock: Clock = {
      nowMs: wallMs,
      monotonicMs: () => time.monotonicMs() - bornMs,
      after: (delayMs, run) => time.after(delayMs, () => isHeard() && run()),
      every: (periodMs, run) => time.every(periodMs, () => isHeard() && run()),
      soon: (run) => time.soon(() => isHeard() && run()),
    }
    const decide = (sight: Sight): Wishes => {
      const wishes = pilot.decide(sight)
      watch.onWishes(wishes, sight, pilot.rollouts.rows())
      return sabotage.wishes?.(wishes, time.monotonicMs()) ?? wishes
    }
    const parts = {
      ...{ clock, log: silentLog, note, notebook },
      drivers: drivers.map((driver) => seenBy(driver, isHeard, watch, sabotage)),
      pilot: {
        decide,
        hear: (report: FleetReport) => pilot.hear(report),
        recall: (times: Times) => pilot.recall(times),
      },
      probe: (url: string, timeoutMs: number) => (isHeard() ? probe(url, timeoutMs) : new Promise<boolean>(() => {})),
      tellFleet: (replicas: readonly FleetReplica[]): void => void (isHeard() && onTell(replicas)),
    }
    this.loop = new ControlLoop(parts, settings, before)
    const tick = (): void => {
      if (!isHeard()) return
      onLook()
      this.loop.tick().catch(watch.onThrow)
    }
    const onHint = (): void => {
      this.#hint ??= time.after(hintMs, () => {
        this.#hint = null
        tick()
      })
    }
    this.#timers = [time.every(tickMs, tick), ...drivers.map((driver) => toTimer(driver.watch(onHint)))]
    tick()
  }

  die(): void {
    this.#isDead = true
    this.#hint?.cancel()
    for (const timer of this.#timers) timer.cancel()
  }
}

const toTimer = (watch: Disposable): { cancel(): void } => ({ cancel: () => watch[Symbol.dispose]() })

/** What a dead process asks for is not heard any more; what it has asked for before is done all the same. */
function seenBy(driver: SimDriver, isHeard: () => boolean, watch: HostWatch, { isEnded }: Sabotage): Driver {
  const never = <T>(): Promise<T> => new Promise<T>(() => {})
  const whileHeard = async <T>(work: Promise<T>): Promise<T> => {
    const done = await work.then(
      (value) => () => value,
      (error: unknown) => () => {
        throw error
      },
    )
    return isHeard() ? done() : await never<T>()
  }
  return {
    kind: driver.kind,
    list: () => (isHeard() ? whileHeard(driver.list()) : never()),
    start: (order) => {
      if (!isHeard()) return never()
      watch.onStart(order.name, driver)
      return whileHeard(driver.start(order))
    },
    stop: (name, graceMs) => {
      if (!isHeard()) return never()
      watch.onStop(name, driver)
      if (isEnded?.(name) === false) return Promise.resolve()
      return whileHeard(driver.stop(name, graceMs))
    },
    watch: (onChange) => driver.watch(onChange),
    logs: (name) => (isHeard() ? whileHeard(driver.logs(name)) : never()),
    [Symbol.asyncDispose]: async () => {},
  }
}
