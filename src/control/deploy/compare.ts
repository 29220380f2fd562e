/** One look at one measure: how often what it looks for happened at the new release, and how often it may. */
import {
  addLikeness,
  addRate,
  type BaselineState,
  designEffect,
  type Reference,
  rateOf,
  referenceOf,
  strataOf,
} from './baseline.ts'
import type { AmountMeasure, Margin, Measure, RateMeasure } from './measures.ts'
import type { Look, ReleaseLook } from './release-look.ts'
import { countAbove, countOf, type Sketch } from './sketch.ts'

/** Calls of one look and what is claimed of them. */
export interface Portion {
  /** Calls that tell as much as if each stood by itself. */
  readonly count: number
  /** "It is harmless: at most so often", and how often it was. */
  readonly harmlessRate: number
  readonly harmlessHits: number
  /** "It is harmful: at least so often", and how often it was. */
  readonly harmfulRate: number
  readonly harmfulHits: number
}

/** What a look of the present release is smoothed with: so many calls as they usually are. */
const usualCalls = 30

/** Takes the present release into the baseline and tells what the new one's look came to. */
export function compare(measure: Measure, { present, next }: Look, baseline: BaselineState): Portion[] {
  return measure.kind === 'rate'
    ? compareRate(measure, present, next, baseline)
    : compareAmount(measure, present, next, baseline)
}

const allowed = (rate: number, { relative, absolute }: Margin): number => rate * (1 + relative) + absolute
const perReplica = (count: number, look: ReleaseLook): number => count / Math.max(1, look.replicas.length)

function compareRate(
  measure: RateMeasure,
  present: ReleaseLook,
  next: ReleaseLook,
  baseline: BaselineState,
): Portion[] {
  const { name } = measure
  const [hits, count] = [measure.hits(present), measure.count(present)]
  const before = rateOf(baseline, name)
  const usual = (before.hits + 0.5) / (before.count + 50)
  noteLikeness(baseline, measure, { hits, count, rate: usual, calls: perReplica(count, present) })
  addRate(baseline, name, hits, count)
  const all = rateOf(baseline, name)
  const rate = (all.hits + 0.5) / (all.count + 50)
  const error = errorOf(baseline, measure, rate, all.count, perReplica(count, present))
  const now = (hits + usualCalls * rate) / (count + usualCalls)
  const own = measure.count(next)
  if (own === 0) return []
  const effect = designEffect(baseline, name, perReplica(own, next))
  const ownHits = measure.hits(next) / effect
  return [
    {
      count: own / effect,
      harmlessRate: allowed(Math.max(rate + error, now), measure.harmless),
      harmlessHits: ownHits,
      harmfulRate: allowed(Math.max(0, rate - error), measure.harmful),
      harmfulHits: ownHits,
    },
  ]
}

/**
 * An amount becomes a rate: how many lie beyond the present quantile moved by the margin? As many as beyond the
 * quantile itself, were the new one worse by just the margin.
 */
function compareAmount(
  measure: AmountMeasure,
  present: ReleaseLook,
  next: ReleaseLook,
  baseline: BaselineState,
): Portion[] {
  const { name, quantile, wrong } = measure
  const usual = wrong === 'more' ? 1 - quantile : quantile
  const own = strataOf(next, measure.of)
  const total = Object.values(own).reduce((sum, sketch) => sum + countOf(sketch), 0)
  const now = presentNow(measure, present, baseline, usual)
  if (total === 0) return []
  const effect = designEffect(baseline, name, perReplica(total, next))
  return Object.entries(own).flatMap(([stratum, sketch]) => {
    const count = countOf(sketch)
    const reference = count > 0 ? referenceOf(baseline, measure, stratum) : null
    if (!reference) return []
    const error = errorOf(baseline, measure, usual, reference.count, perReplica(reference.count, present))
    return {
      count: count / effect,
      harmlessRate: Math.max(usual + error, now),
      harmlessHits: beyond(sketch, reference, measure.harmless, wrong) / effect,
      harmfulRate: usual - error,
      harmfulHits: beyond(sketch, reference, measure.harmful, wrong) / effect,
    }
  })
}

/** The share of the present release's calls of this look that lie beyond its own quantile. */
function presentNow(measure: AmountMeasure, present: ReleaseLook, baseline: BaselineState, usual: number): number {
  let [hits, count] = [0, 0]
  for (const [stratum, sketch] of Object.entries(strataOf(present, measure.of))) {
    const reference = referenceOf(baseline, measure, stratum)
    if (!reference) continue
    hits += beyond(sketch, reference, { relative: 0, absolute: 0 }, measure.wrong)
    count += countOf(sketch)
  }
  noteLikeness(baseline, measure, { hits, count, rate: usual, calls: perReplica(count, present) })
  return (hits + usualCalls * usual) / (count + usualCalls)
}

function beyond(sketch: Sketch, { value }: Reference, { relative, absolute }: Margin, wrong: 'more' | 'less'): number {
  if (wrong === 'more') return countAbove(sketch, value * (1 + relative) + absolute)
  return countOf(sketch) - countAbove(sketch, Math.max(1, (value - absolute) / (1 + relative)))
}

function noteLikeness(
  baseline: BaselineState,
  { name }: Measure,
  { hits, count, rate, calls }: { hits: number; count: number; rate: number; calls: number },
): void {
  if (count < 5) return
  const variance = count * rate * (1 - rate)
  // Where less than one is to be expected, one hit would look like a crowd.
  addLikeness(baseline, name, (hits - count * rate) ** 2 / Math.max(0.5, variance), calls)
}

/** One standard error of the present rate. */
function errorOf(
  baseline: BaselineState,
  { name }: Measure,
  rate: number,
  count: number,
  callsPerReplica: number,
): number {
  const effect = designEffect(baseline, name, Math.min(callsPerReplica, 20))
  return Math.sqrt((rate * (1 - rate) * effect) / Math.max(1, count))
}
