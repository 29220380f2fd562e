/** What anyone would try first; each sees the past only, and says the median of the bin `bins` ahead. */
import { RecursiveRidge } from '../../src/observe/forecast/recursive-ridge.ts'

/** The next load in (NaN is a gap), the forecast out. */
export interface Baseline {
  readonly name: string
  step(load: number): number
}

export function baselines(bins: number, dayBins: number): Baseline[] {
  return [lastValue(), ewma(dayBins), yesterday(bins, dayBins), holtWinters(bins, dayBins), ridge(bins, dayBins)]
}

const has = (value: number): boolean => !Number.isNaN(value)

function lastValue(): Baseline {
  let last = Number.NaN
  return { name: 'last value', step: (load) => (last = has(load) ? load : last) }
}

/** Over 12 minutes, or one bin where that is longer. */
function ewma(dayBins: number): Baseline {
  const rate = 2 / (Math.max(1, (12 * dayBins) / 1440) + 1)
  let level = Number.NaN
  return {
    name: 'EWMA',
    step: (load) => (level = !has(load) ? level : has(level) ? level + rate * (load - level) : load),
  }
}

function yesterday(bins: number, dayBins: number): Baseline {
  const day = new Float64Array(dayBins).fill(Number.NaN)
  let [at, last] = [0, Number.NaN]
  return {
    name: 'yesterday',
    step: (load) => {
      if (has(load)) day[at % dayBins] = last = load
      const then = day[(at++ + bins) % dayBins] as number
      return has(then) ? then : last
    },
  }
}

/** Damped and additive on the root scale; its season is the shape of a day, smoothed over half an hour. */
function holtWinters(bins: number, dayBins: number): Baseline {
  const [beta, gamma, phi] = [0.05, 0.3, 0.95]
  const per = 1440 / dayBins
  const alpha = 2 / (Math.max(2, 12 / per) + 1)
  const wideRate = 2 / (Math.max(1, 30 / per) + 1)
  const lag = Math.round(15 / per)
  const season = new Float64Array(dayBins)
  const damping = Array.from({ length: bins }, (_, ahead) => phi ** (ahead + 1)).reduce((a, b) => a + b, 0)
  let [at, level, trend, wide, mean] = [0, Number.NaN, 0, Number.NaN, Number.NaN]
  return {
    name: 'Holt-Winters',
    step: (load) => {
      const usual = season[at % dayBins] as number
      if (has(load)) {
        const value = Math.sqrt(load)
        if (!has(level)) level = wide = mean = value
        const before = level
        level = alpha * (value - usual) + (1 - alpha) * (level + phi * trend)
        trend = beta * (level - before) + (1 - beta) * phi * trend
        wide += wideRate * (value - wide)
        mean += (value - mean) / Math.min(at + 1, dayBins)
        const hour = (at - lag + dayBins) % dayBins
        const rate = at < dayBins ? 1 : gamma
        if (at >= dayBins / 2) season[hour] = rate * (wide - mean) + (1 - rate) * (season[hour] as number)
      }
      const root = level + damping * trend + (season[(at + bins) % dayBins] as number)
      at++
      return root > 0 ? root * root : 0
    },
  }
}

/** The change from the level on lags and the calendar. */
function ridge(bins: number, dayBins: number): Baseline {
  const spans = [1, 5, 12, 60, 240].map((min) => Math.max(1, (min * dayBins) / 1440))
  const size = spans.length + 7
  const model = new RecursiveRidge(size, 10 * dayBins, 200)
  const levels = spans.map(() => Number.NaN)
  const day = new Float64Array(dayBins).fill(Number.NaN)
  const waiting: ({ features: Float64Array; base: number } | undefined)[] = Array.from({ length: bins })
  let [at, variance] = [0, 1]
  return {
    name: 'ridge',
    step: (load) => {
      const slot = at % bins
      const origin = waiting[slot]
      const value = Math.sqrt(load)
      if (has(load)) {
        if (origin) {
          const error = value - origin.base
          variance += 0.003 * (error * error - variance)
          const unit = Math.sqrt(variance) || 1
          const scaled = origin.features.map((each, index) => (index < size - 5 ? each / unit : each))
          model.learn(scaled, Math.max(-3, Math.min(3, error / unit)))
        }
        for (const [index, span] of spans.entries()) {
          const level = levels[index] as number
          levels[index] = has(level) ? level + (2 / (span + 1)) * (value - level) : value
        }
      }
      const base = levels[2] as number
      const then = day[(at + bins) % dayBins] as number
      const now24 = day[at % dayBins] as number
      if (has(load)) day[at % dayBins] = levels[3] as number
      const angle = (2 * Math.PI * ((at + bins) % dayBins)) / dayBins
      const now = levels[0] as number
      const features = Float64Array.of(
        ...levels.map((level) => level - base),
        has(then) ? then - base : 0,
        has(then) && has(now24) ? then - now24 : 0,
        0.3,
        ...[angle, 2 * angle].flatMap((each) => [Math.sin(each) / 2, Math.cos(each) / 2]),
      )
      at++
      if (!has(now)) return Number.NaN
      waiting[slot] = has(load) ? { features, base } : undefined
      const unit = Math.sqrt(variance) || 1
      const root = base + unit * model.predict(features.map((each, index) => (index < size - 5 ? each / unit : each)))
      return root > 0 ? root * root : 0
    },
  }
}
