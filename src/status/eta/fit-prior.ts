/**
 * Fits a prior to incidents that are over. Each is looked at after 0, 5, 10 … minutes, as long as it lasted (landmarks,
 * van Houwelingen 2007): what was known then, and how long it still took. One line through all of them, and how far
 * they lie from it.
 */
import { beyond, knotsMin } from './hats.ts'
import { medianRidge, type RidgeRow } from './median-ridge.ts'
import { quantilesOf } from './points.ts'
import { type EtaPrior, expectedLn, regressors, spreadCount } from './prior.ts'
import { readSigns, type SignName, signNames } from './signs.ts'
import { boundedMinutes, type EndedStory } from './story.ts'

const landmarksMin = [0, 5, 10, 15, 22, 30, 45, 60, 90, 120, 180, 240, 360, 540, 900, 1500]
/** Less than this is left never, as reports are rounded to minutes. */
const leftMinMin = 0.5
/** Incidents so much older count half. */
const halfLifeMs = 700 * 86_400_000
/** Typical ln of minutes, about which the line bends. */
const middleLn = 4.2
/** How hard signs are held to 0; the curve is all but free. */
const signPenalty = 60
const curvePenalty = 0.6
/** Landmarks so far away in ln of elapsed time say 0.6 times as much of a knot's spread. */
const spreadWidth = 0.7
/** The line was drawn to lie near these very incidents: it has as many of them to its credit as it has coefficients. */
const spreadSlack = knotsMin.length + signNames.length
/** Late ends are less known than early ones: durations have grown over the years, and the longest are the rarest. */
const lateSlack = 2
const soft = (minutes: number): number => Math.log(minutes + 20)

/** What an incident counts, so long after it. */
export function ageWeight(ageMs: number): number {
  return 0.5 ** (Math.max(0, ageMs) / halfLifeMs)
}

export interface Lesson {
  readonly story: EndedStory
  /** 1 for new incidents of the same kind of service, less for others and for old ones. */
  readonly weight: number
}

interface Landmark extends RidgeRow {
  readonly story: EndedStory
  readonly elapsedMin: number
  readonly read: Float64Array
}

const known = new WeakMap<EndedStory, readonly Omit<Landmark, 'weight'>[]>()

export function fitPrior(lessons: readonly Lesson[]): EtaPrior {
  const rows = lessons.flatMap(({ story, weight }) => landmarksOf(story).map((landmark) => ({ ...landmark, weight })))
  const penalties = Float64Array.from([...knotsMin.map(() => curvePenalty), ...signNames.map(() => signPenalty)])
  const fitted = medianRidge(rows, penalties)
  const line = {
    curve: [...fitted.slice(0, knotsMin.length)].map((each) => each + middleLn),
    effects: Object.fromEntries(
      signNames.map((name, i) => [name, fitted[knotsMin.length + i] as number]),
    ) as unknown as Record<SignName, number>,
    spread: [],
  }
  const residuals = rows.map(({ story, elapsedMin, read, y, weight }) => ({
    story,
    at: soft(elapsedMin),
    value: y + middleLn + beyond(elapsedMin) - expectedLn(line, elapsedMin, read),
    weight,
  }))
  const spread = knotsMin.map((knot) => {
    const points = residuals.map(({ story, at, value, weight }) => ({
      story,
      value,
      weight: weight * Math.exp(-(((at - soft(knot)) / spreadWidth) ** 2) / 2),
    }))
    return quantilesOf(points, sharesFor(incidentsIn(points)))
  })
  return { ...line, spread }
}

/** The middles of equal shares, further out the fewer incidents there are, as a conformal range would be. */
function sharesFor(count: number): number[] {
  return Array.from({ length: spreadCount }, (_, i) => {
    const side = (i + 0.5) / spreadCount - 0.5
    const slack = side > 0 ? spreadSlack * lateSlack : spreadSlack
    const share = 0.5 + side * (1 + slack / Math.max(1, count))
    return Math.min(1, Math.max(0, share))
  })
}

/** How many incidents of the same weight would say as much (Kish). */
function incidentsIn(points: readonly { readonly story: EndedStory; readonly weight: number }[]): number {
  const weights = new Map<EndedStory, number>()
  for (const { story, weight } of points) weights.set(story, (weights.get(story) ?? 0) + weight)
  let [sum, squares] = [0, 0]
  for (const weight of weights.values()) {
    sum += weight
    squares += weight ** 2
  }
  return squares === 0 ? 0 : sum ** 2 / squares
}

function landmarksOf(story: EndedStory): readonly Omit<Landmark, 'weight'>[] {
  const before = known.get(story)
  if (before) return before
  const minutes = boundedMinutes(story.minutes)
  const landmarks = landmarksMin
    .filter((elapsedMin) => elapsedMin < minutes)
    .map((elapsedMin) => {
      const read = readSigns(story, elapsedMin)
      const y = Math.log(Math.max(leftMinMin, minutes - elapsedMin)) - middleLn - beyond(elapsedMin)
      return { story, elapsedMin, read, x: regressors(elapsedMin, read), y }
    })
  known.set(story, landmarks)
  return landmarks
}
