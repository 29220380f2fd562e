/**
 * How many replicas one deployment is to have, look by look: the minutes' wish (forecast and policy), what cannot wait
 * for it, and what speaks against taking any away. The past is read again after a start, some of it at each look.
 */
import { type Forecast, quantileAt } from '../../observe/forecast/forecaster.ts'
import type { DemandTold } from './demand.ts'
import type { AutoscaleOptions } from './autoscale-options.ts'
import { Autoscaler } from './autoscaler.ts'
import { FlapDamper } from './flap-damper.ts'
import { Hindsight } from './hindsight.ts'
import { LoadHistory, type PastStep } from './load-history.ts'
import { LoadScale, unitWords } from './load-unit.ts'
import { riskOf } from './risk.ts'
import { replicasFor, type ScaleWish } from './scale-policy.ts'
import type { Outlook, ScaleRow, ScaleView } from './scale-row.ts'
import { StepMeter } from './step-meter.ts'
import { Trust } from './trust.ts'
import { Urgency, type UrgentWish } from './urgency.ts'

/** From none one is started ahead when so much of what one bears is likely, or more. */
const wakeShare = 0.01
/** A policy counts in minutes; so a step is one to it, however long it is. */
const minuteMs = 60_000
/** Steps that must have wished fewer; as the autoscaler's own. */
const steadySteps = 5
const startsMax = 50

export interface ScalerOptions extends AutoscaleOptions {
  readonly deployment: string
  readonly min: number
  readonly max: number
  readonly warm: number
  /** The time allowed for a start: it counts until one was measured. */
  readonly readyWithinMs: number
}

/** What is kept over a restart, beside the history. */
export interface ScalerState {
  readonly replicas: number
  readonly startsMs: readonly number[]
}

export interface ScalerLook {
  /** Milliseconds since 1970. */
  readonly nowMs: number
  readonly pastMs: number
  readonly demand: DemandTold
  readonly inHand: number
  readonly ready: number
  readonly starting: number
  /** Nothing is learnt from these times. */
  readonly isUsual: boolean
  /** Why none is to be taken away; null where one may be. */
  readonly heldBy: string | null
}

export interface Scaled {
  readonly replicas: number
  readonly why: string
  /** A step has ended with this look. */
  readonly isStep: boolean
}

export class DeploymentScaler {
  readonly history: LoadHistory
  readonly #options: ScalerOptions
  readonly #scale: LoadScale
  readonly #autoscaler: Autoscaler
  readonly #urgency: Urgency
  readonly #damper = new FlapDamper()
  readonly #trust = new Trust()
  readonly #hindsight = new Hindsight()
  readonly #startsMs: number[] = []
  #meter: StepMeter
  /** Number of the step that goes on; null before the first look. */
  #step: number | null = null
  /** Steps of the history that the autoscaler has not been told. */
  #unread: number
  #wish: ScaleWish | null = null
  #urgent: (UrgentWish & { untilStep: number }) | null = null
  #replicas: number
  #why = 'as before'
  #look: ScalerLook | null = null
  /** Of the last step; NaN where it says nothing. And of the last one that says something. */
  #load = Number.NaN
  #lastLoad = 0
  /** In a row, without any load. */
  #quietSteps = 0

