/** What a gateway holds while it soaks, sampled: memory, descriptors, timers; and whether any of it grows. */
import { readdirSync } from 'node:fs'
import { metricOf, metricsPage } from '../metrics-page.ts'
import { residentBytes } from '../process-tree.ts'
import { theilSenSlope } from '../../src/ground/mann-kendall.ts'
import { judgeTrend, type Trend } from '../../src/ground/trend.ts'
import { median } from '../statistics.ts'

export interface Held {
  readonly atSeconds: number
  readonly heapBytes: number
  readonly residentBytes: number
  readonly descriptors: number
  readonly handles: number
  readonly timers: number
  readonly callsLive: number
  readonly journalBytes: number
}

type SeriesName = Exclude<keyof Held, 'atSeconds'>

/** What growth matters, in the unit of the series and as a share of what is held. */
const bars: Readonly<
  Record<Exclude<SeriesName, 'callsLive' | 'journalBytes'>, { growthMin: number; shareMin: number }>
> = {
  heapBytes: { growthMin: 4 * 2 ** 20, shareMin: 0.03 },
  residentBytes: { growthMin: 8 * 2 ** 20, shareMin: 0.03 },
  descriptors: { growthMin: 10, shareMin: 0.1 },
  handles: { growthMin: 10, shareMin: 0.1 },
  timers: { growthMin: 10, shareMin: 0.1 },
}

/** Least samples of a bin, and most bins: a bin is told by its least value, the floor that a leak would raise. */
const binSamplesMin = 3
const binsMax = 40

/** Null when the gateway did not answer in time. */
export async function sampleHeld(adminUrl: string, pids: readonly number[], atSeconds: number): Promise<Held | null> {
  const page = await metricsPage(adminUrl).catch(() => null)
  if (page === null) return null
  return {
    atSeconds,
    heapBytes: metricOf(page, 'nodejs_heap_size_used_bytes') + metricOf(page, 'nodejs_external_memory_bytes'),
    residentBytes: residentBytes(pids),
    descriptors: pids.reduce((sum, pid) => sum + countDescriptors(pid), 0),
    handles: metricOf(page, 'nodejs_active_handles_total'),
    timers: metricOf(page, 'nodejs_active_resources', 'type="Timeout"'),
    callsLive: metricOf(page, 'holdfast_calls_live'),
    journalBytes: metricOf(page, 'holdfast_journal_bytes'),
  }
}

function countDescriptors(pid: number): number {
  try {
    return readdirSync(`/proc/${pid}/fd`).length
  } catch {
    return 0
  }
}

/** What a series would be at the usual number of calls: its part that follows them is taken off, as load is no leak. */
function withoutLoad(samples: readonly Held[], name: SeriesName): number[] {
  const live = samples.map(({ callsLive }) => callsLive)
  const values = samples.map((sample) => sample[name])
  const perCall = Math.max(0, theilSenSlope(live, values) || 0)
  const usual = median(live)
  return values.map((value, i) => value - perCall * ((live[i] ?? usual) - usual))
}

/** The least of each bin of samples. */
function floors(samples: readonly Held[], name: SeriesName): { x: number[]; y: number[] } {
  const values = withoutLoad(samples, name)
  const size = Math.max(binSamplesMin, Math.ceil(samples.length / binsMax))
  const starts = Array.from({ length: Math.floor(samples.length / size) }, (_, i) => i * size)
  return {
    x: starts.map((start) => samples[start]?.atSeconds ?? 0),
    y: starts.map((start) => Math.min(...values.slice(start, start + size))),
  }
}

export interface SeriesVerdict extends Trend {
  readonly name: keyof typeof bars
  readonly bins: number
}

export function judgeHeld(samples: readonly Held[]): SeriesVerdict[] {
  return (Object.keys(bars) as (keyof typeof bars)[]).map((name) => {
    const { x, y } = floors(samples, name)
    return { name, bins: x.length, ...judgeTrend(x, y, bars[name]) }
  })
}
