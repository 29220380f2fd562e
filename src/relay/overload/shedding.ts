/**
 * Who is sent away before the line is full: a chance that rises steeply with the wait, sooner for lower tiers, so that
 * the wait settles below its limit instead of beating against it. After llm-d's `p = min(1, k · saturation⁵)`; k is
 * chosen so that everybody of the tier is sent away at a saturation of 0.8 (batch) and 1 (standard). Pure.
 */
import type { Tier } from './tier.ts'

const steepness: Readonly<Record<Tier, number>> = { premium: 0, standard: 1, batch: 0.8 ** -5 }

/** `saturation`: the wait ahead over the longest that the tier may wait. 0 to 1. */
export function shedChance(tier: Tier, saturation: number): number {
  return Math.min(1, steepness[tier] * Math.max(0, saturation) ** 5)
}
