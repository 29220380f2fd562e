/**
 * A simulated fleet of replicas with ills, by seed: crashes, hangs, leaks, flapping, and a monitoring that lies. The
 * production decisions heal it; the world carries them out, and counts what was found when, and what was done to
 * replicas that were well.
 */
import type { ReplicaView } from '../../src/control/heal/ailment.ts'
import { countDeath } from '../../src/control/heal/crash-loop.ts'
import type { Deaths } from '../../src/control/heal/deaths.ts'
import { decideRemedies, type RemedyNote } from '../../src/control/heal/decide-remedies.ts'
import { HealMemory } from '../../src/control/heal/heal-memory.ts'
import { type HealOptions, healSchema } from '../../src/control/heal/heal-options.ts'
import { seededRandom, type Random } from '../../src/ground/random.ts'

export const ills = ['crash', 'crash-loop', 'hang', 'leak', 'slow-leak', 'flap'] as const
export type Ill = (typeof ills)[number]

export interface FleetScenario {
  readonly seed: number
  readonly hours: number
  readonly deployments: number
  readonly replicas: number
  /** Ills per replica and day. */
  readonly illsPerDay: number
  /** Share of the time in which what is told of replicas is old, or stands still, or is nonsense. */
  readonly lieShare: number
  readonly options?: Partial<HealOptions>
}

export interface FleetReport {
  readonly replicaWeeks: number
  /** By ill: how many there were, how many were found, how long that took at most and in the middle, milliseconds. */
  readonly found: ReadonlyMap<Ill, { readonly count: number; readonly tookMs: readonly number[] }>
  /** Remedies for replicas that were well. */
  readonly falseAlarms: readonly string[]
  /** Moments at which a remedy took a healthy one away below what the load needed. */
  readonly belowLoad: number
  /** Leaking replicas that died of it before they were replaced. */
  readonly leakDeaths: number
  readonly facts: readonly RemedyNote[]
}

const tickMs = 5000
const startMs = 60_000
const drainMs = 30_000
const gib = 2 ** 30
const bytesMax = 8 * gib
const beganMs = Date.UTC(2026, 0, 1)

interface Replica {
  readonly name: string
  readonly deployment: string
  startedMs: number
  readyMs: number
  goneMs: number | null
  drainedMs: number | null
  isStarted: boolean
  ill: Ill | null
  illMs: number
  isFound: boolean
  calls: number
  progressedMs: number
  noise: number
  leaked: number
  toldMs: number
  told: number
  ended: number
  failed: number
  crashesLeft: number
}

export function simulateFleet(scenario: FleetScenario): FleetReport {
  return new SimFleet(scenario).run()
}

class SimFleet {
  #scenario: FleetScenario
  #random: Random
  #nowMs = beganMs
  #replicas: Replica[] = []
  #nextNumber = 0
  #memory = new HealMemory()
  #options: HealOptions
  #found = new Map<Ill, { count: number; tookMs: number[] }>(ills.map((ill) => [ill, { count: 0, tookMs: [] }]))
  #falseAlarms: string[] = []
  #facts: RemedyNote[] = []
  #belowLoad = 0
  #leakDeaths = 0
  #serving = new Map<string, number>()
  /** Until when the monitoring lies, and how. */
  #lieUntilMs = 0
  #lie: 'old' | 'frozen' | 'nonsense' = 'old'
  #deaths = new Map<string, Deaths>()

  constructor(scenario: FleetScenario) {
    this.#scenario = scenario
    this.#random = seededRandom(scenario.seed)
    this.#options = { ...healSchema.parse({}), ...scenario.options }
    for (let d = 0; d < scenario.deployments; d++)
      for (let i = 0; i < scenario.replicas; i++) this.#start(`d${d}`, -3_600_000 * this.#random.unit())
  }

