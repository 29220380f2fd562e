/**
 * Does a replica leak? Its memory over the calls it has served: a leak goes on, while caches fill and are full.
 * Told as the hours until nothing is left once the release has all calls. Mann–Kendall says whether it grows,
 * Theil–Sen how fast.
 */
import { risingProbability, slopeRange } from '../../ground/mann-kendall.ts'

export interface MemoryState {
  /** Calls served when it was looked at, and what it held. */
  calls: number[]
  bytes: number[]
  /** Calls served until now. */
  served: number
  bytesMax: number
  /** Samples at which it is looked at next: each look has a chance to be wrong, so there are few. */
  nextCount: number
  verdict: MemoryVerdict
  /** How often in a row it looked like a leak. */
  leaks: number
}

export interface MemoryVerdict {
  readonly kind: 'leaking' | 'flat' | 'unsure'
  /** Until the limit, under the load of all calls; null where it does not grow or nothing is known. */
  readonly hoursLeft: number | null
}

const unsure: MemoryVerdict = { kind: 'unsure', hoursLeft: null }
const samplesMax = 120
const samplesMin = 24
const lookGrowth = 1.25
/** The first part of its life says little: caches fill. Nor do so few calls, whatever they show. */
const warmShare = 0.4
const servedMin = 400
/** What fills up grows more slowly later; a leak grows on by this part at least. */
const goesOnShare = 0.6
const chanceMax = 0.001
/** Looks in a row that must find it. */
const leaksMin = 2
/** A leak that ends in less is harmful, in more than twice that it is let through. */
const harmfulHours = 12
/** Replicas without a limit are taken to have that of what they hold at first. */
const unknownRoom = 1.5

export const newMemory = (): MemoryState => ({
  ...{ calls: [], bytes: [], served: 0, bytesMax: 0, nextCount: samplesMin, verdict: unsure, leaks: 0 },
})

/** @param callsPerHour that it would serve with all calls on its release */
export function noteMemory(
  state: MemoryState,
  sample: { readonly calls: number; readonly bytes: number; readonly bytesMax: number | null },
  callsPerHour: number,
): void {
  state.served += sample.calls
  state.calls.push(state.served)
  state.bytes.push(sample.bytes)
  state.bytesMax = sample.bytesMax ?? (state.bytes[0] ?? 0) * unknownRoom
  if (state.calls.length >= state.nextCount) {
    state.nextCount = Math.ceil(state.calls.length * lookGrowth)
    const verdict = judgeMemory(state, callsPerHour)
    state.leaks = verdict.kind === 'leaking' ? state.leaks + 1 : 0
    state.verdict = verdict.kind === 'leaking' && state.leaks < leaksMin ? { ...verdict, kind: 'unsure' } : verdict
  }
  if (state.calls.length > samplesMax) thin(state)
}

function judgeMemory({ calls, bytes, bytesMax }: MemoryState, callsPerHour: number): MemoryVerdict {
  const last = calls.at(-1) ?? 0
  const first = calls.findIndex((each) => each >= last * warmShare)
  const [x, y] = [calls.slice(first), bytes.slice(first)]
  if (x.length < samplesMin / 2 || last === x[0]) return unsure
  const left = Math.max(0, bytesMax - (bytes.at(-1) ?? 0))
  const { slope, slopeMin } = slopeRange(x, y)
  const { slopeMin: negated } = slopeRange(
    x,
    y.map((each) => -each),
  )
  const hoursAt = (each: number): number => (each > 0 ? left / (each * callsPerHour) : Infinity)
  if (hoursAt(-negated) > harmfulHours) return { kind: 'flat', hoursLeft: null }
  const isRising = risingProbability(y) < chanceMax && slopeMin > 0
  const hoursLeft = isRising ? hoursAt(slope) : null
  const isLeaking = last >= servedMin && isRising && hoursAt(slopeMin) < 2 * harmfulHours && goesOn(x, y)
  return { kind: isLeaking ? 'leaking' : 'unsure', hoursLeft }
}

function goesOn(x: readonly number[], y: readonly number[]): boolean {
  const half = x.length >> 1
  const earlier = slopeRange(x.slice(0, half), y.slice(0, half)).slope
  return slopeRange(x.slice(half), y.slice(half)).slopeMin > goesOnShare * Math.max(0, earlier)
}

/** Every second sample goes. */
function thin(state: MemoryState): void {
  state.calls = state.calls.filter((_, i) => i % 2 === 1)
  state.bytes = state.bytes.filter((_, i) => i % 2 === 1)
  state.nextCount = Math.ceil(state.calls.length * lookGrowth)
}
