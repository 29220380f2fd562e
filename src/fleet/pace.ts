/**
 * How fast an upstream speaks: the gaps between pieces of its answers, as counts in buckets a quarter of an octave
 * wide. From it follows when a silence is longer than it ever is here.
 */

const bucketsPerOctave = 4
const bucketCount = 80
/** Gaps known before the measure is trusted. */
const gapsMin = 200
/** At so many gaps all counts are halved, so that the past fades. */
const gapsMax = 8192
/** No silence shorter than this is a stall, whatever was measured: schedulers, collections and networks pause too. */
const stallMsMin = 3000

export class Pace {
  #counts = new Uint32Array(bucketCount)
  #total = 0

  /** A piece came this long after the one before, milliseconds. */
  observe(gapMs: number): void {
    const bucket = gapMs <= 1 ? 0 : Math.min(bucketCount - 1, Math.floor(Math.log2(gapMs) * bucketsPerOctave))
    ;(this.#counts[bucket] as number)++
    if (++this.#total >= gapsMax) this.#fade()
  }

  /** The gap that 99 of 100 stay under, milliseconds; null while too few are known. */
  get p99Ms(): number | null {
    if (this.#total < gapsMin) return null
    let left = this.#total * 0.01
    for (let bucket = bucketCount - 1; bucket >= 0; bucket--) {
      left -= this.#counts[bucket] as number
      if (left < 0) return 2 ** ((bucket + 1) / bucketsPerOctave)
    }
    return 1
  }

  /** How long it may be silent between two pieces: twice its own p99 and a second, within `limitMs`. */
  stallMs(limitMs: number): number {
    const p99Ms = this.p99Ms
    return p99Ms === null ? limitMs : Math.min(limitMs, Math.max(stallMsMin, 2 * p99Ms + 1000))
  }

  #fade(): void {
    this.#total = 0
    for (let i = 0; i < bucketCount; i++) {
      this.#counts[i] = (this.#counts[i] as number) >> 1
      this.#total += this.#counts[i] as number
    }
  }
}
