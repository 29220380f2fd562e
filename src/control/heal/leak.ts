/**
 * A leak: the least memory of each bin of time, less what the calls in hand explain, rises beyond chance (Mann–Kendall
 * at one in a thousand, its variance corrected for what neighbours share), and the lower bound of its slope (Theil–Sen)
 * is above zero. It is replaced before it dies: when what is left lasts no longer than a few times what a replacement
 * takes.
 */
import { risingProbability, slopeRange } from '../../ground/mann-kendall.ts'
import { median, theilSen } from '../../ground/theil-sen.ts'
import type { Finding, ReplicaView } from './ailment.ts'

const chanceMax = 0.0005
const binsMin = 36
const binsMax = 144
/** What happens at the start is no leak. */
const settleMs = 15 * 60_000
const warnMs = 6 * 3_600_000
/** Of start and drain together; or so many bins, for it is not looked at more often. */
const replacementsLeft = 3
const binsLeft = 12
/** Peaks of which the middle one counts. */
const peaksCount = 6

export interface MemoryBin {
  atMs: number
  bytes: number
  /** The most of it: that is what meets the limit. */
  peakBytes: number
  /** In hand when it was so. */
  calls: number
}

export interface LeakRules {
  /** Over so long memory is put together. */
  readonly binMs: number
  /** What it takes to start another one and to drain this one. */
  readonly replaceMs: number
}

/** The least of each bin, of which the last one is not over. Changes `bins`: it is done for each replica a second. */
export function addMemory(
  bins: MemoryBin[],
  { memoryBytes, startedMs, calls }: ReplicaView,
  nowMs: number,
  binMs: number,
): void {
  if (memoryBytes === null || nowMs - startedMs < Math.min(settleMs, 3 * binMs)) return
  const last = bins.at(-1)
  if (!last || Math.floor(last.atMs / binMs) !== Math.floor(nowMs / binMs)) {
    bins.push({ atMs: nowMs, bytes: memoryBytes, peakBytes: memoryBytes, calls })
    if (bins.length > binsMax) bins.shift()
    return
  }
  last.peakBytes = Math.max(last.peakBytes, memoryBytes)
  if (last.bytes <= memoryBytes) return
  last.atMs = nowMs
  last.bytes = memoryBytes
  last.calls = calls
}

export interface Leak {
  readonly bytesPerHour: number
  readonly leftMs: number
  readonly chance: number
}

/** Null where it does not grow, or not for sure. */
export function judgeLeak(bins: readonly MemoryBin[], bytesMax: number): Leak | null {
  if (bins.length < binsMin) return null
  const times = bins.map(({ atMs }) => atMs)
  const calls = bins.map((bin) => bin.calls)
  const raw = bins.map(({ bytes }) => bytes)
  // What a call takes is learnt from what is left when the growth is taken off, so that a leak under a rising load is
  // not explained by the load.
  const first = theilSen(times, raw).slope
  const perCall =
    new Set(calls).size > 1
      ? theilSen(
          calls,
          raw.map((bytes, i) => bytes - first * (times[i] ?? 0)),
        ).slope
      : 0
  const floor = raw.map((bytes, i) => bytes - Math.max(0, perCall) * (calls[i] ?? 0))
  // The test costs thousands of times as much as this look, at which nearly all are well.
  const roughSlope = theilSen(times, floor).slope
  // Wild samples say nothing, so the middle one of the peaks.
  const left = Math.max(0, bytesMax - median(bins.slice(-peaksCount).map(({ peakBytes }) => peakBytes)))
  if (!(roughSlope > 0) || left / roughSlope > 2 * warnMs) return null
  const chance = risingProbability(floor)
  if (chance > chanceMax) return null
  const { slope, slopeMin } = slopeRange(times, floor)
  if (!(slopeMin > 0)) return null
  return { bytesPerHour: slope * 3_600_000, leftMs: left / slope, chance }
}

export function findLeak(
  bins: readonly MemoryBin[],
  { memoryBytesMax }: ReplicaView,
  { replaceMs, binMs }: LeakRules,
): Finding | null {
  // The last bin is not over.
  const leak = memoryBytesMax === null ? null : judgeLeak(bins.slice(0, -1), memoryBytesMax)
  if (leak === null || leak.leftMs > warnMs) return null
  const hours = (leak.leftMs / 3_600_000).toFixed(1)
  const evidence = `memory grows by ${Math.round(leak.bytesPerHour / 2 ** 20)} MiB an hour over ${bins.length} samples (chance ${leak.chance.toExponential(0)}); its limit is reached in ${hours} h`
  return {
    ailment: 'leak',
    remedy: leak.leftMs <= Math.max(replacementsLeft * replaceMs, binsLeft * binMs) ? 'replace' : 'tell',
    evidence,
  }
}
