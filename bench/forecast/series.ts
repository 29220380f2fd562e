/** The recorded loads to forecast, from a folder of them or from single files. */
import { existsSync } from 'node:fs'
import { basename, join } from 'node:path'
import { readTrace } from '../../src/cli/trace-file.ts'

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
    return path ? [{ ...rest, loads: readTrace(path, rest.binMin) }] : []
  })
}

export function readFile(path: string, binMin: number): Series {
  const horizonMins = binMin === 1 ? minuteHorizons : tenMinuteHorizons
  const name = basename(path).replace(/\.csv(\.gz)?$/, '')
  return { name, binMin, horizonMins, loads: readTrace(path, binMin) }
}
