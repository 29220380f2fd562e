/**
 * How long will it still last? What is known of others' incidents, bent by what one's own have been like, and ranges
 * that are widened or narrowed by how often they have held.
 */
import { levelsOf, type Misses, noMisses, noteOutcome } from './calibration.ts'
import { type Point, quantilesOf } from './points.ts'
import { type EtaPrior, type EtaReason, expectedLn, reasonsFor, spreadAt } from './prior.ts'
import { type Remedy, withRemedies } from './remedy.ts'
import { readSigns } from './signs.ts'
import { boundedMinutes, elapsedMaxMin, type EndedStory, type Story } from './story.ts'

/** Own incidents remembered, newest kept. */
const ownMax = 100
/** What is known of others counts as so many incidents of one's own. */
const priorWeight = 20
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
  /** Own incidents that lasted as long as this one has by now. */
  readonly ownCount: number
  readonly reasons: readonly EtaReason[]
}

export class EtaLearner {
  /** May be replaced by a better one. */
  prior: EtaPrior
  #own: EndedStory[] = []
  #misses: Misses = noMisses

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
      const { lowMin, highMin } = this.estimate(story, probe)
      this.#misses = noteOutcome(this.#misses, { lowMin, highMin, leftMin: minutes - probe, share: 1 / probes.length })
    }
    this.#own.push({ ...story, minutes })
    if (this.#own.length > ownMax) this.#own.shift()
  }

  estimate(story: Story, elapsedMin: number, remedies: readonly Remedy[] = []): EtaEstimate {
    const elapsed = boundedMinutes(elapsedMin)
    const read = readSigns(story, elapsed)
    const expected = expectedLn(this.prior, elapsed, read)
    const own = this.#ownPoints(story, elapsed)
    const general = spreadAt(this.prior, elapsed).map((value, _, { length }) => ({
      value,
      weight: priorWeight / length,
    }))
    const points = [...general, ...own].map(({ value, weight }) => ({ value: value + expected, weight }))
    const { low, over, high } = levelsOf(this.#misses)
    const [lowMin, medianMin, overByMin, highMin] = quantilesOf(withRemedies(points, remedies), [
      low,
      0.5,
      over,
      high,
    ]).map((ln) => Math.min(elapsedMaxMin, Math.max(leftMinMin, Math.exp(ln)))) as [number, number, number, number]
    const reasons = reasonsFor(this.prior, read)
    return { elapsedMin: elapsed, lowMin, medianMin, overByMin, highMin, ownCount: own.length, reasons }
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
