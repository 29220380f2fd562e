/** Who had a call until its answer began: the line, an upstream, or the gateway itself. */
import type { AttemptFact } from '../observe/exchange-fact.ts'

/**
 * The time until `endMs` in which at least one upstream had the call in hand. All from the beginning of the call,
 * milliseconds. @param sinceMs when the longest of the attempts under way began; null where none is
 */
export function upstreamMs(
  attempts: readonly Pick<AttemptFact, 'afterMs' | 'durationMs'>[],
  sinceMs: number | null,
  endMs: number,
): number {
  const [only] = attempts
  if (!only) return sinceMs === null ? 0 : Math.max(0, endMs - sinceMs)
  if (attempts.length === 1 && sinceMs === null)
    return Math.max(0, Math.min(endMs, only.afterMs + only.durationMs) - only.afterMs)
  const spans = attempts.map(({ afterMs, durationMs }) => [afterMs, Math.min(endMs, afterMs + durationMs)] as const)
  if (sinceMs !== null) spans.push([sinceMs, endMs])
  let sum = 0
  let coveredMs = 0
  for (const [from, to] of spans.toSorted(([a], [b]) => a - b)) {
    sum += Math.max(0, to - Math.max(from, coveredMs))
    coveredMs = Math.max(coveredMs, to)
  }
  return sum
}

/** The value of `server-timing` (W3C): milliseconds with one decimal, at the head of an answer. */
export function serverTiming(queueMs: number, atUpstreamMs: number, overheadMs: number): string {
  return `queue;dur=${tenths(queueMs)}, upstream;dur=${tenths(atUpstreamMs)}, gateway;dur=${tenths(overheadMs)}`
}

function tenths(ms: number): number {
  return Math.round(ms * 10) / 10
}
