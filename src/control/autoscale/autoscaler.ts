/**
 * How many replicas one deployment shall have, minute by minute: its load is forecast as far ahead as a start takes,
 * the policy says how many that is, and a dip ends none of them. Pure: the control loop tells it what was, and does
 * what it says.
 */
import { type Forecast, Forecaster } from '../../observe/forecast/forecaster.ts'
import { ForecastPolicy, type ForecastPolicyOptions } from './forecast-policy.ts'
import { LeadTime } from './lead-time.ts'
import type { Pressure, ScaleWish } from './scale-policy.ts'
import { SteadyWish } from './steady-wish.ts'

/** Minutes ahead that are forecast; the first that is not below the lead time counts. */
const horizonMins = [2, 4, 7, 11, 21] as const
const steadyMinutes = 5

export interface AutoscalerOptions extends ForecastPolicyOptions {
  /** Load that one replica bears in a minute. */
  readonly perReplica: number
  /** Until a start was measured. */
  readonly firstStartMs: number
}

/** What the last minute was. */
export interface MinuteSeen {
  readonly load: number
  /** An incident or a maintenance: nothing is learnt of it. */
  readonly isMasked: boolean
  readonly ready: number
  readonly starting: number
  readonly pressure?: Pressure
  /** An incident or a rollout is going on: nothing is taken away. */
  readonly isHeld: boolean
}

export interface Said {
  readonly forecast: Forecast
  readonly aheadMin: number
}

export class Autoscaler {
  readonly lead: LeadTime
  /** What was said last, and how many minutes ahead; undefined before anything can be said. */
  said: Said | undefined
  /** The same for all that is looked ahead, the nearest first. */
  ahead: readonly Said[] = []
  readonly #policy: ForecastPolicy
  readonly #perReplica: number
  readonly #forecaster = new Forecaster(1, horizonMins)
  readonly #steady = new SteadyWish(steadyMinutes)
  #minute = 0

  constructor(options: AutoscalerOptions) {
    this.#policy = new ForecastPolicy(options)
    this.#perReplica = options.perReplica
    this.lead = new LeadTime(options.firstStartMs)
  }

  /** Once a minute; minutes that were slept through are told as masked ones. */
  minute({ load, isMasked, ...seen }: MinuteSeen): ScaleWish {
    const forecasts = this.#forecaster.step(isMasked ? Number.NaN : load)
    if (!isMasked) this.#policy.saw(Math.max(0, load - seen.ready * this.#perReplica), load)
    const at = horizonMins.findIndex((min) => min >= this.lead.horizonMin)
    const horizon = at < 0 ? horizonMins.length - 1 : at
    const forecast = forecasts[horizon]
    this.said = forecast && { forecast, aheadMin: horizonMins[horizon] as number }
    this.ahead = horizonMins.flatMap((aheadMin, index) => {
      const each = forecasts[index]
      return each ? [{ forecast: each, aheadMin }] : []
    })
    const wish = this.#policy.wish({ ...seen, minute: this.#minute++, load, forecast, perReplica: this.#perReplica })
    const replicas = this.#steady.keep(wish.replicas)
    return replicas > wish.replicas ? { replicas, why: 'a lower wish is younger than five minutes' } : wish
  }
}
