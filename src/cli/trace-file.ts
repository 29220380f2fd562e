/** Loads from a file: a CSV, plain or gzip, by the minute or by ten, or with a row for each request. Gaps are NaN. */
import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'

const loadColumns = ['requests', 'total_tokens', 'req_per_min', 'load', 'req_per_s'] as const
const dayMs = 86_400_000

/**
 * A CSV with a column of loads (`requests`, `total_tokens`, `req_per_min`, `load`, or `req_per_s`) and perhaps `gap`;
 * or one row a request with its `time`, counted by the minute from the first day on that is busy. @throws {Error} in
 * words where there is neither.
 */
export function readTrace(path: string, binMin = 1): Float64Array {
  const raw = readFileSync(path)
  return parseTrace((path.endsWith('.gz') ? gunzipSync(raw) : raw).toString(), path, binMin)
}

export function parseTrace(text: string, path: string, binMin: number): Float64Array {
  const [head = '', ...lines] = text.trim().split(/\r?\n/)
  const columns = head.split(',')
  const of = (name: string): number => columns.indexOf(name)
  const at = loadColumns.map(of).find((index) => index >= 0)
  if (at === undefined) {
    if (of('time') < 0)
      throw new Error(
        `${path}: among its columns (${head.slice(0, 200)}) is none of ${loadColumns.join(', ')}, and no time.`,
      )
    return countMinutes(lines.map((line) => line.split(',')[of('time')] ?? ''))
  }
  const factor = columns[at] === 'req_per_s' ? 60 * binMin : 1
  const gap = of('gap')
  return Float64Array.from(lines, (line, index) => {
    const cells = line.split(',')
    if (gap >= 0 && cells[gap] === '1') return Number.NaN
    const load = cells[at] === '' ? Number.NaN : Number(cells[at]) * factor
    if (cells[at] !== '' && !(load >= 0)) throw new Error(`${path}, line ${index + 2}: "${cells[at]}" is no load.`)
    return load
  })
}

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
