/** Gathers a body that comes in pieces into one piece of memory, without holding it twice on the way. */

const nothing: Buffer = Buffer.alloc(0)
/** What is taken at first for a body that comes in pieces. */
const firstBytes = 1024

export class Gather {
  #announcedBytes: number | null
  #isLasting: boolean
  #body = nothing
  #filled = 0

  /**
   * `announcedBytes`: the length that was promised, or null when none was. `isLasting`: it lives as long as an answer, and
   * must not hold on to the rest of a pool.
   */
  constructor(announcedBytes: number | null, isLasting = false) {
    this.#announcedBytes = announcedBytes
    this.#isLasting = isLasting
  }

  get length(): number {
    return this.#filled
  }

  /** `isOurs`: the bytes stay as they are, so that a body of one piece need not be copied. */
  add(piece: Buffer, isOurs: boolean): void {
    const needed = this.#filled + piece.length
    if (isOurs && this.#filled === 0 && (this.#announcedBytes ?? piece.length) === piece.length) this.#body = piece
    else {
      if (needed > this.#body.length) this.#grow(needed)
      piece.copy(this.#body, this.#filled)
    }
    this.#filled = needed
  }

  /** The body as far as it has come. */
  take(): Buffer {
    return this.#filled === this.#body.length ? this.#body : this.#body.subarray(0, this.#filled)
  }

  /**
   * The announced length is taken in one piece as soon as an eighth of it has come: an announcement alone must not cost
   * memory, and a large body must not be copied over and over.
   */
  #grow(needed: number): void {
    const announced = this.#announcedBytes
    const isSerious = announced !== null && needed <= announced && needed * 8 >= announced
    const size = isSerious ? announced : Math.max(needed * 2, firstBytes)
    // Small ones come from Node's pool, at a tenth of the cost; a large one must not hold on to it.
    const isPooled = size <= firstBytes && !this.#isLasting
    const larger = isPooled ? Buffer.allocUnsafe(size) : Buffer.allocUnsafeSlow(size)
    this.#body.copy(larger, 0, 0, this.#filled)
    this.#body = larger
  }
}
