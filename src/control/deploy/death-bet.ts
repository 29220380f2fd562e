/**
 * Do replicas of the new release die more often than those of the present one? A bet against "at most so many in an
 * hour": the likelihood ratio of a Poisson process, over some higher rates.
 */
import { addLogs } from './bet.ts'

/** Machines fail, too: so many deaths an hour of a replica are never the release's fault. */
const harmlessPerHour = 0.02
/** Deaths an hour that are bet on. */
const rivals = [0.2, 1, 5, 20]

export interface DeathState {
  deaths: number
  hours: number
  presentDeaths: number
  presentHours: number
}

export const newDeaths = (): DeathState => ({ deaths: 0, hours: 0, presentDeaths: 0, presentHours: 0 })

export function logDeathWealth({ deaths, hours, presentDeaths, presentHours }: DeathState): number {
  const usual = Math.max(harmlessPerHour, (2 * presentDeaths) / Math.max(1, presentHours))
  const stake = Math.log(1 / rivals.length)
  return rivals
    .map((rival) => Math.max(rival, usual * 2))
    .map((rival) => stake + deaths * Math.log(rival / usual) - hours * (rival - usual))
    .reduce(addLogs, -Infinity)
}
