/**
 * A replica hangs when we have work there and none of it gets on. Only our own counts are believed: engines that hang
 * say that they are idle, and answer their health pages. Where everything stands still at once it is more likely that
 * nobody looks, so that takes longer; and what was told too long ago is no sign at all.
 */
import type { Finding, ReplicaView } from './ailment.ts'

const frozenMs = 30_000
/** Loading a model, compiling kernels. */
const graceMs = 120_000
/** Several times the longest pause that was ever normal there. */
const pauses = 5
const staleMs = 5000
/** Longer, where all stand still. */
const togetherMs = 60_000

export interface WorkSeen {
  /** Since when we have work there without a break. */
  readonly sinceMs: number
  /** The longest pause of its answers that ended well. */
  readonly pauseMsMax: number
  readonly progressedMs: number | null
}

/** Null while we have nothing there. @param wasWithOthers its pause was one of many since the same moment. */
export function watchWork(
  before: WorkSeen | null,
  replica: ReplicaView,
  nowMs: number,
  wasWithOthers: (forMs: number) => boolean,
): WorkSeen | null {
  const { calls, progressedMs } = replica
  if (calls === 0) return null
  const sinceMs = before?.sinceMs ?? nowMs
  const hasMoved = before !== null && progressedMs !== before.progressedMs && progressedMs !== null
  const pauseMs = hasMoved ? progressedMs - Math.max(before.progressedMs ?? 0, sinceMs) : 0
  const longest = before?.pauseMsMax ?? 0
  const isNormal = pauseMs > longest && !wasWithOthers(pauseMs)
  return { sinceMs, progressedMs, pauseMsMax: isNormal ? pauseMs : longest }
}

/** How long nothing has got on while there was work. */
export function frozenForMs(work: WorkSeen, nowMs: number): number {
  return nowMs - Math.max(work.sinceMs, work.progressedMs ?? 0)
}

/** @param isWithOthers asked late: many stand still since the same moment. */
export function findHang(
  work: WorkSeen,
  replica: ReplicaView,
  nowMs: number,
  isWithOthers: () => boolean,
): Finding | null {
  if (replica.phase !== 'running' || nowMs - replica.toldMs > staleMs) return null
  const frozen = frozenForMs(work, nowMs)
  const usualMs = Math.max(frozenMs, pauses * work.pauseMsMax)
  if (frozen < usualMs) return null
  const limitMs = usualMs + (isWithOthers() ? togetherMs : 0)
  // The first work of a young one may wait for what it loads.
  if (frozen < limitMs || (work.progressedMs === null && nowMs - replica.startedMs < graceMs)) return null
  const evidence = `${replica.calls} calls there, and none got on for ${Math.round(frozen / 1000)} s (limit ${Math.round(limitMs / 1000)} s)`
  return { ailment: 'hang', remedy: 'replace', evidence }
}
