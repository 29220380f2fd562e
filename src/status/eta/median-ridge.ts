/**
 * A linear median with a leash: the sum of |error| (rounded off near 0), plus a penalty for every coefficient that is
 * not 0. By iteratively reweighted least squares, each step solved by Cholesky. O(steps · rows · width²).
 */

export interface RidgeRow {
  readonly x: Float64Array
  readonly y: number
  readonly weight: number
}

/** Errors smaller than this count by their square: the estimate is between median and mean there. */
const roundOff = 1
const steps = 8

/** The coefficients; `penalties` has one for each. Without rows all are 0. */
export function medianRidge(rows: readonly RidgeRow[], penalties: Float64Array): Float64Array {
  const width = penalties.length
  let coefficients = new Float64Array(width)
  for (let step = 0; step < steps; step++) {
    const gram = new Float64Array(width * width)
    const side = new Float64Array(width)
    for (const { x, y, weight } of rows) {
      const pull = weight / Math.max(Math.abs(y - dot(x, coefficients)), roundOff)
      for (let i = 0; i < width; i++) {
        const scaled = pull * (x[i] as number)
        if (scaled === 0) continue
        side[i] = (side[i] as number) + scaled * y
        for (let j = 0; j <= i; j++) gram[i * width + j] = (gram[i * width + j] as number) + scaled * (x[j] as number)
      }
    }
    for (let i = 0; i < width; i++) gram[i * width + i] = (gram[i * width + i] as number) + (penalties[i] as number)
    coefficients = solve(gram, side)
  }
  return coefficients
}

export function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += (a[i] as number) * (b[i] as number)
  return sum
}

/** Cholesky; only the lower triangle of `gram` is read. It is overwritten. */
function solve(gram: Float64Array, side: Float64Array): Float64Array<ArrayBuffer> {
  const width = side.length
  const get = (i: number, j: number): number => gram[i * width + j] as number
  for (let i = 0; i < width; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = get(i, j)
      for (let k = 0; k < j; k++) sum -= get(i, k) * get(j, k)
      gram[i * width + j] = i === j ? Math.sqrt(Math.max(sum, 1e-9)) : sum / get(j, j)
    }
  }
  const x = Float64Array.from(side)
  for (let i = 0; i < width; i++) {
    for (let k = 0; k < i; k++) x[i] = (x[i] as number) - get(i, k) * (x[k] as number)
    x[i] = (x[i] as number) / get(i, i)
  }
  for (let i = width - 1; i >= 0; i--) {
    for (let k = i + 1; k < width; k++) x[i] = (x[i] as number) - get(k, i) * (x[k] as number)
    x[i] = (x[i] as number) / get(i, i)
  }
  return x
}
