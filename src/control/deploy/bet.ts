/**
 * A bet against the claim that something happens at most (or at least) so often. Who bets fairly and gets rich has shown
 * the claim to be wrong: were it right, the chance of ever having c times the stake is at most 1/c, however often one
 * looks (Ville's inequality; Waudby-Smith and Ramdas 2023). The stake is spread over several alternatives.
 */

/** How many times as high the odds are: of alternatives to "at most so often". The inverse for "at least". */
const oddsRatios = [1.25, 1.6, 2.2, 3.5, 7, 20, 60]

/** Part of the stake that is laid down at once; the rest comes in later, so that late changes are seen early. */
const firstStake = 0.4

export interface BetState {
  /** Logarithm of what each alternative has made. */
  logs: number[]
  /** Part of the stake that is not laid down yet, 0 to 1. */
  spare: number
}

export const newBet = (): BetState => {
  const log = Math.log(firstStake / oddsRatios.length)
  return { logs: oddsRatios.map(() => log), spare: 1 - firstStake }
}

/** Lays down half of what is spare: from now on things may be different. */
export function stakeMore(bet: BetState): void {
  const stake = Math.log(bet.spare / 2 / oddsRatios.length)
  bet.spare /= 2
  bet.logs = bet.logs.map((log) => addLogs(log, stake))
}

/**
 * @param claim the rate that is claimed, 0 to 1
 * @param side `most`: it is at most this; `least`: at least this
 * @param hits how often it happened, of `count`; both may be fractions, where calls that resemble each other tell less
 */
export function settle(bet: BetState, claim: number, side: 'most' | 'least', hits: number, count: number): void {
  const rate = Math.min(0.999, Math.max(1e-5, claim))
  const odds = rate / (1 - rate)
  for (let i = 0; i < oddsRatios.length; i++) {
    const ratio = oddsRatios[i] as number
    const other = odds * (side === 'most' ? ratio : 1 / ratio)
    const rival = other / (1 + other)
    const gain = hits * Math.log(rival / rate) + (count - hits) * Math.log((1 - rival) / (1 - rate))
    bet.logs[i] = (bet.logs[i] as number) + gain
  }
}

/** Logarithm of what the bet has made of a stake of 1. */
export function logWealth(bet: BetState): number {
  return bet.logs.reduce(addLogs, Math.log(bet.spare))
}

export function addLogs(a: number, b: number): number {
  const [high, low] = a > b ? [a, b] : [b, a]
  return low === -Infinity ? high : high + Math.log1p(Math.exp(low - high))
}
