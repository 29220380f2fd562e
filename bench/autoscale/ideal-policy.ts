/**
 * What no policy can do: it knows the rate around each minute until a replica ordered now is ready (of the minutes
 * beside it, not itself), and by hindsight how far minutes lie above their rate. Only the minute's own noise is left
 * to be covered. No strict bound: before steps the minutes beside a minute say less than it itself.
 */
import type { ReplayOrder } from '../../src/control/autoscale/replay.ts'
import { replicasFor, type ScalePolicy } from '../../src/control/autoscale/scale-policy.ts'

const minutesBeside = 5
/** Noise is measured by how high the rate is. */
const tiers = 4

export function idealPolicy({ loads, from, startMin }: ReplayOrder, risk: number): ScalePolicy {
  const rates = Float64Array.from(loads, (_, minute) => rateAround(loads, minute))
  const sorted = rates.slice(from).sort()
  const edges = Array.from({ length: tiers - 1 }, (_, at) => sorted[Math.floor(((at + 1) / tiers) * sorted.length)])
  const tierOf = (rate: number): number => edges.filter((edge) => rate > (edge as number)).length
  const noises: number[][] = Array.from({ length: tiers }, () => [])
  for (let minute = from; minute < loads.length; minute++) {
    const rate = rates[minute] as number
    if (!Number.isNaN(loads[minute])) noises[tierOf(rate)]?.push(Math.sqrt(loads[minute] as number) - rate)
  }
  const headrooms = noises.map((all) => all.sort((a, b) => a - b)[Math.floor((1 - risk) * all.length)] ?? 0)
  return {
    name: `ideal, risk ${100 * risk} %`,
    isForecasting: false,
    wish: ({ minute, perReplica }) => {
      let root = 0
      for (let at = minute; at <= Math.min(loads.length - 1, minute + startMin); at++) {
        const rate = rates[at] as number
        root = Math.max(root, rate + (headrooms[tierOf(rate)] as number))
      }
      return { replicas: Math.max(1, replicasFor(root * root, perReplica)), why: 'the future' }
    },
  }
}

/** The mean of the minutes beside it, as roots. */
function rateAround(loads: Float64Array, minute: number): number {
  let [sum, count] = [0, 0]
  for (let at = minute - minutesBeside; at <= minute + minutesBeside; at++) {
    const load = loads[at]
    if (at === minute || load === undefined || Number.isNaN(load)) continue
    sum += Math.sqrt(load)
    count++
  }
  return count > 0 ? sum / count : 0
}
