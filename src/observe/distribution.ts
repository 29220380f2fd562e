/**
 * How values are spread: counts by bucket, for each set of labels, and in each bucket the call that came last (an
 * exemplar), so that a slow bar of a chart leads to a ray. An observation allocates nothing.
 */
import { LabelTree } from './label-tree.ts'

/** The call that stands for its bucket. */
export interface Exemplar {
  readonly ray: string
  /** Where its trace is recorded, else empty. */
  readonly traceId: string
  readonly spanId: string
  readonly value: number
  /** Milliseconds since 1970. */
  readonly atMs: number
}

/** Of the call whose value is observed. */
export interface Witness {
  readonly ray: string
  readonly traceId: string
  readonly spanId: string
  readonly atMs: number
}

export class Series {
  readonly labels: Readonly<Record<string, string>>
  /** By bucket; the last is for what lies above all bounds. */
  readonly counts: Float64Array
  sum = 0
  #exemplars: (Witness | undefined)[]
  #values: Float64Array

  constructor(labels: Record<string, string>, bucketCount: number) {
    this.labels = labels
    this.counts = new Float64Array(bucketCount)
    this.#values = new Float64Array(bucketCount)
    this.#exemplars = Array.from({ length: bucketCount })
  }

  add(bucket: number, value: number, witness: Witness): void {
    this.counts[bucket] = (this.counts[bucket] ?? 0) + 1
    this.sum += value
    this.#values[bucket] = value
    this.#exemplars[bucket] = witness
  }

  exemplar(bucket: number): Exemplar | null {
    const witness = this.#exemplars[bucket]
    if (!witness) return null
    const { ray, traceId, spanId, atMs } = witness
    return { ray, traceId, spanId, atMs, value: this.#values[bucket] ?? 0 }
  }
}

export class Distribution {
  readonly bounds: readonly number[]
  #series: LabelTree<Series>

  /** `bounds`: upper ends of the buckets, ascending. `seriesMax`: further ones are counted together. */
  constructor(labelNames: readonly string[], bounds: readonly number[], seriesMax = 1000) {
    this.bounds = bounds
    this.#series = new LabelTree(labelNames, (labels) => new Series(labels, bounds.length + 1), seriesMax)
  }

  get series(): readonly Series[] {
    return this.#series.leaves
  }

  /** The values of the labels stand in the order of their names. `witness` is kept until another takes its place. */
  observe(value: number, witness: Witness, a?: string, b?: string, c?: string, d?: string): void {
    this.#series.at(a, b, c, d).add(bucketOf(this.bounds, value), value, witness)
  }
}

/** The first whose bound is not below the value. */
function bucketOf(bounds: readonly number[], value: number): number {
  let low = 0
  let high = bounds.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (value <= (bounds[middle] as number)) high = middle
    else low = middle + 1
  }
  return low
}
