/**
 * `holdfast forecast`: the load to come, and how right such forecasts were. By the ledger's minutes, so it works while
 * the gateway is dead, or by a recorded load. Minutes of an outage, of maintenance, or that nobody watched are gaps.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { bandPlot } from '../observe/forecast/band-plot.ts'
import { quantileAt } from '../observe/forecast/forecaster.ts'
import { type HorizonReview, type Review, review } from '../observe/forecast/review.ts'
import { dayMs, type LedgerMinute, minuteMs } from '../store/ledger.ts'
import { ledgerFileName } from '../store/sqlite-ledger.ts'
import { LedgerQuery } from '../store/sqlite-ledger-query.ts'
import { commandConfig, type ConfigOptions } from './command-config.ts'
import { readTrace } from './trace-file.ts'

export interface ForecastOptions extends ConfigOptions {
  readonly trace?: string
  /** Minutes a row of the trace. */
  readonly bin: number
  /** Minutes ahead. */
  readonly horizon: readonly number[]
  /** How far back to judge. */
  readonly days: number
  readonly json?: boolean
}

const historyDays = 42
const leastBins = 30
const shownDays = 2
const plotSize = { columns: 100, rows: 14 }
const carriersShown = 5

/** @throws {Error} in words that name the cure. */
export function forecast(options: ForecastOptions): void {
  const binMin = options.trace === undefined ? 1 : options.bin
  const loads = options.trace === undefined ? fromLedger(options) : fromTrace(options.trace, binMin)
  if (loads.length < leastBins)
    throw new Error(`Only ${loads.length} minutes are known: a forecast needs at least ${leastBins}.`)
  const dayBins = 1440 / binMin
  const horizonBins = [...new Set(options.horizon.map((min) => Math.max(1, Math.round(min / binMin))))].sort(
    (a, b) => a - b,
  )
  const order = { binMin, horizonBins, judgedBins: options.days * dayBins, shownBins: shownDays * dayBins }
  const made = review(loads, order)
  process.stdout.write(
    options.json ? `${JSON.stringify(asJson(made, binMin), null, 2)}\n` : words(made, binMin, options.days),
  )
}

function fromTrace(path: string, binMin: number): Float64Array {
  if (!existsSync(path)) throw new Error(`There is no file ${path}.`)
  return readTrace(path, binMin)
}

function fromLedger(options: ConfigOptions): Float64Array {
  const { stateDir } = commandConfig(options)
  const path = join(stateDir, ledgerFileName)
  if (!existsSync(path))
    throw new Error(
      `There is no ledger in ${stateDir}. Name the state folder of the gateway with --state, or a --trace.`,
    )
  using ledger = new LedgerQuery(path)
  const now = Math.floor(Date.now() / minuteMs) * minuteMs
  return loadsOf(ledger.minutes(now - historyDays * dayMs, now))
}

/** A bin for each minute from the first on. */
export function loadsOf(minutes: readonly LedgerMinute[]): Float64Array {
  const first = minutes[0]?.minuteMs ?? 0
  const last = minutes.at(-1)?.minuteMs ?? first - minuteMs
  const loads = new Float64Array((last - first) / minuteMs + 1).fill(Number.NaN)
  for (const { minuteMs: at, calls, level } of minutes) {
    const isUsual = level !== 'major_outage' && level !== 'under_maintenance'
    if (isUsual) loads[(at - first) / minuteMs] = calls
  }
  return loads
}

const percent = (value: number | null): string => (value === null ? '-' : `${(100 * value).toFixed(1)} %`)
const number = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toFixed(1))

function words({ horizons, points }: Review, binMin: number, days: number): string {
  const longest = horizons.at(-1)
  const lines = horizons.flatMap((each) => ['', ...horizonWords(each, binMin, days)])
  return [
    `The last ${shownDays} days and what is to come, said ${(longest?.bins ?? 1) * binMin} min ahead: ● load, ─ forecast, ░ 10 to 90 %`,
    bandPlot(points, plotSize),
    ...lines,
    '',
  ].join('\n')
}

function horizonWords(each: HorizonReview, binMin: number, days: number): string[] {
  const { bins, forecast: said, wape, wapeAsNow, coverage90, carriers } = each
  const ahead = `In ${bins * binMin} min`
  const first = said
    ? `${ahead}: ${number(said.value)}; 90 % below ${number(quantileAt(said, 0.9))}, 99 % below ${number(quantileAt(said, 0.99))}.`
    : `${ahead}: nothing can be said.`
  const judged =
    wape === null
      ? `  The last ${days} days gave nothing to judge by.`
      : `  Of the last ${days} days: off by ${percent(wape)} of the load ("as now": ${percent(wapeAsNow)}); ${percent(coverage90)} were below the 90 %.`
  const carried = carriers.slice(0, carriersShown).map(({ name, share }) => `${name} ${percent(share)}`)
  return [first, judged, `  Carried by: ${carried.join(', ')}.`]
}

function asJson({ horizons }: Review, binMin: number): object {
  return horizons.map(({ bins, forecast: said, carriers, ...rest }) => ({
    minutes: bins * binMin,
    value: said?.value ?? null,
    p90: said ? quantileAt(said, 0.9) : null,
    p99: said ? quantileAt(said, 0.99) : null,
    ...rest,
    carriers: carriers.filter(({ share }) => share > 0.01),
  }))
}
