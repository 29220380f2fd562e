/**
 * What do the scaling policies cost, and what do they let through? Recorded loads once more, by the minute, one setting
 * for all of them; a replica bears so much that the 99.9 % minute of the part before needs 20.
 */
import { existsSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { readTrace as readLoads } from '../src/cli/trace-file.ts'
import { ForecastPolicy } from '../src/control/autoscale/forecast-policy.ts'
import { makeForecasts } from '../src/control/autoscale/make-forecasts.ts'
import { staticPolicy, utilisationPolicy } from '../src/control/autoscale/plain-policies.ts'
import { perReplicaOf, type ReplayOrder } from '../src/control/autoscale/replay.ts'
import type { ScalePolicy } from '../src/control/autoscale/scale-policy.ts'
import { costAtQuality, type Load, rate, type Rated } from './autoscale/rate.ts'
import { Command, flag, say, text } from './command.ts'
import { ewmaPolicy } from './autoscale/ewma-policy.ts'
import { idealPolicy } from './autoscale/ideal-policy.ts'

const usage = `usage: npm run bench:autoscale -- [options]
  --data FOLDER    with recorded loads by the minute, default ../shared/traces
  --score FILES    other loads, separated by commas: CSV or CSV.gz with minute,requests[,gap]
  --before FILES   what came before each of --score: learnt, not scored; then all of --score is
  --share N        which part at the end is scored, default 0.4
  --ideal          only what one who knows the rate of the minutes to come would do: how far any policy could get
  --json FILE      keeps all figures`

const usualFiles = ['nasa', 'azure2024-code', 'servegen-m-large', 'servegen-m-small'].map(
  (name) => `${name}-1min.csv.gz`,
)
/** Start-up of a replica, and the overload then allowed: a share of the load. */
const starts = [
  { startMin: 3, overloadMax: 0.0008 },
  { startMin: 10, overloadMax: 0.0016 },
] as const
const equalQuality = 0.001

const tell = (words: string): void => void process.stdout.write(`${words}\n`)
const row = (cells: readonly string[]): void => tell(`| ${cells.join(' | ')} |`)

interface Trace {
  readonly name: string
  readonly loads: Float64Array
  readonly from: number
}

function main(): void {
  const command = new Command(usage, {
    ...{ data: text, score: text, before: text, share: text, json: text, ideal: flag },
  })
  const share = command.number('share', 0.4, 0.01, 1)
  const folder = command.text('data') ?? join(import.meta.dirname, '..', '..', 'shared', 'traces')
  const given = command.text('score')?.split(',')
  const before = command.text('before')?.split(',') ?? []
  const files = given ?? usualFiles.map((name) => join(folder, name)).filter((path) => existsSync(path))
  const missing = [...files, ...before].filter((path) => !existsSync(path))
  if (missing.length > 0) command.refuse(`no such file: ${missing.join(', ')}`)
  if (files.length === 0) return say(`skipped: no recorded loads in ${folder}; name a folder with --data`)
  const traces = files.map((path, index) => readTrace(path, before[index], share))
  const isIdeal = command.is('ideal')
  const loads = traces.flatMap((trace) => prepare(trace, isIdeal))
  const rated = starts.flatMap(({ startMin, overloadMax }) => {
    const these = loads.filter(({ order }) => order.startMin === startMin)
    if (isIdeal) return print(startMin, these, idealMakers)
    const all = print(startMin, these, makers(overloadMax))
    printEqualQuality(these)
    return all
  })
  const json = command.text('json')
  if (json) writeFileSync(json, `${JSON.stringify(rated, null, 2)}\n`)
}

function readTrace(path: string, before: string | undefined, share: number): Trace {
  const name = basename(path).replace(/(-1min)?\.csv(\.gz)?$/, '')
  const loads = readLoads(path, 1)
  if (before === undefined) return { name, loads, from: Math.floor(loads.length * (1 - share)) }
  const past = readLoads(before, 1)
  return { name, loads: Float64Array.from([...past, ...loads]), from: past.length }
}

function prepare({ name, loads, from }: Trace, isIdeal: boolean): Load[] {
  say(`${name}: ${loads.length} minutes, ${loads.length - from} of them scored`)
  const perReplica = perReplicaOf(loads.subarray(0, from))
  const startMins = starts.map(({ startMin }) => startMin)
  const all = isIdeal ? [] : makeForecasts(loads, startMins)
  return starts.map(({ startMin }, index) => {
    const order = { loads, from, startMin, perReplica, forecasts: all[index] ?? [] }
    return { trace: name, order }
  })
}

type Maker = (order: ReplayOrder) => ScalePolicy

const idealMakers: readonly Maker[] = [0.1, 0.05, 0.03, 0.02].map((risk) => (order) => idealPolicy(order, risk))

function makers(overloadMax: number): Maker[] {
  const bounds = { min: 1, max: 1000 }
  return [
    () => staticPolicy(20),
    () => utilisationPolicy(0.7),
    () => utilisationPolicy(0.5),
    () => ewmaPolicy(0.98),
    () => ewmaPolicy(0.99),
    ...[0.05, 0.01].map((risk) => () => new ForecastPolicy({ ...bounds, risk, overloadMax: null })),
    () => named(new ForecastPolicy({ ...bounds, overloadMax }), 'Holdfast'),
  ]
}

function named(policy: ScalePolicy, name: string): ScalePolicy {
  return {
    name,
    isForecasting: true,
    wish: (sight) => policy.wish(sight),
    saw: (over, load) => policy.saw?.(over, load),
  }
}

function print(startMin: number, loads: readonly Load[], made: readonly Maker[]): Rated[] {
  tell(
    `\nStart-up of ${startMin} min: replica-hours as a multiple of the oracle's / % of minutes short / % of load above capacity`,
  )
  const all = made.map((make) => loads.map((load) => rate(load, make(load.order))))
  row(['policy', ...loads.map(({ trace }) => trace), 'mean multiple / mean / worst overload'])
  row(['---', ...loads.map(() => '---'), '---'])
  for (const rated of all) {
    const cells = rated.map((each) => cell(each))
    row([rated[0]?.policy ?? '', ...cells, summary(rated)])
  }
  return all.flat()
}

function cell({ multiple, shortShare, overloadShare }: Rated): string {
  return [multiple.toFixed(2), (100 * shortShare).toFixed(2), (100 * overloadShare).toFixed(3)].join(' / ')
}

function summary(rated: readonly Rated[]): string {
  const multiple = Math.exp(rated.reduce((sum, each) => sum + Math.log(each.multiple), 0) / rated.length)
  const shares = rated.map(({ overloadShare }) => 100 * overloadShare)
  const mean = shares.reduce((sum, each) => sum + each, 0) / shares.length
  return [multiple.toFixed(3), mean.toFixed(3), Math.max(...shares).toFixed(3)].join(' / ')
}

function printEqualQuality(loads: readonly Load[]): void {
  tell(
    `\nThe least multiple at ${100 * equalQuality} % of load above capacity, each with its best setting found afterwards`,
  )
  const grid = (from: number, to: number, step: number): number[] =>
    Array.from({ length: Math.round((to - from) / step) + 1 }, (_, at) => from + at * step)
  const families: readonly (readonly [string, () => ScalePolicy[]])[] = [
    ['HPA', () => grid(0.2, 1, 0.05).map(utilisationPolicy)],
    ['EWMA and quantile', () => [0.9, 0.95, 0.97, 0.98, 0.985, 0.99, 0.995, 0.998].map(ewmaPolicy)],
    [
      'forecast',
      () =>
        [0.1, 0.07, 0.05, 0.04, 0.03, 0.02, 0.015, 0.01, 0.007, 0.005, 0.002].map(
          (risk) => new ForecastPolicy({ min: 1, max: 1000, risk, overloadMax: null }),
        ),
    ],
  ]
  row(['policy', ...loads.map(({ trace }) => trace)])
  row(['---', ...loads.map(() => '---')])
  for (const [name, make] of families) {
    const best = loads.map((load) => costAtQuality(load, make(), equalQuality))
    row([name, ...best.map((each) => (each ? `${each.multiple.toFixed(2)} (${each.policy})` : 'not reached'))])
  }
}

main()
