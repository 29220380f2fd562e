/** What a rollout wants of the fleet: how many replicas of which release, and which share of new calls each gets. */
import { replicasFor, stepOf } from './rollout.ts'
import type { RolloutOptions } from './rollout-options.ts'
import type { RolloutState } from './rollout-state.ts'

export interface ReleasePlan {
  readonly release: string
  readonly replicas: number
  /** Of new calls, 0 to 1. */
  readonly share: number
}

export interface RolloutPlan {
  readonly releases: readonly ReleasePlan[]
  /**
   * So small a share of new calls one replica of the present release is to get, so that one is as idle as the new ones
   * are: else nobody could say whether they are slow. Null where no replica can be spared, or none need be.
   */
  readonly controlShare: number | null
}

/** How much more than usual the other replicas may get for the sake of a control. */
const spareShare = 0.15
/** A new replica with this part of what the others have is busy enough to be compared with them. */
const alikeShare = 0.6

/** @param total replicas that the load wants */
export function planOf(state: RolloutState, total: number, options: RolloutOptions): RolloutPlan {
  const { from, to, share, phase } = state
  const isUnused = phase === 'waiting' || phase === 'rolled-back'
  const isEnding = phase === 'rolling-back'
  const next = isUnused ? 0 : isEnding ? replicasWith(total, share) : replicasFor(total, stepOf(state, options).share)
  const present = phase === 'done' ? 0 : total
  const releases = [
    ...(from === null ? [] : [{ release: from, replicas: present, share: 1 - share }]),
    { release: to, replicas: next, share },
  ]
  return { releases, controlShare: from === null ? null : controlShare(share, next, present) }
}

const replicasWith = (total: number, share: number): number => (share > 0 ? replicasFor(total, share) : 0)

function controlShare(share: number, next: number, present: number): number | null {
  if (share <= 0 || share > 0.1 || next === 0 || present < 2) return null
  const each = share / next
  const usual = (1 - share) / present
  const others = (1 - share - each) / (present - 1)
  return each < alikeShare * usual && others <= (1 + spareShare) * usual ? each : null
}
