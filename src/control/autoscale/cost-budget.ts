/**
 * Replica-hours that may be spent a day: how many replicas the rest of it bears, for the part that is only forecast.
 */
const minutesPerDay = 1440

export class CostBudget {
  readonly #minutesMax: number
  readonly #spent: number[] = []
  #sum = 0

  /** Replica-hours in any 24 hours; infinite for none. */
  constructor(replicaHoursPerDay: number) {
    this.#minutesMax = replicaHoursPerDay * 60
  }

  spent(replicas: number): void {
    if (!Number.isFinite(this.#minutesMax)) return
    this.#spent.push(replicas)
    this.#sum += replicas
    if (this.#spent.length > minutesPerDay) this.#sum -= this.#spent.shift() as number
  }

  /** Replicas that an hour of them would not break the budget with. */
  get replicasMax(): number {
    if (!Number.isFinite(this.#minutesMax)) return Number.POSITIVE_INFINITY
    return Math.max(0, Math.floor((this.#minutesMax - this.#sum) / 60))
  }
}
