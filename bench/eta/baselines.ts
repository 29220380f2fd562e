/** What anyone would say without a model, from the incidents that were over by then. */
import { quantile } from '../statistics.ts'
import type { Incident } from './incidents.ts'

/** Minutes left; NaN where it says nothing. */
export interface Guess {
  readonly medianMin: number
  /** Nine in ten are over by then. */
  readonly overByMin: number
  readonly lowMin: number
  readonly highMin: number
}

export const baselines: Readonly<
  Record<string, (past: readonly Incident[], incident: Incident, elapsedMin: number) => Guess>
> = {
  'always 60 min': () => ({ medianMin: 60, overByMin: Number.NaN, lowMin: Number.NaN, highMin: Number.NaN }),
  'global median': (past) => guessOf(past.map(({ minutes }) => minutes)),
  "provider's last 10": (past, { provider }) => {
    const own = past.filter((each) => each.provider === provider).slice(-10)
    return guessOf((own.length === 0 ? past : own).map(({ minutes }) => minutes))
  },
  'usual minus elapsed': (past, _, elapsedMin) => {
    const { medianMin, overByMin, lowMin, highMin } = guessOf(past.map(({ minutes }) => minutes))
    const left = (minutes: number): number => Math.max(1, minutes - elapsedMin)
    return { medianMin: left(medianMin), overByMin: left(overByMin), lowMin: left(lowMin), highMin: left(highMin) }
  },
  'median of those that lasted longer': (past, _, elapsedMin) => {
    const longer = past.filter(({ minutes }) => minutes > elapsedMin)
    return guessOf(longer.length === 0 ? [60] : longer.map(({ minutes }) => minutes - elapsedMin))
  },
}

function guessOf(minutes: readonly number[]): Guess {
  const [lowMin, medianMin, overByMin, highMin] = [0.05, 0.5, 0.9, 0.95].map((share) => quantile(minutes, share)) as [
    number,
    number,
    number,
    number,
  ]
  return { lowMin, medianMin, overByMin, highMin }
}
