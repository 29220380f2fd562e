/**
 * Patience before replicas go: usually none beyond the policy's own; but where one that went was wanted back soon,
 * twice as long as before, so that a load that swings around a whole number of replicas does not start and end one all
 * day.
 */
const patienceMin = 5
const patienceMax = 60
/** Back within so many steps: it should have stayed. */
const soonSteps = 20
/** After so many steps in which none was wanted back soon, half as long. */
const calmSteps = 240

export class FlapDamper {
  readonly #wishes: number[] = []
  #patience = patienceMin
  #kept = 0
  #step = 0
  #loweredStep = Number.NEGATIVE_INFINITY
  #flappedStep = 0

  /** Once a step, what is wished; returns what is kept: the highest wish of as many steps as patience lasts. */
  step(wish: number): number {
    this.#step++
    this.#wishes.push(wish)
    if (this.#wishes.length > patienceMax) this.#wishes.shift()
    if (wish > this.#kept && this.#step - this.#loweredStep <= soonSteps) {
      this.#patience = Math.min(patienceMax, 2 * this.#patience)
      this.#flappedStep = this.#step
      this.#loweredStep = Number.NEGATIVE_INFINITY
    } else if (this.#step - this.#flappedStep >= calmSteps) {
      this.#patience = Math.max(patienceMin, this.#patience / 2)
      this.#flappedStep = this.#step
    }
    const kept = Math.max(...this.#wishes.slice(-Math.ceil(this.#patience)))
    if (kept < this.#kept) this.#loweredStep = this.#step
    this.#kept = kept
    return kept
  }
}
