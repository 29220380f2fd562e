/** Load as one number: in the first unit that is configured, as much as the unit that asks for most replicas wants. */
import type { AutoscaleOptions } from './autoscale-options.ts'

/** Rates by the minute; calls in hand as a mean. */
export type Measured = Readonly<Record<LoadUnit, number>>

export const loadUnits = ['requestsPerMinute', 'outputTokensPerMinute', 'promptTokensPerMinute', 'callsInHand'] as const
export type LoadUnit = (typeof loadUnits)[number]

export const unitWords: Readonly<Record<LoadUnit, string>> = {
  requestsPerMinute: 'calls a minute',
  outputTokensPerMinute: 'tokens of answers a minute',
  promptTokensPerMinute: 'tokens of prompts a minute',
  callsInHand: 'calls in hand',
}

export class LoadScale {
  /** What loads are told in, and how much of it one replica bears. */
  readonly unit: LoadUnit
  readonly perReplica: number
  readonly #sizes: AutoscaleOptions['perReplica']

  constructor(sizes: AutoscaleOptions['perReplica']) {
    this.#sizes = sizes
    this.unit = loadUnits.find((unit) => sizes[unit] !== undefined) ?? 'callsInHand'
    this.perReplica = sizes[this.unit] ?? 1
  }

  /** How many replicas it keeps busy. */
  replicas(measured: Measured): number {
    return Math.max(0, ...loadUnits.map((unit) => measured[unit] / (this.#sizes[unit] ?? Number.POSITIVE_INFINITY)))
  }

  /** The same in the unit. */
  load(measured: Measured): number {
    return this.replicas(measured) * this.perReplica
  }
}
