/** The recorded loads to forecast, from a folder of them or from single files; read by the column, gaps as NaN. */
import { existsSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { gunzipSync } from 'node:zlib'

export interface Series {
  readonly name: string
  readonly binMin: number
  readonly horizonMins: readonly number[]
  readonly loads: Float64Array
}

const minuteHorizons = [1, 5, 15, 60]
const tenMinuteHorizons = [10, 30, 60]

interface Source {
  readonly name: string
  readonly file: string
  readonly binMin: number
  readonly horizonMins: readonly number[]
}

const sources: readonly Source[] = [
  { name: 'nasa', file: 'nasa-1min.csv', binMin: 1, horizonMins: minuteHorizons },
  { name: 'azure2024-code', file: 'azure2024-code-1min.csv', binMin: 1, horizonMins: [5, 15, 60] },
  { name: 'gentd26', file: 'gentd26-requests.csv', binMin: 1, horizonMins: minuteHorizons },
  { name: 'burstgpt-tokens', file: 'burstgpt-week1-1min.csv', binMin: 1, horizonMins: minuteHorizons },
  { name: 'servegen-m-small', file: 'servegen-m-small-10min.csv', binMin: 10, horizonMins: tenMinuteHorizons },
  { name: 'servegen-m-large', file: 'servegen-m-large-10min.csv', binMin: 10, horizonMins: tenMinuteHorizons },
]

/** Those of the folder that are there. */
export function readFolder(folder: string): Series[] {
  return sources.flatMap(({ file, ...rest }) => {
    const path = [file, `${file}.gz`].map((name) => join(folder, name)).find((each) => existsSync(each))
    return path ? [{ ...rest, loads: readLoads(path, rest.binMin) }] : []
  })
}

export function readFile(path: string, binMin: number): Series {
  const horizonMins = binMin === 1 ? minuteHorizons : tenMinuteHorizons
  const name = basename(path).replace(/\.csv(\.gz)?$/, '')
  return { name, binMin, horizonMins, loads: readLoads(path, binMin) }
}

/**
 * A CSV with a column of loads (`requests`, `total_tokens`, `req_per_min`, `load`, or `req_per_s`) and perhaps `gap`; or
 * one row a request with its `time`, counted by the minute from the first day on that is busy.
 * @throws {Error} in words where there is neither.
 */
export function readLoads(path: string, binMin: number): Float64Array {
  const raw = readFileSync(path)
  const [head = '', ...lines] = (path.endsWith('.gz') ? gunzipSync(raw) : raw).toString().trim().split(/\r?\n/)
  const columns = head.split(',')
  const of = (name: string): number => columns.indexOf(name)
  const at = ['requests', 'total_tokens', 'req_per_min', 'load', 'req_per_s'].map(of).find((index) => index >= 0)
  if (at === undefined) {
    if (of('time') < 0) throw new Error(`${path}: no column of loads among ${head}`)
    return countMinutes(lines.map((line) => line.split(',')[of('time')] ?? ''))
  }
  const factor = columns[at] === 'req_per_s' ? 60 * binMin : 1
  const gap = of('gap')
  return Float64Array.from(lines, (line) => {
    const cells = line.split(',')
    return gap >= 0 && cells[gap] === '1' ? Number.NaN : Number(cells[at]) * factor
  })
}

const dayMs = 86_400_000

function countMinutes(times: readonly string[]): Float64Array {
  const moments = times.map((time) => Date.parse(`${time.replace(' ', 'T')}Z`)).filter((ms) => !Number.isNaN(ms))
  const fromMs = firstBusyDay(moments)
  const counted = moments.filter((ms) => ms >= fromMs)
  const last = counted.reduce((a, b) => Math.max(a, b), fromMs)
  const counts = new Float64Array(Math.floor((last - fromMs) / 60_000) + 1)
  for (const ms of counted) (counts[Math.floor((ms - fromMs) / 60_000)] as number)++
  return counts
}

/** A trial of a few requests before is no load. */
function firstBusyDay(moments: readonly number[]): number {
  const days = Map.groupBy(moments, (ms) => Math.floor(ms / dayMs))
  const counts = [...days.values()].map((each) => each.length).sort((a, b) => a - b)
  const usual = counts[Math.floor(counts.length / 2)] ?? 0
  const busy = [...days].filter(([, each]) => each.length >= usual / 3).map(([day]) => day)
  return Math.min(...busy) * dayMs
}
