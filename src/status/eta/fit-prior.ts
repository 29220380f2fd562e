/**
 * Fits a prior to incidents that are over. Each is looked at after 0, 5, 10 … minutes, as long as it lasted ("landmarks"):
 * what was known then, and how long it still took. One line through all of them, and how far they lie from it.
 */
import { knotsMin } from './hats.ts'
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
const spreadWidth = 1
const soft = (minutes: number): number => Math.log(minutes + 20)

export interface Lesson {
  readonly story: EndedStory
  /** 1 for incidents of the same kind of service, less for others. */
  readonly weight: number
}

interface Landmark extends RidgeRow {
  readonly elapsedMin: number
  readonly read: Float64Array
}

const known = new WeakMap<EndedStory, readonly Omit<Landmark, 'weight'>[]>()

export function fitPrior(lessons: readonly Lesson[], nowMs: number): EtaPrior {
  const rows = lessons.flatMap(({ story, weight }) => {
    const age = Math.max(0, nowMs - story.beganMs)
    const weighed = weight * 0.5 ** (age / halfLifeMs)
    return landmarksOf(story).map((landmark) => ({ ...landmark, weight: weighed }))
  })
  const penalties = Float64Array.from([...knotsMin.map(() => curvePenalty), ...signNames.map(() => signPenalty)])
  const fitted = medianRidge(rows, penalties)
  const line = {
    curve: [...fitted.slice(0, knotsMin.length)].map((each) => each + middleLn),
    effects: Object.fromEntries(
      signNames.map((name, i) => [name, fitted[knotsMin.length + i] as number]),
    ) as unknown as Record<SignName, number>,
    spread: [],
  }
  const residuals = rows.map(({ elapsedMin, read, y, weight }) => ({
    at: soft(elapsedMin),
    value: y + middleLn - expectedLn(line, elapsedMin, read),
    weight,
  }))
  const shares = Array.from({ length: spreadCount }, (_, i) => (i + 0.5) / spreadCount)
  const spread = knotsMin.map((knot) => {
    const points = residuals.map(({ at, value, weight }) => ({
      value,
      weight: weight * Math.exp(-(((at - soft(knot)) / spreadWidth) ** 2) / 2),
    }))
    return quantilesOf(points, shares)
  })
  return { ...line, spread }
}

function landmarksOf(story: EndedStory): readonly Omit<Landmark, 'weight'>[] {
  const before = known.get(story)
  if (before) return before
  const minutes = boundedMinutes(story.minutes)
  const landmarks = landmarksMin
    .filter((elapsedMin) => elapsedMin < minutes)
    .map((elapsedMin) => {
      const read = readSigns(story, elapsedMin)
      const y = Math.log(Math.max(leftMinMin, minutes - elapsedMin)) - middleLn
      return { elapsedMin, read, x: regressors(elapsedMin, read), y }
    })
  known.set(story, landmarks)
  return landmarks
}
