/**
 * Whether watched files have changed for good. One that is still being written may lack its end and be a good one all
 * the same, without its keys, say: so a change counts once two looks in a row have found the same.
 */
export class ChangedFiles {
  #known: string
  #last: string

  /** What a look finds, in whatever words. */
  constructor(looks: string) {
    this.#known = looks
    this.#last = looks
  }

  /** Once for each change. */
  hasChanged(looks: string): boolean {
    const isStill = looks === this.#last
    this.#last = looks
    if (!isStill || looks === this.#known) return false
    this.#known = looks
    return true
  }

  /** All that there is now is known. */
  know(looks: string): void {
    this.#known = looks
    this.#last = looks
  }
}
