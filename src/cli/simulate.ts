/** `holdfast simulate`: a recorded load once more against scaling policies: what each costs, and which to choose. */
import { existsSync, writeFileSync } from 'node:fs'
import { choosePolicy, comparePolicies, type PolicyOutcome } from '../control/autoscale/compare-policies.ts'
import { ForecastPolicy, usualOverloadMax } from '../control/autoscale/forecast-policy.ts'
import { makeForecasts } from '../control/autoscale/make-forecasts.ts'
import { staticPolicy, utilisationPolicy } from '../control/autoscale/plain-policies.ts'
import { perReplicaOf, type ReplayOrder } from '../control/autoscale/replay.ts'
import { replicasSvg } from '../control/autoscale/replicas-svg.ts'
import { type Prices, riskOf } from '../control/autoscale/risk.ts'
import type { ScalePolicy } from '../control/autoscale/scale-policy.ts'
import { readTrace } from './trace-file.ts'

type PolicyFamily = 'static' | 'hpa' | 'forecast'

export interface SimulateOptions {
  readonly trace: string
  readonly policy?: PolicyFamily
  readonly startMin: number
  readonly perReplica?: number
  /** Part of the trace that is only learnt from, in %. */
  readonly learn: number
  readonly max: number
  /** In % of the load. */
  readonly overload?: number
  readonly priceReplicaHour?: number
  readonly priceLostRequest?: number
  readonly json?: boolean
  readonly plot?: string
}

const dayMin = 1440

/** @throws {Error} in words that name the cure. */
export function simulate(options: SimulateOptions): void {
  const prices = pricesOf(options)
  const order = orderOf(options)
  const overloadMax = options.overload === undefined ? usualOverloadMax : options.overload / 100
  const policies = policiesOf(options, order, prices, overloadMax)
  const outcomes = comparePolicies(order, policies, prices)
  const best = choosePolicy(outcomes, overloadMax)
  if (options.plot !== undefined) {
    const needs = order.loads.subarray(order.from).map((load) => Math.ceil(load / order.perReplica))
    writeFileSync(options.plot, replicasSvg(needs, outcomes))
    process.stderr.write(`Drawn in ${options.plot}.\n`)
  }
  if (options.json) {
    const { perReplica, startMin } = order
    const shown = { perReplica, startMin, choice: best?.policy, policies: outcomes }
    process.stdout.write(`${JSON.stringify(shown, (key, value) => (key === 'replicas' ? undefined : value), 2)}\n`)
  } else process.stdout.write(words(order, outcomes, best, overloadMax))
}

function pricesOf({ priceReplicaHour, priceLostRequest }: SimulateOptions): Prices | null {
  if (priceReplicaHour === undefined && priceLostRequest === undefined) return null
  if (priceReplicaHour === undefined || priceLostRequest === undefined)
    throw new Error('Name both prices: --price-replica-hour and --price-lost-request.')
  return { replicaHour: priceReplicaHour, lostRequest: priceLostRequest }
}

function orderOf({ trace, startMin, learn, perReplica }: SimulateOptions): ReplayOrder {
  if (!existsSync(trace)) throw new Error(`There is no file ${trace}.`)
  const loads = readTrace(trace)
  const from = Math.floor((loads.length * learn) / 100)
  if (loads.length < 60 || from < 1)
    throw new Error(`${trace} has ${loads.length} minutes, and ${from} of them to learn from: too few to say anything.`)
  const [forecasts = []] = makeForecasts(loads, [startMin])
  return { loads, from, startMin, perReplica: perReplica ?? perReplicaOf(loads.subarray(0, from)), forecasts }
}

function policiesOf(
  { policy, max }: SimulateOptions,
  { loads, from, perReplica }: ReplayOrder,
  prices: Prices | null,
  overloadMax: number,
): ScalePolicy[] {
  const peak = loads.subarray(0, from).reduce((most, load) => (load > most ? load : most), 0)
  const forecasts = [0.05, 0.02, 0.01, 0.005].map(
    (risk) => new ForecastPolicy({ min: 1, max, risk, overloadMax: null }),
  )
  const own = new ForecastPolicy({ min: 1, max, overloadMax })
  const byPrice = prices
    ? [new ForecastPolicy({ min: 1, max, risk: riskOf(prices, perReplica), overloadMax: null })]
    : []
  const families: Readonly<Record<PolicyFamily, readonly ScalePolicy[]>> = {
    static: [staticPolicy(Math.min(max, Math.max(1, Math.ceil(peak / perReplica))))],
    hpa: [utilisationPolicy(0.7), utilisationPolicy(0.5)],
    forecast: [
      ...forecasts,
      ...byPrice.map((each) => renamed(each, 'forecast by price')),
      renamed(own, 'forecast, as it adapts'),
    ],
  }
  return policy ? [...families[policy]] : Object.values(families).flat()
}

function renamed(policy: ScalePolicy, name: string): ScalePolicy {
  return {
    name,
    isForecasting: true,
    wish: (sight) => policy.wish(sight),
    saw: (over, load) => policy.saw?.(over, load),
  }
}

function words(
  { loads, from, perReplica, startMin }: ReplayOrder,
  outcomes: readonly PolicyOutcome[],
  best: PolicyOutcome | undefined,
  overloadMax: number,
): string {
  const percent = (value: number): string => `${(100 * value).toFixed(3)} %`
  const hasPrice = outcomes.some(({ price }) => price !== null)
  const head = [
    'policy',
    'replica-hours',
    'x oracle',
    'mean',
    'most',
    'minutes short',
    'overload',
    ...(hasPrice ? ['price'] : []),
  ]
  const rows = outcomes.map((each) => [
    `${each === best ? '* ' : '  '}${each.policy}`,
    each.replicaHours.toFixed(1),
    each.multiple.toFixed(2),
    each.replicasMean.toFixed(2),
    String(each.replicasMax),
    percent(each.shortShare),
    percent(each.overloadShare),
    ...(each.price === null ? [] : [each.price.toFixed(2)]),
  ])
  const widths = head.map((title, at) => Math.max(title.length, ...rows.map((row) => row[at]?.length ?? 0)))
  const line = (cells: readonly string[]): string =>
    cells.map((cell, at) => (at === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[at] ?? 0))).join('  ')
  const days = ((loads.length - from) / dayMin).toFixed(1)
  return [
    `${days} days replayed after ${(from / dayMin).toFixed(1)} to learn from; a replica bears ${perReplica.toFixed(1)} a minute, starts in ${startMin} min.`,
    '',
    ...[head, ...rows].map(line),
    '',
    advice(best, hasPrice, overloadMax),
    '',
  ].join('\n')
}

function advice(best: PolicyOutcome | undefined, hasPrice: boolean, overloadMax: number): string {
  if (!best) return 'No policy was replayed.'
  if (hasPrice) return `Choose "${best.policy}": the least price of replicas and lost requests together.`
  const allowed = `${Number((100 * overloadMax).toFixed(3))} %`
  if (best.overloadShare <= overloadMax)
    return `Choose "${best.policy}": the cheapest that lets at most ${allowed} of the load find no room.`
  return `None keeps to ${allowed}; "${best.policy}" lets least through. With prices the choice is by money: --price-replica-hour, --price-lost-request.`
}
