/**
 * A bet against the claim that something happens at most (or at least) so often. Who bets fairly and gets rich has
 * shown the claim to be wrong: were it right, the chance of ever having c times the stake is at most 1/c, however
 * often one looks (Ville's inequality; Waudby-Smith and Ramdas 2023). The stake is spread over several
 * alternatives.
 */

/** Against "at most so often": how many times as high the odds are. */
const higher = [1.25, 1.6, 2.2, 3.5, 7, 20, 60]
/** Against "at least so often". */
const lower = [1 / 1.5, 1 / 3, 1 / 12]

/** Part of the stake that is laid down at once where changes are waited for; the rest comes in later. */
const firstStake = 0.4
/**
 * What one look can bring at most, as a logarithm. Busy minutes come in lumps, and a lump proves little; a fair
 * bet stays fair if gains are cut.
 */
const lookGainMax = 1

export type Side = 'most' | 'least'

export interface BetState {
  /** Logarithm of what each alternative has made. */
  logs: number[]
  /** Part of the stake that is not laid down yet, 0 to 1. */
  spare: number
}

export const newBet = (side: Side): BetState => {
  const ratios = side === 'most' ? higher : lower
  const spare = side === 'most' ? 1 - firstStake : 0
  return { logs: ratios.map(() => Math.log((1 - spare) / ratios.length)), spare }
}

/** Lays down half of what is spare: from now on things may be different. */
export function stakeMore(bet: BetState): void {
  const stake = Math.log(bet.spare / 2 / bet.logs.length)
  bet.spare /= 2
  bet.logs = bet.logs.map((log) => addLogs(log, stake))
}

/** Calls of a look. */
export interface Trial {
  /** The rate that is claimed, 0 to 1. */
  readonly claim: number
  /** How often it happened, of `count`; both may be fractions, where calls that resemble each other tell less. */
  readonly hits: number
  readonly count: number
}

/** @param side `most`: the claims are that it is at most so often; `least`: at least */
export function settle(bet: BetState, side: Side, trials: readonly Trial[]): void {
  const ratios = side === 'most' ? higher : lower
  bet.logs = bet.logs.map((log, i) => {
    const gain = trials.reduce((sum, trial) => sum + gainOf(trial, ratios[i] as number), 0)
    return log + Math.min(lookGainMax, gain)
  })
}

/** Logarithm of the likelihood ratio. */
function gainOf({ claim, hits, count }: Trial, oddsRatio: number): number {
  const rate = Math.min(0.999, Math.max(1e-5, claim))
  const other = (rate / (1 - rate)) * oddsRatio
  const rival = other / (1 + other)
  return hits * Math.log(rival / rate) + (count - hits) * Math.log((1 - rival) / (1 - rate))
}

/** Logarithm of what the bet has made of a stake of 1. */
export function logWealth(bet: BetState): number {
  return bet.logs.reduce(addLogs, bet.spare > 0 ? Math.log(bet.spare) : -Infinity)
}

export function addLogs(a: number, b: number): number {
  const [high, low] = a > b ? [a, b] : [b, a]
  return low === -Infinity ? high : high + Math.log1p(Math.exp(low - high))
}
