/** What workers and their supervisor tell each other, by message. */
import type { Config } from '../config.ts'
import type { ReplicasWord } from '../control/replicas-word.ts'
import type { Notice } from '../edge/notice.ts'
import type { TlsMaterial } from '../edge/tls/tls-material.ts'
import type { FleetReplica } from '../fleet/replica-roll.ts'
import type { CallsByUpstream } from '../fleet/shared-speeds.ts'
import type { SpeedEntry } from '../fleet/speed-book.ts'
import type { House } from '../main.ts'
import type { FactRow } from '../observe/fact-row.ts'
import type { Signs } from '../objective/signs.ts'
import type { FleetView } from '../house/fleet-view.ts'
import type { Numbers, Totals } from '../observe/metric.ts'
import type { Beat } from '../observe/pulse.ts'
import type { EngineTold, Ready } from './banner.ts'
import type { SiblingWord } from './siblings.ts'

/** What a worker tells its supervisor. */
export type WorkerWord =
  | {
      readonly event: 'listening'
      readonly urls: readonly string[]
      readonly models: readonly string[]
      readonly upstreams: Ready['upstreams']
      /** The name under which it holds leases in the journal. */
      readonly node: string
    }
  /** `calls`: in hand, by upstream; `replicas`: null where none are run. */
  | {
      readonly event: 'status'
      readonly status: WorkerStatus
      readonly calls: CallsByUpstream
      readonly replicas: ReplicasWord | null
    }
  /** What happened, where the record is in memory. */
  | { readonly event: 'facts'; readonly node: string; readonly rows: readonly FactRow[] }
  | { readonly event: 'counted'; readonly numbers: Numbers }
  /** For objectives and early warnings. */
  | { readonly event: 'signs'; readonly signs: Signs }
  | { readonly event: 'learnt'; readonly speeds: readonly SpeedEntry[] }
  /** Addresses from which a good key came. */
  | { readonly event: 'welcomed'; readonly units: readonly string[] }
  /** TLS is spoken with the material of this number, or what is wrong with it. */
  | { readonly event: 'secured'; readonly serial: number; readonly trouble: string | null }
  | { readonly event: 'failed'; readonly message: string; readonly code?: string; readonly syscall?: string }

/** What a supervisor tells its workers. */
export type SupervisorWord =
  | {
      readonly event: 'begin'
      readonly config: Config
      readonly number: number
      readonly dead: readonly string[]
      readonly notice: Notice
      readonly tls: TlsMaterial | null
    }
  /** For error pages from now on. */
  | { readonly event: 'notice'; readonly notice: Notice }
  /** Replicas of deployments that are members of pools now, or are to go. `pools`: others will get no more of them. */
  | { readonly event: 'fleet'; readonly replicas: readonly FleetReplica[]; readonly pools?: readonly string[] }
  /** TLS is spoken with these from now on. */
  | { readonly event: 'tls'; readonly material: TlsMaterial }
  /** Another worker died: its answers are to be taken over. */
  | { readonly event: 'bury'; readonly node: string }
  /** What have you counted? */
  | { readonly event: 'count' }
  /** New workers are there: stop accepting, finish everything, end. `isHurried`: do not wait for silent connections. */
  | { readonly event: 'retire'; readonly isHurried: boolean }
  | SiblingWord

export interface WorkerStatus {
  readonly totals: Totals
  readonly beat: Beat
  readonly view: FleetView
  readonly callsLive: number
  readonly isReady: boolean
  readonly pressure: WorkerPressure
  readonly upstreamsUp: number
  readonly upstreamsAll: number
  /** What is out of use though it answers, and why. */
  readonly troubles: ReturnType<House['troubles']>
  /** What the engines of upstreams tell of themselves, by upstream; those that tell. */
  readonly engines: Readonly<Record<string, EngineTold>>
}

/** The measures that a worker has taken against overload, and what for. */
export interface WorkerPressure {
  readonly rung: string
  readonly store: string
  readonly reason: string
}
