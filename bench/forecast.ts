/**
 * How good are the forecasts? Recorded loads once more, every bin an origin, beside the baselines that anyone would
 * think of and their mixture. One setting for all series.
 */
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { quantileShares } from '../src/observe/forecast/band.ts'
import { bandPlot } from '../src/observe/forecast/band-plot.ts'
import { Command, flag, say, text } from './command.ts'
import { publishedWape } from './forecast/published.ts'
import { type Cell, holdfast, mixture, rollingOrigin } from './forecast/rolling-origin.ts'
import { readFile, readFolder, type Series } from './forecast/series.ts'

const usage = `usage: npm run bench:forecast -- [options]
  --data FOLDER    with recorded loads, default ../shared/traces
  --series NAMES   only these, separated by commas
  --score FILE     another load, CSV or CSV.gz: minute,requests[,gap] or t_s,req_per_s
  --bin N          minutes of a row of --score and --before: 1 or 10, default 1
  --before FILE    what came before --score: learnt, not scored; then all of --score is scored
  --share N        which part at the end is scored, default 0.4
  --plot           the last two days of each series and horizon, in the terminal
  --json FILE      keeps all figures`

interface Job {
  readonly series: Series
  readonly scoredFrom: number
}

const tell = (words: string): void => void process.stdout.write(`${words}\n`)
const percent = (value: number, digits = 1): string => (100 * value).toFixed(digits)

function main(): void {
  const command = new Command(usage, {
    ...{ data: text, series: text, score: text, bin: text, before: text, share: text, plot: flag, json: text },
  })
  const jobs = jobsOf(command)
  if (jobs.length === 0) return
  const cells: Cell[] = []
  for (const { series, scoredFrom } of jobs) {
    say(`${series.name}: ${series.loads.length} bins of ${series.binMin} min`)
    const { cells: each, msPerBin } = rollingOrigin(series, scoredFrom)
    say(`  ${msPerBin.toFixed(2)} ms of CPU a bin for ${each.length} horizons`)
    cells.push(...each)
    if (command.is('plot')) for (const cell of each) plot(cell)
  }
  print(cells)
  const json = command.text('json')
  const without = (key: string, value: unknown): unknown => (key === 'tail' ? undefined : value)
  if (json) writeFileSync(json, `${JSON.stringify(cells, without, 2)}\n`)
}

function jobsOf(
  command: Command<{
    data: typeof text
    series: typeof text
    score: typeof text
    bin: typeof text
    before: typeof text
    share: typeof text
    plot: typeof flag
    json: typeof text
  }>,
): Job[] {
  const share = command.number('share', 0.4, 0.01, 1)
  const file = command.text('score')
  if (file) {
    const binMin = Number(command.oneOf('bin', ['1', '10'], '1'))
    const before = command.text('before')
    for (const path of [file, before]) if (path && !existsSync(path)) command.refuse(`no such file: ${path}`)
    const scored = readFile(file, binMin)
    if (!before) return [{ series: scored, scoredFrom: Math.floor(scored.loads.length * (1 - share)) }]
    const learnt = readFile(before, binMin).loads
    const loads = Float64Array.from([...learnt, ...scored.loads])
    return [{ series: { ...scored, loads }, scoredFrom: learnt.length }]
  }
  const folder = command.text('data') ?? join(import.meta.dirname, '..', '..', 'shared', 'traces')
  const found = readFolder(folder)
  if (found.length === 0) say(`skipped: no recorded loads in ${folder}; name a folder with --data`)
  const only = command.text('series')?.split(',')
  return found
    .filter(({ name }) => only?.includes(name) ?? true)
    .map((series) => ({ series, scoredFrom: Math.floor(series.loads.length * (1 - share)) }))
}

function print(cells: readonly Cell[]): void {
  const methods = cells[0]?.scores.map(({ method }) => method) ?? []
  const wide = (words: readonly string[]): void => tell(`| ${words.join(' | ')} |`)
  tell('\nWAPE in %')
  wide(['series', 'min', ...methods, 'against the mixture', 'published mixture', 'against it'])
  wide(['---', ...methods.map(() => '---'), '---', '---', '---', '---'])
  for (const cell of cells) {
    const published = publishedWape[cell.series]?.[cell.horizonMin]
    const own = wapeOf(cell, holdfast)
    wide([
      ...[cell.series, String(cell.horizonMin), ...cell.scores.map(({ wape }) => percent(wape, 2))],
      (own / wapeOf(cell, mixture)).toFixed(3),
      ...[published?.toFixed(1) ?? '-', published ? ((100 * own) / published).toFixed(3) : '-'],
    ])
  }
  tell(
    '\nPinball loss of the 90 %, in % of the mean load; against the mixture; share of values below each quantile in %',
  )
  wide(['series', 'min', ...methods, 'against the mixture', ...quantileShares.map((share) => percent(share))])
  wide(['---', ...methods.map(() => '---'), '---', '---', ...quantileShares.map(() => '---')])
  for (const cell of cells) {
    const ratio = pinballOf(cell, holdfast) / pinballOf(cell, mixture)
    const losses = cell.scores.map(({ pinball90 }) => percent(pinball90, 2))
    wide([
      cell.series,
      String(cell.horizonMin),
      ...losses,
      ratio.toFixed(3),
      ...cell.coverage.map((each) => percent(each)),
    ])
  }
  printMeans(cells)
}

function printMeans(cells: readonly Cell[]): void {
  const judged = cells.filter(({ horizonMin }) => horizonMin >= 10)
  const ratios = judged.map((cell) => wapeOf(cell, holdfast) / wapeOf(cell, mixture))
  const published = cells.flatMap((cell) => {
    const figure = publishedWape[cell.series]?.[cell.horizonMin]
    return figure ? [(100 * wapeOf(cell, holdfast)) / figure] : []
  })
  const losses = cells.map((cell) => pinballOf(cell, holdfast) / pinballOf(cell, mixture))
  const covered = cells.map(({ coverage }) => coverage[quantileShares.indexOf(0.9)] ?? Number.NaN)
  const line = (words: string, all: readonly number[]): void => {
    if (all.length > 0) tell(`${words}: ${geometricMean(all).toFixed(4)}, worst ${Math.max(...all).toFixed(3)}`)
  }
  tell('')
  line('WAPE from 10 min on, against the mixture of this run (geometric mean)', ratios)
  line('WAPE against the published mixture', published)
  line('Pinball of the 90 % against the mixture of this run', losses)
  tell(`The 90 % covers ${percent(Math.min(...covered))} to ${percent(Math.max(...covered))} %`)
}

function plot({ series, horizonMin, tail }: Cell): void {
  tell(`\n${series}, ${horizonMin} min ahead: ● load, ─ forecast, ░ 10 to 90 %`)
  tell(bandPlot(tail, { columns: 100, rows: 16 }))
}

function wapeOf({ scores }: Cell, of: string): number {
  return scores.find(({ method }) => method === of)?.wape ?? Number.NaN
}

function pinballOf({ scores }: Cell, of: string): number {
  return scores.find(({ method }) => method === of)?.pinball90 ?? Number.NaN
}

function geometricMean(all: readonly number[]): number {
  return Math.exp(all.reduce((sum, each) => sum + Math.log(each), 0) / all.length)
}

main()
