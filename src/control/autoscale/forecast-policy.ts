/**
 * How many replicas: the forecast of the minute in which one ordered now would be ready raises the floor, at the
 * quantile that the prices or the usual risk ask for; what is measured decides the rest. So a bad forecast costs
 * money, never answers. Hard bounds last.
 */
import { quantileAt } from '../../observe/forecast/forecaster.ts'
import { CostBudget } from './cost-budget.ts'
import { OverloadBudget } from './overload-budget.ts'
import { usualRisk } from './risk.ts'
import { replicasFor, type ScalePolicy, type ScaleSight, type ScaleWish } from './scale-policy.ts'

export interface ForecastPolicyOptions {
  readonly min: number
  readonly max: number
  /** Ready ones beyond what is needed. Default 0. */
  readonly warm?: number
  /** How likely a minute may be too much for them; see `riskOf`. */
  readonly risk?: number
  /**
   * Share of the load that may find no room, default 0.0008: above it the risk shrinks, far below it grows; null: it
   * stays.
   */
  readonly overloadMax?: number | null
  /** For what is forecast only; measured load is served up to `max`. Default: none. */
  readonly replicaHoursPerDay?: number
  /** With `min` 0: minutes without any load after which the last one ends. */
  readonly idleMin?: number
}

export const usualOverloadMax = 0.0008
const idleMinDefault = 15
/** Pressure within this of 1 is just right. */
const deadBand = 0.1

export class ForecastPolicy implements ScalePolicy {
  readonly name: string
  readonly isForecasting = true
  readonly #options: ForecastPolicyOptions
  readonly #risk: number
  readonly #overload: OverloadBudget | null
  readonly #cost: CostBudget
  #lastLoadMinute = Number.NEGATIVE_INFINITY

  constructor(options: ForecastPolicyOptions) {
    this.#options = options
    this.#risk = options.risk ?? usualRisk
    this.name = `forecast, risk ${Number((100 * this.#risk).toFixed(2))} %`
    const { overloadMax = usualOverloadMax } = options
    this.#overload = overloadMax === null ? null : new OverloadBudget(overloadMax)
    this.#cost = new CostBudget(options.replicaHoursPerDay ?? Number.POSITIVE_INFINITY)
  }

  saw(overload: number, load: number): void {
    this.#overload?.saw(overload, load)
  }

  wish(sight: ScaleSight): ScaleWish {
    const { min, max, warm = 0 } = this.#options
    const now = sight.ready + sight.starting
    this.#cost.spent(now)
    if (sight.load > 0 || this.#lastLoadMinute === Number.NEGATIVE_INFINITY) this.#lastLoadMinute = sight.minute
    const [need, why] = this.#need(sight)
    const wanted = need > 0 ? need + warm : 0
    if (sight.isHeld && wanted < now) return { replicas: Math.min(max, now), why: 'held: an incident or a rollout' }
    if (wanted > max) return { replicas: max, why: `${why}; no more than ${max} allowed` }
    return wanted < min ? { replicas: min, why: 'minimum' } : { replicas: wanted, why }
  }

  #need(sight: ScaleSight): readonly [replicas: number, why: string] {
    if (this.#isIdle(sight)) return [0, 'idle']
    const measured = Math.max(1, this.#measured(sight))
    const forecast = this.#forecast(sight)
    const affordable = Math.min(forecast, Math.max(measured, this.#cost.replicasMax))
    if (affordable <= measured)
      return [measured, forecast > measured ? 'measured; the cost budget is spent' : 'measured']
    return [affordable, affordable < forecast ? 'forecast, up to the cost budget' : 'forecast']
  }

  #isIdle({ minute, forecast }: ScaleSight): boolean {
    if (this.#options.min > 0 || minute - this.#lastLoadMinute < (this.#options.idleMin ?? idleMinDefault)) return false
    return !forecast || quantileAt(forecast, 1 - this.#risk) < 0.5
  }

  /**
   * By the load of the last minute, and by queues and caches where they are known; at most twice the ready ones by
   * these.
   */
  #measured({ pressure, ready, forecast, load, perReplica }: ScaleSight): number {
    const byLoad = replicasFor(load, perReplica) + (forecast ? 0 : 1)
    if (!pressure || pressure.worst <= 1 + deadBand) return byLoad
    return Math.max(byLoad, Math.min(2 * Math.max(1, ready), Math.ceil(ready * pressure.worst)))
  }

  #forecast({ forecast, perReplica }: ScaleSight): number {
    if (!forecast) return 0
    return replicasFor(quantileAt(forecast, 1 - this.#risk * (this.#overload?.factor() ?? 1)), perReplica)
  }
}
