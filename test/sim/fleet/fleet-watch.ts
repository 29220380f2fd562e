/**
 * Sees all that is done to a fleet, and checks it: by what the control loop was told, for more it cannot know. Costs a
 * few steps for each thing that happens, and nothing for what does not.
 */
import type { Wishes } from '../../../src/control/pilot.ts'
import type { FleetReplica } from '../../../src/fleet/replica-roll.ts'
import type { Note } from '../../../src/observe/fact.ts'
import type { Copy } from './copy.ts'
import type { FleetChecks } from './fleet-checks.ts'
import type { SimDriver } from './sim-driver.ts'

const minuteMs = 60_000
/** What is begun may come to the driver a little later, so its minute is a little shorter. */
const begunMs = 55_000
/** What is done is told by then, a driver that takes its time aside. */
const factMs = 30_000
/** One that hangs is replaced within: robots act so often and no more, and another has to get ready first. */
const hungMs = 40 * 60_000
/** A death is told within so many looks. */
const deathToldMs = 30_000

export interface WatchedWorld {
  readonly checks: FleetChecks
  readonly nowMs: () => number
  readonly note: (who: string, what: string) => void
  readonly onDecision: (note: Note) => void
  /** Replicas that the present load needs, no more than an operator allows. */
  readonly neededOf: (deployment: string) => number
  /** The load of its deployment says how many there are: it comes and goes as it likes. */
  readonly isScaled: (replica: string) => boolean
  readonly actionsMax: () => number
  readonly isDry: () => boolean
  /** Replicas that are well and may be taken for sick by now: workers fall silent, drivers lie. */
  readonly falseAlarmsMax: () => number
  /** Its driver tells nothing, or nothing new. */
  readonly isUnseen: (copy: Copy) => boolean
}

export interface FleetCounts {
  starts: number
  stops: number
  drains: number
  admissions: number
  deaths: number
  facts: number
  wishChanges: number
  remedies: number
  /** Replicas that are well, and were to be replaced as sick ones. */
  falseAlarms: number
  tells: number
}

export class FleetWatch {
  readonly counts: FleetCounts = {
    ...{
      starts: 0,
      stops: 0,
      drains: 0,
      admissions: 0,
      deaths: 0,
      facts: 0,
      wishChanges: 0,
      remedies: 0,
      falseAlarms: 0,
      tells: 0,
    },
  }
  /** Those that drivers have, the dead ones they still tell of too. */
  readonly byDeployment = new Map<string, Copy[]>()
  /** Starts, drains and stops where the number is fixed: when the last one was begun. */
  lastActionMs = 0
  /** The gateway stops: what serves is ended too. */
  isOver = false
  wishes: Wishes | null = null
  #world: WatchedWorld
  #byName = new Map<string, Copy>()
  #wished = new Map<string, number>()
  #roll = new Map<string, FleetReplica>()
  /** Begun within the last minute. */
  #begun: number[] = []
  /** What is done and has yet to be told. */
  #untold = new Map<string, number>()
  #dryMs = 0
  /** In this look. */
  #drained: Copy[] = []

  constructor(world: WatchedWorld) {
    this.#world = world
  }

  find(name: string): Copy | undefined {
    return this.#byName.get(name)
  }

  living(): Copy[] {
    return [...this.byDeployment.values()].flat().filter(({ isAlive }) => isAlive)
  }

  // Drivers.

  onBorn(copy: Copy): void {
    const own = this.#all(copy.deployment)
    // What a driver hides nobody can know of.
    if (own.some((each) => each.name === copy.name && each.isAlive && each.listedPhase !== null))
      this.#report('double', `${copy.name} runs already`)
    own.push(copy)
    this.#byName.set(copy.name, copy)
    this.#world.note(copy.birth.host, `${copy.name} runs at ${copy.birth.url}`)
  }

  onGone(copy: Copy): void {
    if (!copy.isEndAsked) this.counts.deaths++
    this.#world.note(copy.birth.host, `${copy.name} is gone`)
  }

