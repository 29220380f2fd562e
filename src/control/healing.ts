/**
 * Which replicas are sick, and what is done about them: what the loop saw becomes the view of the pure decisions, and
 * what they remember is kept over restarts of this process. Inside, time is a steady clock: a wall clock that jumps
 * makes nobody hang, and ends no rest.
 */
import { keepOnly } from '../ground/keep-only.ts'
import type { ReplicaView } from './heal/ailment.ts'
import type { Deaths } from './heal/deaths.ts'
import { type DeploymentView, decideRemedies } from './heal/decide-remedies.ts'
import { HealMemory } from './heal/heal-memory.ts'
import { type KeptHealing, readKept } from './heal/kept-healing.ts'
import type { PilotParts } from './pilot-parts.ts'
import type { Mark } from './reconcile.ts'
import type { ReplicaSight, Sight } from './sight.ts'

export interface Healed {
  readonly marks: ReadonlyMap<string, Mark>
  /** Deployments that are to go back to the release before. */
  readonly rollbacks: ReadonlySet<string>
}

export interface Times {
  readonly nowMs: number
  readonly monotonicMs: number
}

const part = 'healing'
/** It is looked at this often whether there is something to be kept. */
const keepMs = 5000
const keptMax = 1000
/** Of so many replicas or more the ills are looked for every few seconds: all of them take longer to be sure of. */
const largeCount = 300
const largeLookMs = 2900
/** Ready times of which the middle one counts. */
const readyTimesMax = 9
const replaceMsUnknown = 60_000
/** A drained one is stopped at the earliest after this. */
const drainMsMin = 2000
/** A replacement that is not there by then, beyond the time that it has to get ready, will not come. */
const patienceMs = 30_000

const noRollbacks: ReadonlySet<string> = new Set()

export class Healing {
  #parts: PilotParts
  #memory = new HealMemory()
  /** From the monotonic clock to the steady one, which began as the wall clock was. */
  #epochMs: number | null = null
  #outSince = new Map<string, number>()
  /** Of each run when it began, by the clock of its driver and by the steady one. */
  #starts = new Map<string, { readonly told: number; readonly steadyMs: number }>()
  #readyTimes = new Map<string, number[]>()
  /** Which run of each has been counted for these. */
  #counted = new Map<string, number>()
  #deaths = new Map<string, Deaths>()
  #keptMs = Number.NEGATIVE_INFINITY
  #lookedMs = Number.NEGATIVE_INFINITY
  #marks: ReadonlyMap<string, Mark> = new Map()

  constructor(parts: PilotParts) {
    this.#parts = parts
  }

