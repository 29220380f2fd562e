/** Certificates of upstreams that run out: two weeks before, or in the last quarter of a short life. Pure. */
import { type Finding, hoursText } from './finding.ts'

const dayMs = 86_400_000

export interface Certificate {
  readonly fromMs: number
  readonly untilMs: number
}

/** @param nowMs milliseconds since 1970, as the certificate has it */
export function certificateExpiry({ fromMs, untilMs }: Certificate, nowMs: number): Finding | null {
  const leftMs = untilMs - nowMs
  if (!Number.isFinite(leftMs)) return null
  if (leftMs <= 0) return { severity: 'critical', words: `ran out ${hoursText(-leftMs)} ago` }
  const quarterMs = Math.max(0, untilMs - fromMs) / 4
  const words = `runs out in ${hoursText(leftMs)}`
  if (leftMs < Math.min(3 * dayMs, quarterMs / 2)) return { severity: 'critical', words }
  return leftMs < Math.min(14 * dayMs, quarterMs) ? { severity: 'warning', words } : null
}
