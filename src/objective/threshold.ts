/** What is slow in the sense of an objective. */
import type { Objective } from './objective-options.ts'

/** Slower than this is bad, where the objective does not say. */
const thresholdsMs = { firstToken: 10_000, interToken: 200 } as const

export function thresholdMs({ sli, thresholdMs: own }: Objective): number {
  return own ?? (sli === 'firstToken' || sli === 'interToken' ? thresholdsMs[sli] : Number.POSITIVE_INFINITY)
}
