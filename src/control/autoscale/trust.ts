/**
 * How far a forecast is believed: the far quantiles of a series that has just begun are guesses. In its first day up to
 * a quarter above the busiest step of the last hour, then up to half above the busiest of about two weeks.
 */
const youngSteps = 1440
const hourSteps = 60
const youngFactor = 1.25
const factor = 1.5
const halfLifeSteps = 14 * 1440

export class Trust {
  readonly #hour: number[] = []
  #known = 0
  #busiest = 0

  /** A step is over; NaN says nothing. */
  saw(load: number): void {
    if (Number.isNaN(load)) return
    this.#known++
    this.#hour.push(load)
    if (this.#hour.length > hourSteps) this.#hour.shift()
    this.#busiest = Math.max(load, this.#busiest * 2 ** (-1 / halfLifeSteps))
  }

  get isYoung(): boolean {
    return this.#known < youngSteps
  }

  /** No forecast of more is believed. */
  get loadMax(): number {
    const young = youngFactor * Math.max(0, ...this.#hour)
    return this.isYoung ? young : Math.max(young, factor * this.#busiest)
  }
}
