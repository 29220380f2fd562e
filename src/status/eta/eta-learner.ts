/**
 * How long will it still last? What is known of others' incidents, bent by what one's own have been like, and ranges
 * that are widened or narrowed by how often they have held.
 */
import { type Aims, noteOutcome, promised } from './calibration.ts'
import { type Point, quantilesOf } from './points.ts'
import { type EtaPrior, type EtaReason, expectedLn, reasonsFor, spreadAt } from './prior.ts'
import { type Remedy, withRemedies } from './remedy.ts'
import { readSigns } from './signs.ts'
import { boundedMinutes, elapsedMaxMin, type EndedStory, type Story } from './story.ts'

/** Own incidents remembered, newest kept. */
const ownMax = 100
/** What is known of others counts as so many incidents of one's own. */
const priorWeight = 40
/** Own incidents that are fewer, or nearer to others' than so many standard errors, move nothing. */
const shiftCountMin = 3
const shiftErrors = 2
/** What the spread of few is taken to be at least, in ln squared. */
const spreadMin = 0.3
/** An own incident that so many came after counts half. */
const halfLife = 40
/** One with the same cause counts so many times. */
const sameCauseWeight = 3
/** No end is nearer than this; reports are rounded to minutes. */
const leftMinMin = 0.5
/** When estimates are checked against how it went on, in minutes since the beginning. */
const probesMin = [0, 15, 60, 240]

/** Minutes from now; low to high holds nine ends of ten, and nine of ten come before `overByMin`. */
export interface EtaEstimate {
  readonly elapsedMin: number
  readonly lowMin: number
  readonly medianMin: number
  readonly overByMin: number
  readonly highMin: number
  /** Own incidents that lasted as long as this one has by now, and how many times as long as others' they went on. */
  readonly ownCount: number
  readonly ownFactor: number
  readonly reasons: readonly EtaReason[]
}

export class EtaLearner {
  /** May be replaced by a better one. */
  prior: EtaPrior
  #own: EndedStory[] = []
  #aims: Aims = promised

  /** With own incidents that are over, in the order in which they ended. */
  constructor(prior: EtaPrior, history: readonly EndedStory[] = []) {
    this.prior = prior
    for (const story of history) this.add(story)
  }

  /** One more is over: first it is seen whether the estimates held, then it is learnt from. */
  add(story: EndedStory): void {
    const minutes = boundedMinutes(story.minutes)
    if (minutes === 0) return
    const probes = probesMin.filter((probe) => probe < minutes)
    for (const probe of probes) {
      const { lowMin, overByMin, highMin } = this.estimate(story, probe)
      const outcome = { lowMin, overByMin, highMin, leftMin: minutes - probe, share: 1 / probes.length }
      this.#aims = noteOutcome(this.#aims, outcome)
    }
    this.#own.push({ ...story, minutes })
    if (this.#own.length > ownMax) this.#own.shift()
  }

  estimate(story: Story, elapsedMin: number, remedies: readonly Remedy[] = []): EtaEstimate {
    const elapsed = boundedMinutes(elapsedMin)
    const read = readSigns(story, elapsed)
    const expected = expectedLn(this.prior, elapsed, read)
    const own = this.#ownPoints(story, elapsed)
    const shift = shiftOf(own)
    const general = spreadAt(this.prior, elapsed).map((value, _, { length }) => ({
      value: value + shift,
      weight: priorWeight / length,
    }))
    const points = [...general, ...own].map(({ value, weight }) => ({ value: value + expected, weight }))
    const { below, after, above } = this.#aims
    const [lowMin, medianMin, overByMin, highMin] = quantilesOf(withRemedies(points, remedies), [
      ...[below, 0.5, Math.min(1 - after, 1 - above), 1 - above],
    ]).map((ln) => Math.min(elapsedMaxMin, Math.max(leftMinMin, Math.exp(ln)))) as [number, number, number, number]
    const reasons = reasonsFor(this.prior, read)
    return {
      elapsedMin: elapsed,
      lowMin,
      medianMin,
      overByMin,
      highMin,
      ownCount: own.length,
      ownFactor: Math.exp(shift),
      reasons,
    }
  }

  /** How far the own incidents that got this far ended from what was to be expected of them then. */
  #ownPoints({ causeClass }: Story, elapsed: number): Point[] {
    return this.#own.flatMap((story, i) => {
      if (story.minutes <= elapsed) return []
      const left = Math.log(Math.max(leftMinMin, story.minutes - elapsed))
      const isSameCause = causeClass !== null && story.causeClass === causeClass
      return {
        value: left - expectedLn(this.prior, elapsed, readSigns(story, elapsed)),
        weight: 0.5 ** ((this.#own.length - 1 - i) / halfLife) * (isSameCause ? sameCauseWeight : 1),
      }
    })
  }
}

/**
 * How much longer one's own incidents last than those of others, in ln. Few of them, or near to others, say nothing
 * (James and Stein 1961, the positive part).
 */
function shiftOf(own: readonly Point[]): number {
  const total = own.reduce((sum, { weight }) => sum + weight, 0)
  const count = total ** 2 / own.reduce((sum, { weight }) => sum + weight ** 2, 0)
  if (!(count >= shiftCountMin)) return 0
  const mean = own.reduce((sum, { value, weight }) => sum + weight * value, 0) / total
  const spread = own.reduce((sum, { value, weight }) => sum + weight * (value - mean) ** 2, 0) / total
  const errorSquared = (spread + spreadMin) / count
  return mean * Math.max(0, 1 - (shiftErrors ** 2 * errorSquared) / Math.max(1e-9, mean ** 2))
}
