/** How many replicas each deployment is to have: by its load where `autoscale` is set, else the fewest allowed. */
import { keepOnly } from '../ground/keep-only.ts'
import {
  DeploymentScaler,
  type ScalerLook,
  type ScalerOptions,
  type ScalerState,
} from './autoscale/deployment-scaler.ts'
import type { Trouble } from './autoscale/demand.ts'
import type { ScaleRow, ScaleView } from './autoscale/scale-row.ts'
import type { DeploymentOptions } from './deployment-options.ts'
import type { FleetReport } from './fleet-report.ts'
import type { PilotParts } from './pilot-parts.ts'
import type { ReplicaSight, Sight } from './sight.ts'

/** Replicas by deployment. */
export type Totals = ReadonlyMap<string, number>

/** Workers that have not told for so long say nothing of the load. */
const silentMs = 10_000
/** Steps of the past that are read again at one look, of all deployments; each takes about a millisecond. */
const readMax = 40
/** The history is kept once in so many steps: it is large, and a few steps do not matter. */
const keepSteps = 5
/** A start that was seen later than this after it began was not seen whole. */
const lateMs = 5000

const troubleWords = { incident: 'an incident', outage: 'an outage', maintenance: 'maintenance' } as const

interface Known {
  scaler: DeploymentScaler
  /** The settings that it was made of. */
  settings: string
  /** And where they were read, so that they need not be compared at each look. */
  options: DeploymentOptions
  lookedMs: number
  steps: number
  /** Copies whose start has been measured. */
  readonly measured: Map<string, number>
}

export class Scaling {
  readonly #parts: PilotParts
  readonly #known = new Map<string, Known>()
  #troubles: Readonly<Record<string, Trouble>> = {}
  /** Under planned maintenance. */
  #maintained: ReadonlySet<string> = new Set()
  /** As kept, of those that were not seen yet. */
  #before: Readonly<Record<string, unknown>> | null = null

  constructor(parts: PilotParts) {
    this.#parts = parts
  }

  hear({ troubles = {}, windows = [] }: FleetReport): void {
    this.#troubles = troubles
    this.#maintained = new Set(windows)
  }