  /** `replicas` there are now, or were wished last. */
  constructor(options: ScalerOptions, history: unknown, state: ScalerState) {
    const { perReplica, stepMs, min, max, readyWithinMs, idleMs, overloadMax, ...rest } = options
    this.#options = options
    this.#scale = new LoadScale(perReplica)
    this.history = new LoadHistory(this.#scale.unit, stepMs, history)
    this.#autoscaler = new Autoscaler({
      ...{ min, max, warm: rest.warm, overloadMax, perReplica: this.#scale.perReplica },
      ...(rest.replicaHoursPerDayMax !== undefined && { replicaHoursPerDay: rest.replicaHoursPerDayMax }),
      ...riskIn(options),
      idleMin: Math.ceil(idleMs / stepMs),
      firstStartMs: this.#asMinutes(readyWithinMs),
    })
    for (const each of state.startsMs.slice(-startsMax)) this.started(each)
    this.#urgency = new Urgency(this.#scale)
    this.#meter = new StepMeter(stepMs)
    this.#unread = this.history.steps.length
    this.#replicas = Math.max(min, Math.min(max, state.replicas))
    // Where nothing is known there were no calls: with `min` 0 none is started before the first.
    if (this.#unread === 0 && min === 0 && this.#replicas === 0)
      for (let i = 0; i <= Math.ceil(idleMs / stepMs); i++) this.#read({ load: Number.NaN, ready: 0 })
  }

  /** A replica took so long from its start until it was ready. */
  started(timeMs: number): void {
    this.#autoscaler.lead.measured(this.#asMinutes(timeMs))
    this.#startsMs.push(timeMs)
    if (this.#startsMs.length > startsMax) this.#startsMs.shift()
  }

  /** `readMax` steps of the past may be read now. */
  look(seen: ScalerLook, readMax: number): Scaled {
    this.#look = seen
    const isStep = this.#count(seen)
    for (let i = 0; i < readMax && this.#unread > 0; i++) this.#readNext()
    this.#hurry(seen)
    const [replicas, why] = this.#decide(seen)
    const { min, max } = this.#options
    this.#replicas = Math.max(min, Math.min(max, replicas))
    this.#why = why
    return { replicas: this.#replicas, why, isStep }
  }

  /** How many steps of the past are still to be read. */
  get unread(): number {
    return this.#unread
  }

  get state(): ScalerState {
    return { replicas: this.#replicas, startsMs: this.#startsMs }
  }

  /** In words, with the numbers. */
  get evidence(): string {
    const { ready = 0, starting = 0, inHand = 0, demand } = this.#look ?? {}
    const { forecast: said } = this.row
    const unit = unitWords[this.#scale.unit]
    const load = Number.isNaN(this.#load) ? 'load unknown' : `load ${short(this.#load)} ${unit}`
    const forecast = said ? `; in ${said.steps} steps ${short(said.p50)}, 90 % below ${short(said.p90)}` : ''
    const waiting = demand?.waiting ? `, ${demand.waiting} wait` : ''
    return `${load}, ${short(this.#scale.perReplica)} a replica${forecast}; ${ready} ready, ${starting} starting; ${inHand} calls in hand${waiting}`
  }

  get row(): ScaleRow {
    const { deployment, min, max, stepMs } = this.#options
    const { ready = 0, starting = 0, heldBy = null } = this.#look ?? {}
    const { said, lead } = this.#autoscaler
    const forecast = said ? { steps: said.aheadMin, ...this.#outlook(said.forecast) } : null
    return {
      ...{ deployment, replicas: this.#replicas, why: this.#why, heldBy, min, max, ready, starting, stepMs, forecast },
      load: Number.isNaN(this.#load) ? null : this.#load,
      ...{ unit: unitWords[this.#scale.unit], perReplica: this.#scale.perReplica, stepsToRead: this.#unread },
      ...{ startMs: (lead.ms * stepMs) / minuteMs, judged: this.#hindsight.judged },
    }
  }

  get view(): ScaleView {
    const { ahead } = this.#autoscaler
    return {
      ...this.row,
      recent: this.#hindsight.recent,
      ahead: ahead.map(({ forecast, aheadMin }) => ({ steps: aheadMin, ...this.#outlook(forecast) })),
    }
  }

  #asMinutes(timeMs: number): number {
    return (timeMs * minuteMs) / this.#options.stepMs
  }

  /** Adds the look to the step that goes on, or to the next one. True where a step ended. */
  #count(seen: ScalerLook): boolean {
    const { stepMs } = this.#options
    const step = Math.floor(seen.nowMs / stepMs)
    const isStep = this.#step !== null && step > this.#step
    if (isStep) this.#close(this.#step as number, seen)
    // A clock that is set back begins another step; what was counted of the last one is no whole one.
    if (this.#step !== step) this.#meter = new StepMeter(stepMs, this.#meter.wasUsual)
    this.#step = step
    this.#meter.add(seen)
    return isStep
  }

  #close(step: number, seen: ScalerLook): void {
    const measured = this.#meter.close()
    this.#load = measured ? this.#scale.load(measured) : Number.NaN
    const ready = Math.min(seen.ready, this.#replicas)
    const unread = this.#unread + this.history.add(step, { load: this.#load, ready })
    this.#unread = Math.min(unread, this.history.steps.length)
    // The last one is told with all that is known of now; those before it while there is time.
    if (this.#unread === 1) this.#readNext()
  }

  #readNext(): void {
    const { steps, last } = this.history
    const past = steps[steps.length - this.#unread]
    if (!past) return
    const step = last + 1 - this.#unread--
    this.#hindsight.saw(step, past.load, { atMs: (step + 1) * this.#options.stepMs, ready: past.ready })
    const wish = this.#read(past)
    const { said } = this.#autoscaler
    if (said) this.#hindsight.say(step + said.aheadMin, this.#outlook(said.forecast))
    if (this.#unread === 0) this.#wish = wish
  }

  #read({ load, ready }: PastStep): ScaleWish {
    const isMasked = Number.isNaN(load)
    const isLast = this.#unread === 0 && this.#look !== null
    const { starting = 0, heldBy = null, demand, inHand = 0 } = (isLast && this.#look) || {}
    if (!isMasked) this.#lastLoad = load
    const seen = { isMasked, load: this.#lastLoad, ready, isHeld: heldBy !== null }
    const waiting = demand?.waiting ?? 0
    const wish = this.#autoscaler.minute({
      ...seen,
      // More than are wished belong to a rollout, or are about to be replaced.
      starting: Math.min(starting, Math.max(0, this.#replicas - ready)),
      ...(waiting > 0 && { pressure: { worst: 1 + waiting / Math.max(1, inHand) } }),
    })
    this.#trust.saw(isMasked ? Number.NaN : load)
    this.#quietSteps = load > 0 ? 0 : this.#quietSteps + 1
    const believed = this.#isIdle ? { replicas: 0, why: 'idle' } : this.#believed(wish)
    const replicas = this.#damper.step(believed.replicas)
    return replicas > believed.replicas ? { replicas, why: 'a lower wish is too young' } : believed
  }

  /** What is only forecast, as far as forecasts can be believed yet. */
  #believed(wish: ScaleWish): ScaleWish {
    const { perReplica } = this.#scale
    const atMost = Math.max(1, replicasFor(this.#trust.loadMax, perReplica), replicasFor(this.#lastLoad, perReplica))
    const replicas = atMost + this.#options.warm
    return wish.replicas > replicas ? { replicas, why: 'forecast, as far as the past bears it out' } : wish
  }

  /** No calls for long, and hardly any to come: of a young series only the middle is no guess. */
  get #isIdle(): boolean {
    const { min, idleMs, stepMs } = this.#options
    const share = this.#trust.isYoung ? 0.5 : 0.9
    return min === 0 && this.#quietSteps >= idleMs / stepMs && this.#foreseen(share) < wakeShare
  }

  #hurry(seen: ScalerLook): void {
    const step = this.#step as number
    if (this.#urgent && step >= this.#urgent.untilStep) this.#urgent = null
    const wish = this.#urgency.look(this.#meter.isWatched ? seen : { ...seen, demand: onlyNow(seen.demand) })
    if (!wish) return
    if (this.#urgent && wish.replicas < this.#urgent.replicas) return
    this.#urgent = { ...wish, untilStep: step + steadySteps }
  }

  /** The load that `share` of the values lie below when one ordered now would be ready, in replicas. */
  #foreseen(share: number): number {
    const { said } = this.#autoscaler
    return said ? quantileAt(said.forecast, share) / this.#scale.perReplica : 0
  }

  /** As far as it is believed. */
  #outlook(forecast: Forecast): Outlook {
    const { loadMax } = this.#trust
    const [p10, p50, p90] = [0.1, 0.5, 0.9].map((share) => Math.min(loadMax, quantileAt(forecast, share)))
    return { p10, p50, p90 } as Outlook
  }

  #decide({ heldBy, inHand, demand }: ScalerLook): [replicas: number, why: string] {
    const { min } = this.#options
    let [replicas, why] = this.#wish ? [this.#wish.replicas, this.#wish.why] : [this.#replicas, 'as before']
    const raise = (to: number, because: string): void => {
      if (to > replicas) [replicas, why] = [to, because]
    }
    if (this.#replicas === 0 && this.#foreseen(0.5) < wakeShare) [replicas, why] = [0, 'idle']
    if (this.#urgent) raise(this.#urgent.replicas, this.#urgent.why)
    if (inHand + demand.waiting > 0) raise(1, 'calls are in hand')
    if (this.#unread > 0) raise(this.#replicas, 'the past is being read')
    if (heldBy !== null) raise(this.#replicas, `held: ${heldBy}`)
    return replicas < min ? [min, 'minimum'] : [replicas, why]
  }
}

/** What waits now, without what was told of a time that nobody watched: it would count as a rush. */
const onlyNow = ({ waiting }: DemandTold): DemandTold => ({
  ...{ requests: 0, promptTokens: 0, outputTokens: 0, refused: 0, waiting },
})

function riskIn({ replicaHourPrice: replicaHour, lostRequestPrice: lostRequest, perReplica }: ScalerOptions): {
  risk?: number
} {
  if (replicaHour === undefined || lostRequest === undefined) return {}
  return { risk: riskOf({ replicaHour, lostRequest }, perReplica.requestsPerMinute ?? 1) }
}

function short(value: number): string {
  return String(value >= 100 ? Math.round(value) : Number(value.toPrecision(3)))
}
