/** The replicas of deployments as the control process tells them, and how a worker's fleet follows. */
import type { Clock } from '../ground/clock.ts'
import type { Fleet } from './fleet.ts'
import { Upstream } from './upstream.ts'
import type { UpstreamOptions } from './upstream-options.ts'

/** One that is a member of a pool, or is to go; data that goes by JSON. */
export interface FleetReplica {
  readonly name: string
  /** Base of its API. */
  readonly url: string
  readonly pool: string
  readonly weight: number
  /** Of each call first the cohort is drawn, by what all in it weigh together. Null where all are alike. */
  readonly cohort: string | null
  readonly priority: number
  /** Null: it is asked. */
  readonly models: readonly string[] | null
  readonly isDraining: boolean
  /** What it has in hand goes on elsewhere from then on. */
  readonly moveAfterMs: number
}

export class ReplicaRoll {
  #fleet: Fleet
  #clock: Clock
  /** By name, as last told. */
  #known = new Map<string, FleetReplica>()

  constructor(fleet: Fleet, clock: Clock) {
    this.#fleet = fleet
    this.#clock = clock
  }

  /** These are all. Newcomers join before anybody goes. Those of a pool that is not there are left out. */
  use(replicas: readonly FleetReplica[]): void {
    const wanted = new Map(replicas.map((each) => [each.name, each]))
    const known = [...this.#known.values()]
    // Of those that died together, as with their host, none takes what another had: it would seem to have killed all.
    this.#fleet.retire(known.filter(({ name, url }) => wanted.get(name)?.url !== url).map(({ name }) => name))
    for (const replica of replicas) this.#follow(replica)
    for (const { name } of known) {
      if (wanted.has(name)) continue
      this.#fleet.leave(name)
      this.#known.delete(name)
    }
  }

  #open(replica: FleetReplica): Upstream {
    const upstream = new Upstream(replica.name, optionsOf(replica), null, this.#clock)
    upstream.isReplica = true
    return upstream
  }

  #follow(replica: FleetReplica): void {
    const { name, pool, url, weight, cohort, priority, isDraining, moveAfterMs } = replica
    const before = this.#known.get(name)
    if (!this.#fleet.pools.has(pool) || (!before && this.#fleet.find(name))) return
    this.#known.set(name, replica)
    // At another address it is another server.
    if (before && before.url !== url) this.#fleet.leave(name)
    const upstream = this.#fleet.find(name)
    if (!upstream) this.#fleet.join(this.#open(replica), replica)
    else if (before && !isSame(before.models, replica.models)) upstream.offer(replica.models)
    if (isDraining) return void this.#fleet.drain(name, moveAfterMs)
    if (this.#fleet.restore(name, replica)) return
    // A worker that was begun by a reload is told first how it was before.
    if (before && (before.pool !== pool || before.priority !== priority)) return this.#fleet.move(name, replica)
    if (before?.weight !== weight || before.cohort !== cohort) this.#fleet.weigh(name, weight, cohort)
  }
}

const isSame = (one: FleetReplica['models'], other: FleetReplica['models']): boolean =>
  one === other || (one?.length === other?.length && one?.every((each, i) => each === other?.[i]) === true)

/** As those of an upstream for which nothing is set. */
function optionsOf({ url, weight, priority, models }: FleetReplica): UpstreamOptions {
  return { url, weight, priority, connectionsMax: 1024, streamUsage: true, ...(models && { models: [...models] }) }
}