  /** @param isHeld deployments that are not to be changed now: a rollout goes on there */
  look(sight: Sight, isHeld: (deployment: string) => boolean): Totals {
    this.#before ??= recordOf(this.#parts.notebook.read('scaling'))
    const own = Map.groupBy(sight.replicas, ({ deployment }) => deployment)
    const totals = new Map<string, number>()
    let readLeft = readMax
    for (const [name, options] of Object.entries(sight.deployments)) {
      const known = this.#knownOf(name, options, own.get(name) ?? [])
      if (!known) {
        totals.set(name, options.replicas.min)
        continue
      }
      const before = known.scaler.unread
      totals.set(name, this.#scale(known, name, sight, { own: own.get(name) ?? [], isHeld: isHeld(name), readLeft }))
      readLeft = Math.max(0, readLeft - Math.max(0, before - known.scaler.unread))
    }
    return totals
  }

  /** Those that are scaled by their load. */
  rows(): ScaleRow[] {
    return [...this.#known.values()].map(({ scaler }) => scaler.row)
  }

  /** With the load of late; null where it is not scaled by its load. */
  view(deployment: string): ScaleView | null {
    return this.#known.get(deployment)?.scaler.view ?? null
  }

  #scale(
    known: Known,
    name: string,
    sight: Sight,
    { own, isHeld, readLeft }: { own: readonly ReplicaSight[]; isHeld: boolean; readLeft: number },
  ): number {
    const { scaler } = known
    const trouble = this.#maintained.has(name) ? 'maintenance' : (this.#troubles[name] ?? null)
    const heldBy = isHeld ? 'a rollout' : trouble && troubleWords[trouble]
    measureStarts(known, own, sight)
    const from = scaler.state.replicas
    const look: ScalerLook = {
      ...{ nowMs: sight.nowMs, pastMs: sight.monotonicMs - known.lookedMs, demand: sight.takeDemand(name), heldBy },
      inHand: own.reduce((sum, { calls }) => sum + calls, 0),
      ready: own.filter(({ isServing }) => isServing).length,
      starting: own.filter(isStarting).length,
      isUsual: sight.monotonicMs - sight.toldMs < silentMs && (trouble === null || trouble === 'incident'),
    }
    known.lookedMs = sight.monotonicMs
    const { replicas, why, isStep } = scaler.look(look, readLeft)
    if (replicas !== from)
      this.#parts.note({ kind: 'scale', deployment: name, from, to: replicas, why, evidence: scaler.evidence })
    if (replicas !== from || isStep) this.#keepState()
    if (isStep && ++known.steps % keepSteps === 0) this.#parts.notebook.write(historyPart(name), scaler.history.kept())
    return replicas
  }

  /** Null where it is not scaled by its load. Other settings: begun anew with the same past. */
  #knownOf(name: string, options: DeploymentOptions, own: readonly ReplicaSight[]): Known | null {
    const known = this.#known.get(name)
    if (known?.options === options) return known
    const asked = optionsOf(name, options)
    if (!asked) {
      this.#known.delete(name)
      return null
    }
    const settings = JSON.stringify(asked)
    if (known?.settings === settings) {
      known.options = options
      return known
    }
    const alive = own.filter((each) => each.membership !== 'draining' && isLive(each)).length
    const state = known?.scaler.state ?? stateOf(this.#before?.[name]) ?? { replicas: alive, startsMs: [] }
    const history = known?.scaler.history.kept() ?? this.#parts.notebook.read(historyPart(name))
    const scaler = new DeploymentScaler(asked, history, state)
    const lookedMs = Number.NEGATIVE_INFINITY
    const made: Known = { scaler, settings, options, lookedMs, steps: 0, measured: new Map() }
    this.#known.set(name, made)
    return made
  }

  #keepState(): void {
    const own = [...this.#known].map(([name, { scaler }]) => [name, scaler.state])
    // Those that a driver cannot show just now are still to be known.
    this.#parts.notebook.write('scaling', { ...this.#before, ...Object.fromEntries(own) })
  }
}

const historyPart = (deployment: string): string => `load of ${deployment}`

const isLive = ({ phase }: ReplicaSight): boolean => phase === 'starting' || phase === 'running'

function isStarting(replica: ReplicaSight): boolean {
  return isLive(replica) && !replica.isServing && replica.membership !== 'draining'
}

function optionsOf(deployment: string, { autoscale, replicas, ready }: DeploymentOptions): ScalerOptions | null {
  if (!autoscale) return null
  const { min, max, warm } = replicas
  return { deployment, min, max, warm, readyWithinMs: ready.withinMs, ...autoscale }
}

/** How long each copy took, once; of those that were seen from their start. */
function measureStarts({ measured, scaler }: Known, own: readonly ReplicaSight[], sight: Sight): void {
  for (const { name, startedMs, readyAfterMs, seenAtMs } of own) {
    if (readyAfterMs === null || measured.get(name) === startedMs) continue
    measured.set(name, startedMs)
    const lateBy = sight.nowMs - startedMs - (sight.monotonicMs - seenAtMs)
    if (Math.abs(lateBy) <= lateMs) scaler.started(readyAfterMs + Math.max(0, lateBy))
  }
  if (measured.size <= own.length) return
  keepOnly(measured, new Set(own.map(({ name }) => name)))
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return value !== null && typeof value === 'object' && !Array.isArray(value) ? { ...value } : {}
}

function stateOf(value: unknown): ScalerState | null {
  const { replicas, startsMs } = recordOf(value)
  if (typeof replicas !== 'number' || !Array.isArray(startsMs)) return null
  return { replicas, startsMs: startsMs.filter((each) => typeof each === 'number') }
}
