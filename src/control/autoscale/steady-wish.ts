/** Up at once, down only to the highest wish of the last minutes: a dip of a minute does not end replicas. */
export class SteadyWish {
  readonly #minutes: number
  readonly #wishes: number[] = []

  /** `minutes` that must have wished less. */
  constructor(minutes: number) {
    this.#minutes = minutes
  }

  /** The wish of this minute in, what to go by out: no more than `wish` is started, no fewer than this is kept. */
  keep(wish: number): number {
    this.#wishes.push(wish)
    if (this.#wishes.length > this.#minutes) this.#wishes.shift()
    return Math.max(...this.#wishes)
  }
}
