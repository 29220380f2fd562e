/**
 * How likely a minute may be too much for the replicas. One replica more saves, in the minutes that need it, what it
 * bears: it pays as long as that share of the minutes times the price of what is lost is above its own price (the
 * newsvendor's rule). So prices give a quantile, the same by day and by night.
 */
export interface Prices {
  readonly replicaHour: number
  /** Of a request that finds no room. */
  readonly lostRequest: number
}

export const riskMin = 0.002
export const riskMax = 0.5

/** Where nobody says what a lost request costs: about one minute in fifty needs more. */
export const usualRisk = 0.02

/** `perReplica` requests a minute. */
export function riskOf({ replicaHour, lostRequest }: Prices, perReplica: number): number {
  return Math.min(riskMax, Math.max(riskMin, replicaHour / 60 / (lostRequest * perReplica)))
}
