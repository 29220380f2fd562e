/**
 * How the present release does: the last ten minutes or so, the past fading. The new one is held against what the
 * present one does at the same time, so that a busy hour or a bad network is nobody's fault.
 */
import type { AmountMeasure, MeasureName } from './measures.ts'
import type { ReleaseLook } from './release-look.ts'
import { addSketch, countOf, quantileOf, type Sketch } from './sketch.ts'

const halfLifeMs = 600_000
/** A median of fewer is not worth much; towards the ends it takes more. */
const countMin = 30
/** Strata of load that are looked through: up to two hundred times as much in hand. */
const loadsMax = 16
/** Weights grow instead of old counts shrinking; beyond this, all are divided by it. */
const weightMax = 1e6
/** Strata that are remembered of a measure. */
const strataMax = 128

interface Rate {
  hits: number
  count: number
}

/**
 * How much calls of one replica in one look resemble each other, as sums: Σ (r² − 1) and Σ (calls of a replica −
 * 1).
 */
interface Likeness {
  excess: number
  pairs: number
}

export interface BaselineState {
  weight: number
  rates: Record<string, Rate>
  sketches: Record<AmountMeasure['of'], Record<string, number[]>>
  likeness: Record<string, Likeness>
}

export const newBaseline = (): BaselineState => ({
  weight: 1,
  rates: {},
  sketches: { ttftMs: {}, interTokenMs: {}, answerTokens: {} },
  likeness: {},
})

/** What an amount is compared with. */
export interface Reference {
  readonly value: number
  /** Measures it rests on. */
  readonly count: number
}

/** The sketches of a look by stratum; answers have one. */
export function strataOf(look: ReleaseLook, of: AmountMeasure['of']): Readonly<Record<string, Sketch>> {
  return of === 'answerTokens' ? { '0.0': look.answerTokens } : look[of]
}

export function addLook(baseline: BaselineState, look: ReleaseLook, ms: number): void {
  baseline.weight *= 2 ** (ms / halfLifeMs)
  if (baseline.weight > weightMax) rescale(baseline)
  for (const kind of ['ttftMs', 'interTokenMs', 'answerTokens'] as const) {
    const kept = baseline.sketches[kind]
    for (const [stratum, sketch] of Object.entries(strataOf(look, kind))) {
      if (!kept[stratum] && Object.keys(kept).length >= strataMax) continue
      addSketch((kept[stratum] ??= []), sketch, baseline.weight)
    }
  }
}

export function addRate(baseline: BaselineState, name: MeasureName, hits: number, count: number): void {
  const rate = (baseline.rates[name] ??= { hits: 0, count: 0 })
  rate.hits += hits * baseline.weight
  rate.count += count * baseline.weight
}

export function rateOf({ rates, weight }: BaselineState, name: MeasureName): Rate {
  const { hits, count } = rates[name] ?? { hits: 0, count: 0 }
  return { hits: hits / weight, count: count / weight }
}

/**
 * The present quantile where calls were alike: in the same stratum and, as long as those are few, in the next ones
 * under more load. That is lenient, since a release is not slower for having less to do. Null where there are too
 * few.
 */
export function referenceOf(baseline: BaselineState, measure: AmountMeasure, stratum: string): Reference | null {
  const { quantile, of } = measure
  const kept = baseline.sketches[of]
  const [size = '0', load = '0'] = stratum.split('.')
  const wanted = countMin / Math.min(1, 4 * quantile, 4 * (1 - quantile))
  const alike: number[] = []
  for (let more = 0; more <= loadsMax; more++) {
    const sketch = kept[`${size}.${Number(load) + more}`]
    if (!sketch) continue
    addSketch(alike, sketch)
    const count = countOf(alike) / baseline.weight
    if (count >= wanted) return { value: quantileOf(alike, quantile), count }
  }
  return null
}

/** What is believed before anything was seen: as much as some looks at a replica with ten calls would tell. */
const likenessPrior: Likeness = { excess: 0.6, pairs: 60 }
/** One wild look says no more than this. */
const excessMax = 40

/** @param square of the difference between hits and what was to be expected, over the variance of independent calls */
export function addLikeness(baseline: BaselineState, name: MeasureName, square: number, callsPerReplica: number): void {
  if (callsPerReplica <= 1) return
  const likeness = (baseline.likeness[name] ??= { excess: 0, pairs: 0 })
  likeness.excess += (Math.min(square, excessMax) - 1) * baseline.weight
  likeness.pairs += (callsPerReplica - 1) * baseline.weight
}

/**
 * How many calls tell as much as one call by itself would, at least 1: `1 + ρ (calls of a replica − 1)`, the
 * design effect of clustered samples (Kish 1965), its ρ learnt from the present release.
 */
export function designEffect({ likeness, weight }: BaselineState, name: MeasureName, callsPerReplica: number): number {
  const { excess, pairs } = likeness[name] ?? { excess: 0, pairs: 0 }
  const alike = Math.max(0, (excess / weight + likenessPrior.excess) / (pairs / weight + likenessPrior.pairs))
  return 1 + Math.min(1, alike) * Math.max(0, callsPerReplica - 1)
}

function rescale(baseline: BaselineState): void {
  const by = 1 / baseline.weight
  for (const strata of Object.values(baseline.sketches))
    for (const sketch of Object.values(strata))
      for (let i = 0; i < sketch.length; i++) sketch[i] = (sketch[i] ?? 0) * by
  for (const rate of Object.values(baseline.rates)) {
    rate.hits *= by
    rate.count *= by
  }
  for (const each of Object.values(baseline.likeness)) {
    each.excess *= by
    each.pairs *= by
  }
  baseline.weight = 1
}