  onForgotten(copy: Copy): void {
    const own = this.#all(copy.deployment)
    const at = own.indexOf(copy)
    if (at >= 0) own.splice(at, 1)
    if (this.#byName.get(copy.name) !== copy) return
    const other = own.find((each) => each.name === copy.name)
    if (other) this.#byName.set(copy.name, other)
    else this.#byName.delete(copy.name)
  }

  // The control process.

  /** What was under way with it is told by nobody. */
  onDie(): void {
    this.#untold.clear()
    this.#world.note('control', 'dies')
  }

  onBegin(): void {
    this.#world.note('control', 'begins')
  }

  onWishes(wishes: Wishes): void {
    this.wishes = wishes
    for (const [deployment, { releases }] of wishes.plan)
      for (const { release, replicas } of releases) {
        const key = `${deployment} ${release}`
        const before = this.#wished.get(key)
        if (before === replicas) continue
        this.counts.wishChanges += Math.abs(replicas - (before ?? 0))
        this.#wished.set(key, replicas)
        this.#world.note('plan', `${deployment}: ${replicas} of ${release}`)
      }
  }

  onStart(name: string, driver: SimDriver): void {
    this.counts.starts++
    this.#begin('start', name)
    if (driver.copies.get(name)?.listedPhase === 'running') this.#report('double', `${name} is started, and runs`)
    this.#untold.set(`start ${name}`, this.#world.nowMs())
  }

  onStop(name: string, driver: SimDriver): void {
    const copy = driver.copies.get(name)
    // What is dead is but cleared away.
    if (!copy?.isAlive) return this.#world.note('control', `clear ${name}`)
    this.counts.stops++
    this.#begin('stop', name)
    if (!this.isOver && this.#isServing(copy)) this.#takenAway(copy, 'stopped, and not drained before')
    copy.isEndAsked = true
    this.#untold.set(`stop ${name}`, this.#world.nowMs())
  }

  onNote(note: Note): void {
    this.counts.facts++
    if (note.kind === 'replica') {
      this.#world.note('fact', `${note.upstream} ${note.state} ${note.detail}`)
      this.#onReplica(note.upstream, note.state)
      return
    }
    if (note.kind === 'engine') return
    this.#world.onDecision(note)
    if (note.kind === 'remedy') this.#onRemedy(note)
    this.#world.note('fact', JSON.stringify(note))
  }

  #onRemedy({ replica, state, remedy, ailment }: Note & { kind: 'remedy' }): void {
    if (state !== 'planned') return
    this.counts.remedies++
    const copy = this.find(replica)
    const isIll = copy === undefined || !copy.isAlive || copy.isHung || copy.leakBytesPerMs > 0 || copy.wasIll
    if (remedy === 'replace' && !isIll) {
      this.counts.falseAlarms++
      if (this.counts.falseAlarms > this.#world.falseAlarmsMax())
        this.#world.checks.report('well', `${replica} is the ${this.counts.falseAlarms}th, for: ${ailment}`)
      this.#world.note('ALARM', `${replica} is well, and taken for one with: ${ailment}`)
    }
  }

  #onReplica(name: string, state: string): void {
    const copy = this.find(name)
    // One that nobody saw may be ended at one driver before it is started at another.
    if (state === 'started') for (const what of ['start', 'stop']) this.#untold.delete(`${what} ${name}`)
    if (state === 'stopped') this.#untold.delete(`stop ${name}`)
    if (state === 'failed') for (const what of ['start', 'stop']) this.#untold.delete(`${what} ${name}`)
    if (state === 'drained') {
      this.counts.drains++
      this.#begin('drain', name)
    }
    if (!copy) return
    if (state === 'drained') {
      if (this.#isServing(copy)) this.#drained.push(copy)
      this.#drain(copy)
    }
    if (state === 'died' || state === 'failed') copy.isDeathTold = true
    if (state === 'admitted') {
      this.counts.admissions++
      copy.isAdmissionTold = true
      if (!this.#all(copy.deployment).some((each) => each.name === name && each.wasProbed))
        this.#report('unready', `${name} is admitted, and was never ready`)
    }
  }

  onTell(replicas: readonly FleetReplica[]): void {
    this.counts.tells++
    const before = this.#roll
    this.#roll = new Map(replicas.map((each) => [each.name, each]))
    if (this.#roll.size < replicas.length) this.#report('double', 'a name is told twice to the workers')
    for (const name of before.keys()) {
      const copy = this.#roll.has(name) ? undefined : this.find(name)
      if (copy) copy.isMember = false
    }
    for (const told of replicas) this.#onTold(told, before.get(told.name))
    // Those that join and those that go are told of at once.
    for (const copy of this.#drained.splice(0)) this.#takenAway(copy, 'drained')
  }

  #onTold(told: FleetReplica, before: FleetReplica | undefined): void {
    const { name, url, weight, isDraining } = told
    const last = this.find(name)
    const isThere = last !== undefined && url.startsWith(last.birth.url)
    // Two drivers may have one each for a while.
    const copy = isThere
      ? last
      : last && this.#all(last.deployment).find((each) => url.startsWith(`${each.birth.url}/`))
    if (!copy) {
      if (before?.url !== url && !isDraining) this.#report('unready', `${name} is told at ${url}, where nobody is`)
      return
    }
    if (isDraining) this.#drain(copy)
    else copy.isDraining = false
    copy.weight = weight
    copy.isMember = true
    if (isDraining) return
    if (!copy.wasProbed) this.#report('unready', `${name} gets calls, and was never ready`)
    else if (copy.listedPhase === 'gone') this.#report('unready', `${name} gets calls, and is known to be dead`)
    if (!before && !copy.isAdmissionTold) this.#report('facts', `${name} gets calls, and no fact tells of it`)
  }

  #drain(copy: Copy): void {
    if (!copy.isDraining) copy.drainedAtMs = this.#world.nowMs()
    copy.isDraining = true
  }

  // Checks.

  /** Once a minute: what should have been told by now. */
  checkFacts(): void {
    const nowMs = this.#world.nowMs()
    for (const [what, sinceMs] of this.#untold) {
      const [kind, name = ''] = what.split(' ')
      const copy = this.find(name)
      const isUnderWay = kind === 'stop' ? copy?.phase === 'stopping' : nowMs - sinceMs < factMs
      if (isUnderWay || nowMs - sinceMs < factMs) continue
      this.#report('facts', `${what} at ${Math.round(sinceMs)} ms, and no fact tells of it`)
      this.#untold.delete(what)
    }
    for (const copies of this.byDeployment.values())
      for (const copy of copies) {
        if (copy.isHung && copy.isMember && !copy.isDraining && nowMs - copy.hungSinceMs > hungMs) {
          copy.hungSinceMs = nowMs
          this.#report('ill', `${copy.name} has hung for ${hungMs / minuteMs} min, and gets calls`)
        }
        if (copy.listedPhase !== 'gone' || copy.isDeathTold || copy.isEndAsked || this.#world.isUnseen(copy))
          copy.listedDeadMs = nowMs
        else if (nowMs - copy.listedDeadMs > deathToldMs + minuteMs) {
          copy.isDeathTold = true
          this.#report('facts', `${copy.name} died, and no fact tells of it`)
        }
      }
  }

  /** Nothing is left to be told of one that is asked of nobody. */
  forgive(name: string): void {
    this.#untold.delete(name)
  }

  #takenAway(copy: Copy, how: string): void {
    const { deployment, name } = copy
    // It serves nothing, and there is no room for another beside it.
    if ((copy.isHung || !copy.isAlive) && this.wishes?.marks.get(name) === 'restart') return
    const others = this.#all(deployment).filter((each) => each !== copy && this.#isServing(each)).length
    const needed = this.#world.neededOf(deployment)
    const { releases = [] } = this.wishes?.plan.get(deployment) ?? {}
    // What has no share serves nothing.
    const wished = releases.reduce((sum, { replicas, share }) => sum + (share > 0 ? replicas : 0), 0)
    const words = `${name} ${how}; ${others} others serve, ${needed} are needed, ${wished} are wished`
    if (others < Math.min(needed, wished)) this.#report('below', words)
    else if (others < wished) this.#report('order', words)
  }

  /** As far as the loop knows. */
  #isServing(copy: Copy): boolean {
    const isUp = copy.listedPhase === 'running' || copy.listedPhase === 'starting'
    return copy.isMember && !copy.isDraining && isUp && !copy.isEndAsked
  }

  #begin(what: string, name: string): void {
    const nowMs = this.#world.nowMs()
    if (!this.#world.isScaled(name)) this.lastActionMs = nowMs
    this.#world.note('control', `${what} ${name}`)
    if (this.#world.isDry() && nowMs > this.#dryMs) this.#report('dry-run', `${what} ${name}`)
    this.#begun.push(nowMs)
    while ((this.#begun[0] ?? nowMs) <= nowMs - begunMs) this.#begun.shift()
    const max = this.#world.actionsMax()
    if (!this.isOver && this.#begun.length > max)
      this.#report('rate', `${what} ${name} is the ${this.#begun.length}th within a minute; ${max} are allowed`)
  }

  #all(deployment: string): Copy[] {
    let own = this.byDeployment.get(deployment)
    if (!own) this.byDeployment.set(deployment, (own = []))
    return own
  }

  #report(check: Parameters<FleetChecks['report']>[0], words: string): void {
    this.#world.checks.report(check, words)
  }
}
