/**
 * A replica hangs when we have work there and none of it gets on, when workers found it silent and nothing has got on
 * since, or when its health page does not answer. That it answers proves nothing: engines that hang say that they are
 * idle and well. Where everything stands still at once it is more likely that nobody looks, so that takes longer; and
 * what was told too long ago is no sign at all.
 */
import type { Finding, ReplicaView } from './ailment.ts'

/** Loading a model, compiling kernels. */
const graceMs = 120_000
/** Several times the longest pause that was ever normal there. */
const pauses = 5
/** One that is out for its bad answers may come back by itself. */
const outPatience = 4
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

export interface HangRules {
  readonly hangMs: number
  /** Whether progress is told at all. */
  readonly isMeasured: boolean
  /** Asked late: whether many stand still since the same moment. */
  readonly isWithOthers: (forMs: number) => boolean
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

interface Stillness {
  readonly forMs: number
  readonly usualMs: number
  readonly what: string
}

/** All the ways in which it stands still, if it does. */
function* stillnesses(
  work: WorkSeen | null,
  replica: ReplicaView,
  nowMs: number,
  { hangMs, isMeasured }: Pick<HangRules, 'hangMs' | 'isMeasured'>,
): Generator<Stillness> {
  const { calls, progressedMs, out, silentSinceMs, startedMs, toldMs } = replica
  const isTold = nowMs - toldMs <= staleMs
  // The first work of a young one may wait for what it loads.
  const isYoung = progressedMs === null && nowMs - startedMs < graceMs
  if (work && isTold && isMeasured && !isYoung) {
    const usualMs = Math.max(hangMs, pauses * work.pauseMsMax)
    yield { forMs: nowMs - Math.max(work.sinceMs, progressedMs ?? 0), usualMs, what: `${calls} calls there, and` }
  }
  if (out && isTold) {
    const usualMs = out.isHung ? hangMs : outPatience * hangMs
    const what = `${out.isHung ? 'silent on all answers' : 'out of use'} at workers (${out.reason || 'no reason told'}), and`
    yield { forMs: nowMs - Math.max(out.sinceMs, progressedMs ?? 0), usualMs, what }
  }
  if (silentSinceMs !== null)
    yield {
      forMs: nowMs - Math.max(silentSinceMs, progressedMs ?? 0),
      usualMs: hangMs,
      what: 'its health page does not answer, and',
    }
}

/** How long it has stood still, by whichever sign; null where it does not. */
export function stillForMs(
  work: WorkSeen | null,
  replica: ReplicaView,
  nowMs: number,
  rules: Pick<HangRules, 'hangMs' | 'isMeasured'>,
): number | null {
  let longest: number | null = null
  for (const { forMs } of stillnesses(work, replica, nowMs, rules)) longest = Math.max(longest ?? 0, forMs)
  return longest
}

export function findHang(work: WorkSeen | null, replica: ReplicaView, nowMs: number, rules: HangRules): Finding | null {
  if (replica.phase !== 'running') return null
  for (const { forMs, usualMs, what } of stillnesses(work, replica, nowMs, rules)) {
    if (forMs < usualMs) continue
    const limitMs = usualMs + (rules.isWithOthers(forMs) ? togetherMs : 0)
    if (forMs < limitMs) continue
    const evidence = `${what} nothing got on for ${Math.round(forMs / 1000)} s (limit ${Math.round(limitMs / 1000)} s)`
    return { ailment: 'hang', remedy: 'replace', evidence }
  }
  return null
}
