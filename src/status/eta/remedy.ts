/** Remedies under way whose time is known, such as a model server that is being started. */
import { elapsedMaxMin } from './story.ts'
import type { Point } from './points.ts'

export interface Remedy {
  /** Minutes until it takes effect; below 0 where that time has passed. */
  readonly leftMin: number
  /** How long it takes from its beginning. */
  readonly leadMin: number
  /** Share of such remedies that ended the incident. */
  readonly chance: number
}

/** After the remedy has taken effect it takes so long until all is well, in minutes: one third each. */
const settleMin = [1, 3, 8]

/** The points with the remedies in them: each takes its chance of the weight, and adds it where it would end. */
export function withRemedies(points: readonly Point[], remedies: readonly Remedy[]): Point[] {
  return remedies.filter(isSane).reduce<Point[]>(
    (before, remedy) => {
      const chance = chanceLeft(remedy)
      const total = before.reduce((sum, { weight }) => sum + weight, 0)
      const ends = settleMin.map((settle) => ({
        value: Math.log(Math.min(elapsedMaxMin, Math.max(0, remedy.leftMin) + settle)),
        weight: (chance * total) / settleMin.length,
      }))
      return [...before.map(({ value, weight }) => ({ value, weight: weight * (1 - chance) })), ...ends]
    },
    [...points],
  )
}

const isSane = ({ leftMin, leadMin, chance }: Remedy): boolean =>
  Number.isFinite(leftMin) && Number.isFinite(leadMin) && leadMin > 0 && chance >= 0 && chance <= 1

/** One that should have helped already has probably not. */
function chanceLeft({ leftMin, leadMin, chance }: Remedy): number {
  return leftMin >= 0 ? chance : chance * Math.exp((2 * leftMin) / leadMin)
}
