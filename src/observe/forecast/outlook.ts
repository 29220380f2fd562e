/**
 * What the past says of the change from now to a horizon, on one scale: by the same hours of yesterday, of last week
 * and of the usual day. Simple guesses come straight from it, and the learners weigh it.
 */
import { levelSpanMins, type SeriesView } from './series-view.ts'

/** What `guesses` says behind the levels. */
export const movedNames = [
  'yesterday, from now',
  'yesterday, from the level',
  'usual day',
  'long usual day',
  'half of yesterday',
  'half of the usual day',
  'last week',
  'day and week',
  'trend',
] as const

/** How many numbers `describe` writes. */
export const featureCount = levelSpanMins.length + 22

/** What a learner's weights add to. */
export type Start = 'anchor' | 'usual' | 'half'

export class Outlook {
  readonly anchor: number
  readonly #view: SeriesView
  readonly #target: number
  readonly #now: number
  readonly #lastDayNear: number
  readonly #lastDay: number
  readonly #usualDay: number
  readonly #longDay: number
  readonly #lastWeek: number

  /** From the view's newest bin to `bins` later. */
  constructor(view: SeriesView, bins: number) {
    const now = view.bins - 1
    const day = now - view.dayBins
    const week = now - 7 * view.dayBins
    this.#view = view
    this.#now = now
    this.#target = now + bins
    this.anchor = view.anchor
    this.#lastDayNear = or(view.near(day + bins) - view.near(day), 0)
    this.#lastDay = or(view.wide(day + bins) - view.wide(day), 0)
    this.#usualDay = or(view.recentDay(this.#target) - view.recentDay(now), this.#lastDay)
    this.#longDay = or(view.longDay(this.#target) - view.longDay(now), this.#usualDay)
    this.#lastWeek = or(view.wide(week + bins) - view.wide(week), this.#usualDay)
  }

  /** What learners start from. */
  start(from: Start): number {
    if (from === 'anchor') return this.anchor
    if (from === 'half') return this.anchor + (this.#lastDay + this.#usualDay) / 4
    return this.#level(3) + (this.#lastDay + this.#usualDay + this.#lastWeek) / 3
  }

  /** Guesses that anyone would think of: the levels, and levels moved by what came at this hour before. */
  guesses(): number[] {
    const level = this.#level(3)
    return [
      ...this.#view.levels,
      this.anchor + this.#lastDayNear,
      level + this.#lastDay,
      level + this.#usualDay,
      level + this.#longDay,
      this.anchor + this.#lastDay / 2,
      this.anchor + this.#usualDay / 2,
      level + this.#lastWeek,
      this.start('usual'),
      this.anchor + (this.anchor - this.#level(4)) / 2,
    ]
  }

  /** Writes the numbers the learners weigh, in units of `unit`. */
  describe(into: Float64Array, unit: number): void {
    const view = this.#view
    const day = this.#now - view.dayBins
    const week = this.#now - 7 * view.dayBins
    const ahead = this.#target - this.#now
    let at = 0
    const put = (value: number): void => void (into[at++] = value / unit)
    into[at++] = 0.3
    for (const [index, level] of view.levels.entries()) if (index !== 2) put(level - this.anchor)
    put(this.#lastDayNear)
    put(this.#lastDay)
    put(this.#longDay)
    put(this.#lastWeek)
    put(or(view.longDay(this.#target) - this.anchor, 0))
    put(or(view.wide(day + ahead) - this.anchor, 0))
    put(or(view.wide(week + ahead) - this.anchor, 0))
    put(or(this.#level(5) - view.longDay(this.#now), 0))
    const angle = (2 * Math.PI * (this.#target % view.dayBins)) / view.dayBins
    const sine = Math.sin(angle)
    const cosine = Math.cos(angle)
    for (const wave of [sine, cosine, Math.sin(2 * angle), Math.cos(2 * angle)]) into[at++] = wave / 2
    const byHour = [or(this.anchor - view.longDay(this.#now), 0), this.#level(5) - this.anchor]
    for (const value of [...byHour, this.#level(3) - this.anchor, this.#lastDay, this.#longDay]) {
      put(value * sine)
      put(value * cosine)
    }
  }

  #level(at: number): number {
    return this.#view.levels[at] as number
  }
}

function or(value: number, otherwise: number): number {
  return Number.isNaN(value) ? otherwise : value
}
