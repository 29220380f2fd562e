/**
 * How a measured quantity is spread: counts in buckets a quarter of an octave wide, from 1 up. A thousand measures cost
 * as much memory as one, and the past fades.
 */

const bucketsPerOctave = 4
const bucketCount = 80
/** At so many measures all counts are halved. */
const countMax = 8192

export class Spread {
  #counts = new Uint32Array(bucketCount)
  #total = 0

  /** Measures that are remembered. */
  get count(): number {
    return this.#total
  }

  observe(amount: number): void {
    const bucket = amount > 1 ? Math.min(bucketCount - 1, Math.floor(Math.log2(amount) * bucketsPerOctave)) : 0
    ;(this.#counts[bucket] as number)++
    if (++this.#total >= countMax) this.#fade()
  }

  /** What a share of all stay under, as the upper edge of its bucket; 1 for the lowest, and while nothing is known. */
  under(share: number): number {
    let left = this.#total * (1 - share)
    for (let bucket = bucketCount - 1; bucket >= 0; bucket--) {
      left -= this.#counts[bucket] as number
      if (left < 0) return 2 ** ((bucket + 1) / bucketsPerOctave)
    }
    return 1
  }

  #fade(): void {
    this.#total = 0
    for (let i = 0; i < bucketCount; i++) {
      this.#counts[i] = (this.#counts[i] as number) >> 1
      this.#total += this.#counts[i] as number
    }
  }
}
