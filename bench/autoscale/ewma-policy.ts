/**
 * A level of 12 minutes and the quantile of the last three days' errors: all that a policy needs to be hard to beat.
 */
import { replicasFor, type ScalePolicy } from '../../src/control/autoscale/scale-policy.ts'
import { Residuals } from '../../src/observe/forecast/residuals.ts'

const spanMin = 12
const memoryMin = 3 * 1440

export function ewmaPolicy(share: number): ScalePolicy {
  const errors = new Residuals(memoryMin)
  const levels: number[] = []
  const written = new Float64Array(1)
  let [level, unit] = [Number.NaN, 1]
  return {
    name: `EWMA P${100 * share}`,
    isForecasting: false,
    wish: ({ load, perReplica }) => {
      const root = Math.sqrt(load)
      const said = levels.length > aheadMin ? levels.shift() : undefined
      if (said !== undefined) {
        unit += (Math.abs(root - said) - unit) / memoryMin
        errors.add((root - said) / Math.max(unit, 1e-6))
      }
      level = Number.isNaN(level) ? root : level + (2 / (spanMin + 1)) * (root - level)
      levels.push(level)
      errors.write([share], written)
      const high = Math.max(0, level + unit * (written[0] as number))
      return { replicas: Math.max(1, replicasFor(high * high, perReplica)), why: 'level' }
    },
  }
}

/** Errors of a few minutes ahead serve for both start-ups: a plain policy does not know better. */
const aheadMin = 4
