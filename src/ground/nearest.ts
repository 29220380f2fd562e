/**
 * The vectors of a list that are nearest to one, by brute force. Of unit vectors, cos = 1 − d²/2; so a comparison is
 * given up as soon as the distance so far is too large for the threshold, which for most is soon. Exact all the same.
 */

export interface Near {
  readonly at: number
  /** Cosine, at most 1. */
  readonly similarity: number
}

/** Terms between two looks at the distance. */
const stride = 32
/** Rounding of 32-bit numbers. */
const epsilon = 1e-6

/** Those of at least this cosine, the nearest first. All have the length 1; other dimensions are passed over. */
export function nearest(
  query: Float32Array,
  vectors: readonly Float32Array[],
  threshold: number,
  countMax: number,
): Near[] {
  const found: Near[] = []
  let limit = 2 - 2 * threshold + epsilon
  for (let at = 0; at < vectors.length; at++) {
    const vector = vectors[at] as Float32Array
    if (vector.length !== query.length) continue
    const distance = distanceWithin(query, vector, limit)
    if (distance > limit) continue
    const similarity = Math.min(1, 1 - distance / 2)
    const place = found.findIndex((other) => other.similarity < similarity)
    found.splice(place === -1 ? found.length : place, 0, { at, similarity })
    if (found.length > countMax) found.pop()
    if (found.length === countMax) limit = Math.min(limit, 2 - 2 * (found.at(-1) as Near).similarity)
  }
  return found
}

/** The square of it; where it is above the limit, some number above the limit. Four sums, for they are done at once. */
function distanceWithin(a: Float32Array, b: Float32Array, limit: number): number {
  const { length } = a
  let sum = 0
  let i = 0
  while (i + stride <= length) {
    let [s0, s1, s2, s3] = [0, 0, 0, 0]
    for (const end = i + stride; i < end; i += 4) {
      const d0 = (a[i] as number) - (b[i] as number)
      const d1 = (a[i + 1] as number) - (b[i + 1] as number)
      const d2 = (a[i + 2] as number) - (b[i + 2] as number)
      const d3 = (a[i + 3] as number) - (b[i + 3] as number)
      s0 += d0 * d0
      s1 += d1 * d1
      s2 += d2 * d2
      s3 += d3 * d3
    }
    sum += s0 + s1 + s2 + s3
    if (sum > limit) return sum
  }
  for (; i < length; i++) sum += ((a[i] as number) - (b[i] as number)) ** 2
  return sum
}
