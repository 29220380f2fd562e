/** What the door wants of the house. */
import type { RaySource } from '../fault/ray.ts'
import type { Clock } from '../ground/clock.ts'
import type { Random } from '../ground/random.ts'
import type { Fleet } from '../fleet/fleet.ts'
import type { Pressure } from '../relay/overload/pressure.ts'
import type { RelayPlane } from '../relay/relay.ts'
import type { CacheRules } from '../relay/cache-wish.ts'
import type { DurableStreams } from './durable-streams/durable-streams.ts'
import type { Visitors } from './address/visitors.ts'
import type { Crowd } from './crowd/crowd.ts'
import type { Allowances } from './keys/allowances.ts'
import type { Limits } from './limits.ts'
import type { Notice } from './notice.ts'
import type { Web } from './web/web.ts'
import type { Observer } from '../observe/observer.ts'
import type { TraceOptions } from '../observe/trace-context.ts'
import type { BodyPurse } from './body.ts'
import type { Callers } from './caller.ts'
import type { Challenge } from './challenge/challenge.ts'

export interface DoorParts {
  readonly clock: Clock
  readonly random: Random
  readonly rays: RaySource
  readonly fleet: Fleet
  readonly callers: Callers
  readonly allowances: Allowances
  readonly visitors: Visitors
  readonly crowd: Crowd
  readonly purse: BodyPurse
  readonly observer: Observer
  readonly tracing: TraceOptions
  readonly limits: Limits
  readonly pressure: Pressure
  readonly site: string
  /** Our name in `via`. */
  readonly node: string
  readonly onDisconnect: 'cancel' | 'detach'
  readonly cache: CacheRules
  readonly streams: DurableStreams
  readonly relay: RelayPlane
  /** Pages and applications beside the models, and the proof of work before them; null for none. */
  readonly web: Web | null
  readonly challenge: Challenge | null
  /** What visitors of error pages are told of the service as a whole. */
  readonly notice: () => Notice
  /** How long browsers that came by TLS are told to come by nothing else; 0: they are told nothing. */
  readonly hstsMs: number
}
