/**
 * Many experts' guesses made one. Several ways to do it, each the best of them somewhere, are the experts of a second
 * blend: weights that fall steeply with the error over hours and days, weights by regret, what ridges on the experts'
 * differences make of the first, and the plain mean of those experts that are alike and good (no weights to get wrong).
 */
import { Mend } from './mend.ts'
import { Regret } from './regret.ts'
import { Weighing } from './weighing.ts'

const weighingDays = [0.4, 1, 3] as const
const regretDays = 2
const mendDays = [4, 30] as const
const ways = 4 + 2 * mendDays.length

export interface Blended {
  readonly guesses: Float64Array
  /**
   * What each way made of them: weighed, by regret, mended by squares and by absolute errors on each memory, the
   * committee's mean, the mean of these.
   */
  readonly ways: Float64Array
  readonly value: number
}

export class Blend {
  readonly #weighings: readonly Weighing[]
  readonly #regret: Regret
  readonly #mends: readonly Mend[]
  readonly #last: Weighing
  readonly #shares: Float64Array
  readonly #loads: Float64Array
  readonly #committee: readonly number[]

  /** Guesses are on the root scale; `committee` says which of them also count by their mean. */
  constructor(experts: number, committee: readonly number[], dayBins: number) {
    this.#committee = committee
    this.#loads = new Float64Array(experts)
    this.#weighings = weighingDays.map((days) => new Weighing(experts, days * dayBins))
    this.#regret = new Regret(experts, regretDays * dayBins)
    this.#mends = mendDays.flatMap((days) =>
      [false, true].map((isAbsolute) => new Mend(experts, days * dayBins, isAbsolute)),
    )
    this.#last = new Weighing(ways, dayBins)
    this.#shares = new Float64Array(experts)
  }

  /** Each expert's share by its errors, 0 to 1. */
  shares(): Float64Array {
    this.#shares.fill(0)
    for (const weighing of this.#weighings)
      for (const [at, share] of weighing.shares().entries()) (this.#shares[at] as number) += share / weighingDays.length
    return this.#shares
  }

  blend(guesses: Float64Array): Blended {
    let weighed = 0
    for (const weighing of this.#weighings) weighed += weighing.mean(guesses) / weighingDays.length
    const each = [weighed, this.#regret.mean(guesses), ...this.#mends.map((mend) => mend.mend(guesses, weighed))]
    let sum = 0
    for (const at of this.#committee) sum += guesses[at] as number
    each.push(sum / this.#committee.length)
    const mean = each.reduce((total, value) => total + value, 0) / each.length
    const made = Float64Array.of(...each, mean)
    return { guesses, ways: made, value: Math.max(0, this.#last.mean(made)) }
  }

  learn({ guesses, ways: made }: Blended, value: number): void {
    for (const mend of this.#mends) mend.learn(guesses, made[0] as number, value)
    this.#regret.learn(guesses, made[1] as number, value)
    // By errors of loads, not of roots: a busy hour counts as much as its load.
    for (const [at, guess] of guesses.entries()) this.#loads[at] = guess * guess
    for (const weighing of this.#weighings) weighing.learn(this.#loads, value * value)
    this.#last.learn(made, value)
  }
}
