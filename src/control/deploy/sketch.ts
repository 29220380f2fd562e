/**
 * How measures of a minute are spread: counts in buckets of 12 % (after DDSketch, Masson et al. 2019), as a plain list,
 * so that workers can send it, releases can be added up, and it outlives a restart.
 */

/** Counts by bucket; bucket 0 holds all up to 1, the last all beyond its lower edge. */
export type Sketch = readonly number[]

const growth = 1.12
const logGrowth = Math.log(growth)
/** Up to 1.12 ^ 140, some eight million. */
const bucketsMax = 140

const bucketOf = (value: number): number =>
  value > 1 ? Math.min(bucketsMax, Math.ceil(Math.log(value) / logGrowth)) : 0

/** Adds a measure. `weight` is how often it counts. */
export function observe(sketch: number[], value: number, weight = 1): void {
  const bucket = bucketOf(value)
  while (sketch.length <= bucket) sketch.push(0)
  sketch[bucket] = (sketch[bucket] ?? 0) + weight
}

/** Adds all measures of another, each `weight` times. */
export function addSketch(sketch: number[], other: Sketch, weight = 1): void {
  while (sketch.length < other.length) sketch.push(0)
  for (let i = 0; i < other.length; i++) sketch[i] = (sketch[i] ?? 0) + weight * (other[i] ?? 0)
}

export function countOf(sketch: Sketch): number {
  let sum = 0
  for (const count of sketch) sum += count
  return sum
}

/** The value that a share of all stay under, 0 to 1; inside a bucket as if they lay evenly. NaN where there is none. */
export function quantileOf(sketch: Sketch, share: number): number {
  const total = countOf(sketch)
  if (total === 0) return Number.NaN
  let left = total * share
  for (let i = 0; i < sketch.length; i++) {
    const count = sketch[i] ?? 0
    if (count > 0 && left <= count) return i === 0 ? 1 : growth ** (i - 1 + left / count)
    left -= count
  }
  return growth ** (sketch.length - 1)
}

/** How many lie above a value. */
export function countAbove(sketch: Sketch, value: number): number {
  if (!(value > 1)) return countOf(sketch) - (sketch[0] ?? 0)
  const at = Math.log(value) / logGrowth
  const bucket = Math.ceil(at)
  let sum = (sketch[bucket] ?? 0) * (bucket - at)
  for (let i = bucket + 1; i < sketch.length; i++) sum += sketch[i] ?? 0
  return sum
}