  /** Who died before this process began, with its own monotonic times. */
  recall(times: Times): ReadonlyMap<string, Deaths> {
    this.#epochMs = times.nowMs - times.monotonicMs
    const kept = readKept(this.#parts.notebook.read(part), times.nowMs)
    for (const [name, damped] of kept.damped) this.#memory.of(name).damped = damped
    for (const [key, failures] of kept.failures) this.#memory.failures.set(key, failures)
    const epochMs = this.#epochMs
    for (const [name, { atMs, restUntilMs, ...deaths }] of kept.deaths)
      this.#deaths.set(name, { ...deaths, atMs: atMs - epochMs, restUntilMs: restUntilMs - epochMs })
    return new Map(this.#deaths)
  }

  look(sight: Sight, isChanging: (deployment: string) => boolean): Healed {
    const isLarge = sight.replicas.length > largeCount
    if (isLarge && sight.monotonicMs - this.#lookedMs < largeLookMs)
      return { marks: this.#marks, rollbacks: noRollbacks }
    this.#lookedMs = sight.monotonicMs
    const epochMs = (this.#epochMs ??= sight.nowMs - sight.monotonicMs)
    const nowMs = sight.monotonicMs + epochMs
    const { heal: options } = sight
    for (const replica of sight.replicas) this.#learn(replica, nowMs)
    const deployments = Object.entries(sight.deployments).map(([name, { heal, releases, drain, ready }]) => {
      const replaceMs =
        (this.#readyMs(name) ?? Math.min(ready.withinMs, replaceMsUnknown)) + drain.moveAfterMs + drainMsMin
      const mayGoBack = Object.keys(releases).length > 1 && !isChanging(name)
      return [name, { isHealed: heal.enabled, replaceMs, mayGoBack }] as [string, DeploymentView]
    })
    const view = {
      nowMs,
      replicas: sight.replicas.map((replica) => this.#viewOf(replica, sight)),
      deployments: new Map(deployments),
      options: { ...options, dryRun: options.dryRun || sight.dryRun },
    }
    const { marks, rollbacks, facts } = decideRemedies(view, this.#memory)
    for (const fact of facts) this.#parts.note(fact)
    this.#keep(nowMs, sight)
    this.#marks = this.#hasten(marks, sight, nowMs)
    return { marks: this.#marks, rollbacks }
  }

  #learn(replica: ReplicaSight, nowMs: number): void {
    const { name, deployment, out, deaths, readyAfterMs, startedMs } = replica
    if (out === null) this.#outSince.delete(name)
    else if (!this.#outSince.has(name)) this.#outSince.set(name, nowMs)
    if (deaths) this.#deaths.set(name, deaths)
    if (readyAfterMs === null || this.#counted.get(name) === startedMs) return
    this.#counted.set(name, startedMs)
    const times = this.#readyTimes.get(deployment) ?? []
    this.#readyTimes.set(deployment, [...times, readyAfterMs].slice(-readyTimesMax))
  }

  #readyMs(deployment: string): number | null {
    const times = this.#readyTimes.get(deployment)?.toSorted((a, b) => a - b)
    return times?.[times.length >> 1] ?? null
  }

  #viewOf(replica: ReplicaSight, { nowMs: wallMs, monotonicMs, toldMs }: Sight): ReplicaView {
    const epochMs = this.#epochMs ?? 0
    const steadyMs = monotonicMs + epochMs
    const steady = (atMs: number | null): number | null => (atMs === null ? null : atMs + epochMs)
    const { name, phase, membership, out } = replica
    // Field by field, for it is done a thousand times a second.
    return {
      name,
      deployment: replica.deployment,
      release: replica.release,
      phase,
      isServing: replica.isServing,
      calls: replica.calls,
      ended: replica.ended,
      failed: replica.failed,
      deaths: replica.deaths,
      isLeaving: membership === 'draining' || phase === 'stopping',
      startedMs: this.#startOf(replica, wallMs, steadyMs),
      progressedMs: steady(replica.movedMs),
      toldMs: toldMs + epochMs,
      out: out && { ...out, sinceMs: this.#outSince.get(name) ?? steadyMs },
      silentSinceMs: steady(replica.silentSinceMs),
      memoryBytes: replica.memoryBytes,
      memoryBytesMax: replica.memoryBytesMax ?? null,
      disk: replica.disk ?? null,
    }
  }

  /** The same at each look, whatever the clocks do meanwhile. */
  #startOf({ name, startedMs }: ReplicaSight, wallMs: number, steadyMs: number): number {
    const known = this.#starts.get(name)
    if (known?.told === startedMs) return known.steadyMs
    const start = { told: startedMs, steadyMs: steadyMs - Math.max(0, wallMs - startedMs) }
    this.#starts.set(name, start)
    return start.steadyMs
  }

  /** Where no replacement comes beside one that hangs, for want of room, it makes room: as long as it still hangs. */
  #hasten(marks: ReadonlyMap<string, 'replace'>, { deployments, replicas }: Sight, nowMs: number): Map<string, Mark> {
    if (marks.size === 0) return new Map()
    const byName = new Map(replicas.map((replica) => [replica.name, replica]))
    return new Map(
      [...marks].map(([name, mark]): [string, Mark] => {
        const { markedMs, ailment, isHung } = this.#memory.of(name)
        const { withinMs = 0 } = deployments[byName.get(name)?.deployment ?? '']?.ready ?? {}
        const isLate = ailment === 'hang' && isHung && nowMs - markedMs > withinMs + patienceMs
        return [name, isLate ? 'restart' : mark]
      }),
    )
  }

  #forget({ replicas }: Sight): void {
    const names = new Set(replicas.map(({ name }) => name))
    for (const map of [this.#outSince, this.#counted, this.#starts]) keepOnly(map, names)
    if (this.#deaths.size > keptMax) keepOnly(this.#deaths, names)
  }

  /** Written when it has changed, which the notebook finds out. */
  #keep(nowMs: number, sight: Sight): void {
    if (nowMs - this.#keptMs < keepMs) return
    this.#forget(sight)
    this.#keptMs = nowMs
    const epochMs = this.#epochMs ?? 0
    const kept: KeptHealing = {
      deaths: [...this.#deaths]
        .slice(-keptMax)
        .map(([name, deaths]) => [
          name,
          { ...deaths, atMs: deaths.atMs + epochMs, restUntilMs: deaths.restUntilMs + epochMs },
        ]),
      damped: this.#memory.dampedNames(nowMs).slice(-keptMax),
      failures: [...this.#memory.failures].slice(-keptMax),
    }
    this.#parts.notebook.write(part, kept)
  }
}
