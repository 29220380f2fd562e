/** The classes of calls, the first served first. */

export const tiers = ['premium', 'standard', 'batch'] as const
export type Tier = (typeof tiers)[number]

/** 0 for the first. */
export function rankOf(tier: Tier): number {
  return tiers.indexOf(tier)
}
