/** What operators do to the configuration: the deployments as they are now, changed and changed back. */
import type { ControlSettings } from '../../../src/control/loop.ts'
import { controlSchema, deploymentsSchema, type Deployments } from '../../../src/control/deployment-options.ts'
import type { DeploymentTraits, FleetScenario } from './fleet-scenario.ts'
import type { BadRelease, Change, DriverKind } from './mishap.ts'
import { deployedNames } from './release-kinds.ts'

/** As one writes it. */
interface Written {
  driver: DriverKind
  replicas: { min: number; max: number }
  autoscale?: { perReplica: { requestsPerMinute: number } }
  release: string
  weight: number
  drain: { moveAfterMs: number; endAfterMs: number; graceMs: number }
}

const releaseNames = ['v1', 'v2', 'v3', 'v4'] as const
const others: Readonly<Record<DriverKind, DriverKind>> = {
  process: 'docker',
  docker: 'kubernetes',
  kubernetes: 'process',
}

export class Operators {
  readonly traits: readonly DeploymentTraits[]
  #written = new Map<string, Written>()
  #actionsPerMinuteMax: number
  #usualActionsMax: number
  #dryRuns = 0
  #bad = new Map<string, BadRelease>()

  constructor({ deployments, actionsPerMinuteMax }: FleetScenario) {
    this.traits = deployments
    this.#usualActionsMax = this.#actionsPerMinuteMax = actionsPerMinuteMax
    for (const { name, driver, replicas, isScaled, callsPerReplicaSecond } of deployments)
      this.#written.set(name, {
        ...{ driver, release: 'v1', weight: 1 },
        replicas: { min: isScaled ? Math.ceil(0.3 * replicas) : replicas, max: 2 * replicas + 2 },
        ...(isScaled && { autoscale: { perReplica: { requestsPerMinute: 60 * callsPerReplicaSecond } } }),
        drain: { moveAfterMs: 10_000, endAfterMs: 120_000, graceMs: 5000 },
      })
  }

  settings(): ControlSettings {
    const written = [...this.#written].map(([name, { driver, ...rest }]) => [
      name,
      {
        driver,
        ...rest,
        releases: Object.fromEntries(
          [...releaseNames, ...deployedNames].map((release) => [release, specOf(driver, release)]),
        ),
      },
    ])
    const deployments: Deployments = deploymentsSchema.parse(Object.fromEntries(written))
    const control = { actionsPerMinuteMax: this.#actionsPerMinuteMax, dryRun: this.#dryRuns > 0 }
    return { deployments, control: controlSchema.parse(control) }
  }

  /** What is wrong with a release now. */
  faultOf(deployment: string, release: string): BadRelease | null {
    return this.#bad.get(`${deployment} ${release}`) ?? null
  }

  /** Returns what takes it back. */
  change(index: number, change: Change): () => void {
    const name = this.#nameOf(index)
    const before = this.#written.get(name)
    if (!before) return () => {}
    const { replicas, release, drain, driver } = before
    const { min, max } = replicas
    switch (change) {
      case 'more':
        return this.#write(name, { ...before, replicas: { min: Math.ceil(1.3 * min), max: Math.max(max, 2 * min) } })
      case 'fewer':
        return this.#write(name, { ...before, replicas: { min: Math.max(1, Math.floor(0.7 * min)), max } })
      case 'release':
        // Not taken back: the next one comes on top.
        this.#write(name, { ...before, release: nextOf(release) })
        return () => {}
      case 'weight':
        return this.#write(name, { ...before, weight: 3 })
      case 'drain':
        return this.#write(name, { ...before, drain: { ...drain, endAfterMs: 2000, moveAfterMs: 0, graceMs: 0 } })
      case 'driver':
        return this.#write(name, { ...before, driver: others[driver] })
      case 'gone':
        this.#written.delete(name)
        return () => void this.#written.set(name, before)
      case 'few-actions':
        this.#actionsPerMinuteMax = Math.max(3, Math.floor(this.#usualActionsMax / 4))
        return () => void (this.#actionsPerMinuteMax = this.#usualActionsMax)
    }
  }

  /** A release that is no good is written down, and later the one before again. */
  spoil(index: number, how: BadRelease): () => void {
    const name = this.#nameOf(index)
    const before = this.#written.get(name)
    if (!before) return () => {}
    const key = `${name} ${nextOf(before.release)}`
    this.#bad.set(key, how)
    const back = this.#write(name, { ...before, release: nextOf(before.release) })
    return () => {
      back()
      this.#bad.delete(key)
    }
  }

  dryRun(): () => void {
    this.#dryRuns++
    return () => void this.#dryRuns--
  }

  #nameOf(index: number): string {
    return this.traits[index % this.traits.length]?.name ?? ''
  }

  /** Whoever changes something at the same time takes back but his own. */
  #write(name: string, written: Written): () => void {
    const before = this.#written.get(name)
    this.#written.set(name, written)
    return () => {
      const now = this.#written.get(name)
      if (!before || !now) return
      const changed = Object.keys(written).filter(
        (key) => written[key as keyof Written] !== before[key as keyof Written],
      )
      this.#written.set(name, {
        ...now,
        ...Object.fromEntries(changed.map((key) => [key, before[key as keyof Written]])),
      })
    }
  }
}

const nextOf = (release: string): string =>
  releaseNames[(releaseNames.indexOf(release as 'v1') + 1) % releaseNames.length] ?? 'v1'

const specOf = (driver: DriverKind, release: string): object =>
  driver === 'process' ? { command: ['serve', release] } : { image: `serve:${release}` }