  run(): FleetReport {
    const { hours, deployments, replicas } = this.#scenario
    const endMs = beganMs + hours * 3_600_000
    for (; this.#nowMs < endMs; this.#nowMs += tickMs) this.#tick()
    return {
      replicaWeeks: (hours * deployments * replicas) / (24 * 7),
      found: this.#found,
      falseAlarms: this.#falseAlarms,
      belowLoad: this.#belowLoad,
      leakDeaths: this.#leakDeaths,
      facts: this.#facts,
    }
  }

  #start(deployment: string, agoMs = 0): void {
    const atMs = this.#nowMs + agoMs
    this.#replicas.push({
      ...{
        name: `${deployment}-v1-${this.#nextNumber++}`,
        deployment,
        startedMs: atMs,
        readyMs: atMs + (agoMs < 0 ? 0 : startMs),
      },
      ...{ goneMs: null, drainedMs: null, isStarted: true, ill: null, illMs: 0, isFound: false },
      ...{
        calls: 0,
        progressedMs: atMs,
        noise: 0,
        leaked: 0,
        toldMs: atMs,
        told: atMs,
        ended: 0,
        failed: 0,
        crashesLeft: 0,
      },
    })
  }

  /** How many replicas the load of a deployment needs at this time of day. */
  #needed(): number {
    const day = Math.sin((2 * Math.PI * (this.#nowMs - beganMs)) / 86_400_000)
    return Math.max(1, Math.round(this.#scenario.replicas * (0.55 + 0.25 * day)))
  }

  #isServing(replica: Replica): boolean {
    return replica.goneMs === null && replica.drainedMs === null && this.#nowMs >= replica.readyMs
  }

  #tick(): void {
    const { lieShare } = this.#scenario
    if (this.#nowMs >= this.#lieUntilMs && this.#random.unit() < (lieShare * tickMs) / 60_000) {
      this.#lieUntilMs = this.#nowMs + 60_000
      this.#lie = (['old', 'frozen', 'nonsense'] as const)[Math.floor(3 * this.#random.unit())] ?? 'old'
    }
    this.#serving.clear()
    for (const replica of this.#replicas)
      if (this.#isServing(replica))
        this.#serving.set(replica.deployment, (this.#serving.get(replica.deployment) ?? 0) + 1)
    for (const replica of this.#replicas) this.#live(replica)
    const remedies = decideRemedies(this.#view(), this.#memory)
    this.#facts.push(...remedies.facts)
    for (const fact of remedies.facts) this.#check(fact)
    for (const [name, mark] of remedies.marks) this.#carryOut(name, mark)
    this.#finish()
  }

  #live(replica: Replica): void {
    if (replica.goneMs !== null) return
    const { random } = { random: this.#random }
    const isServing = this.#isServing(replica)
    if (isServing && replica.ill === null && random.unit() < (this.#scenario.illsPerDay * tickMs) / 86_400_000)
      this.#infect(replica)
    const isHung = replica.ill === 'hang'
    const serving = this.#serving.get(replica.deployment) ?? 0
    if (isServing)
      replica.calls = isHung
        ? Math.max(3, replica.calls)
        : Math.floor((12 * this.#needed() * (0.5 + random.unit())) / Math.max(1, serving))
    if (!isHung && replica.calls > 0) {
      // Long prefills: now and then nothing comes for a while.
      if (random.unit() > 0.1) replica.progressedMs = this.#nowMs - 100
      replica.ended += 1 + Math.floor(replica.calls / 4)
      if (random.unit() < 0.02) replica.failed++
    }
    replica.noise = 0.98 * replica.noise + (random.unit() - 0.5) * 0.05
    if (replica.ill === 'leak') replica.leaked += (0.5 * gib * tickMs) / 3_600_000
    if (replica.ill === 'slow-leak') replica.leaked += (0.1 * gib * tickMs) / 3_600_000
    if (replica.leaked + (2 + replica.noise + 0.02 * replica.calls) * gib > bytesMax) {
      this.#leakDeaths++
      this.#die(replica)
    }
    if (replica.ill === 'crash' || replica.ill === 'crash-loop') this.#die(replica)
    if (replica.ill === 'flap' && random.unit() < 0.05)
      replica.readyMs = this.#nowMs + (replica.readyMs > this.#nowMs ? 0 : 10_000)
  }

  #infect(replica: Replica): void {
    replica.ill = ills[Math.floor(ills.length * this.#random.unit())] ?? 'crash'
    replica.illMs = this.#nowMs
    replica.isFound = false
    replica.crashesLeft = replica.ill === 'crash-loop' ? 4 : 0
    const found = this.#found.get(replica.ill)
    if (found) found.count++
  }

  #die(replica: Replica): void {
    const { name, startedMs, readyMs } = replica
    const servedMs = Math.max(0, this.#nowMs - readyMs)
    const death = { startedMs, servedMs, how: 'exit code 1', lastWords: 'died' }
    this.#deaths.set(name, countDeath(this.#deaths.get(name) ?? null, death, this.#nowMs))
    replica.goneMs = this.#nowMs
    replica.calls = 0
  }

  /** What the decisions see: the truth, or what lies make of it. */
  #view(): Parameters<typeof decideRemedies>[0] {
    const isLie = this.#nowMs < this.#lieUntilMs
    const replicas = this.#replicas.map((replica): ReplicaView => {
      const isSilent = isLie && this.#lie === 'old'
      if (!isSilent) replica.toldMs = this.#nowMs
      if (!isLie || this.#lie !== 'frozen') replica.told = replica.progressedMs
      const nonsense = isLie && this.#lie === 'nonsense' ? this.#random.unit() * 4 : 1
      const bytes = (2 + replica.noise + 0.02 * replica.calls) * gib * nonsense + replica.leaked
      const { name, deployment, startedMs, goneMs, calls, toldMs, ended, failed } = replica
      return {
        ...{
          name,
          deployment,
          release: 'v1',
          startedMs,
          calls,
          ended,
          failed,
          toldMs,
          progressedMs: replica.told === startedMs ? null : replica.told,
        },
        phase: goneMs !== null ? 'gone' : this.#nowMs < replica.readyMs ? 'starting' : 'running',
        isServing: this.#isServing(replica),
        memoryBytes: goneMs !== null ? null : bytes,
        memoryBytesMax: bytesMax,
        ...{ deaths: this.#deaths.get(name) ?? null, isLeaving: replica.drainedMs !== null },
        ...{ out: null, silentSinceMs: null, disk: null },
      }
    })
    const own = { isHealed: true, replaceMs: startMs + drainMs, mayGoBack: false }
    return {
      nowMs: this.#nowMs,
      replicas,
      deployments: new Map(replicas.map(({ deployment }) => [deployment, own])),
      options: this.#options,
    }
  }

  #check({ state, replica: name, ailment, remedy, evidence }: RemedyNote): void {
    const replica = this.#replicas.find((each) => each.name === name)
    if (state === 'measured' || !replica) return
    const isOf: Readonly<Record<string, readonly (Ill | null)[]>> = {
      'crash-loop': ['crash', 'crash-loop', 'leak', 'slow-leak', 'hang', 'flap'],
      hang: ['hang'],
      leak: ['leak', 'slow-leak'],
      flapping: ['flap', 'crash-loop', 'crash'],
    }
    if (!isOf[ailment]?.includes(replica.ill)) {
      if (remedy === 'replace') this.#falseAlarms.push(`${name} ${ailment} (${replica.ill ?? 'well'}): ${evidence}`)
      return
    }
    if (replica.isFound || replica.ill === null || (state === 'gave-up' && ailment === 'leak')) return
    replica.isFound = true
    this.#found.get(replica.ill)?.tookMs.push(this.#nowMs - replica.illMs)
  }

  /** As the loop does: another one first, then it drains, then it is stopped. */
  #carryOut(name: string, mark: 'replace'): void {
    const replica = this.#replicas.find((each) => each.name === name)
    if (!replica || replica.goneMs !== null || replica.drainedMs !== null) return
    const peers = this.#replicas.filter(
      (each) => each.deployment === replica.deployment && each.goneMs === null && each.drainedMs === null,
    )
    if (mark === 'replace' && peers.length <= this.#scenario.replicas) return this.#start(replica.deployment)
    if (!peers.every((each) => this.#nowMs >= each.readyMs)) return
    const serving = peers.filter((each) => this.#isServing(each) && each !== replica && each.ill !== 'hang').length
    if (replica.ill === null && serving < this.#needed()) this.#belowLoad++
    replica.drainedMs = this.#nowMs
  }

  #finish(): void {
    for (const replica of this.#replicas) {
      if (replica.drainedMs !== null && this.#nowMs - replica.drainedMs >= drainMs) replica.isStarted = false
      if (
        replica.goneMs === null ||
        this.#nowMs < (this.#deaths.get(replica.name)?.restUntilMs ?? replica.goneMs + tickMs)
      )
        continue
      if (replica.ill === 'crash') this.#found.get('crash')?.tookMs.push(this.#nowMs - replica.goneMs)
      if (replica.ill === 'crash-loop' && replica.crashesLeft-- > 0) replica.illMs = this.#nowMs
      else replica.ill = null
      Object.assign(replica, {
        goneMs: null,
        startedMs: this.#nowMs,
        readyMs: this.#nowMs + startMs,
        leaked: 0,
        calls: 0,
        ended: 0,
        failed: 0,
      })
      replica.progressedMs = replica.told = this.#nowMs
    }
    this.#replicas = this.#replicas.filter(({ isStarted }) => isStarted)
  }
}
