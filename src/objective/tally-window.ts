/**
 * Good and bad calls over sliding windows: by the minute for the last six hours, by the hour for up to ninety days.
 * A window ends with the bucket that is being filled; its length is right to a bucket. Time is the wall clock's, for it
 * is kept over a restart; what a jump of the clock puts into the future does not count until then.
 */

export interface Tally {
  readonly good: number
  readonly bad: number
}

const minuteMs = 60_000
const hourMs = 3_600_000
const minutesMax = 6 * 60
/** So that the windows of alerts, three days at most, are whole. */
const daysMin = 4

/** Bucket, good, bad. */
type Row = readonly [number, number, number]

export interface WindowState {
  readonly minutes: readonly Row[]
  readonly hours: readonly Row[]
}

class Buckets {
  #bucketMs: number
  #countMax: number
  #counts = new Map<number, { good: number; bad: number }>()

  constructor(bucketMs: number, countMax: number, rows: readonly Row[] = []) {
    this.#bucketMs = bucketMs
    this.#countMax = countMax
    for (const [bucket, good, bad] of rows.slice(-2 * countMax)) this.#counts.set(bucket, { good, bad })
  }

  add(nowMs: number, good: number, bad: number): void {
    const bucket = Math.floor(nowMs / this.#bucketMs)
    const counts = this.#counts.get(bucket)
    if (counts) {
      counts.good += good
      counts.bad += bad
      return
    }
    this.#counts.set(bucket, { good, bad })
    for (const each of this.#counts.keys())
      if (each <= bucket - this.#countMax || each > bucket + this.#countMax) this.#counts.delete(each)
  }

  sum(nowMs: number, windowMs: number): Tally {
    const last = Math.floor(nowMs / this.#bucketMs)
    const first = last - Math.max(1, Math.round(windowMs / this.#bucketMs)) + 1
    let good = 0
    let bad = 0
    for (const [bucket, counts] of this.#counts) {
      if (bucket < first || bucket > last) continue
      good += counts.good
      bad += counts.bad
    }
    return { good, bad }
  }

  /** Of the first bucket; null without any. */
  get firstMs(): number | null {
    return this.#counts.size === 0 ? null : Math.min(...this.#counts.keys()) * this.#bucketMs
  }

  get rows(): Row[] {
    return [...this.#counts].map(([bucket, { good, bad }]) => [bucket, good, bad])
  }
}

export class TallyWindow {
  #minutes: Buckets
  #hours: Buckets

  /** `days`: the longest window that will be asked for, 1 to 90. */
  constructor(days: number, state?: WindowState) {
    this.#minutes = new Buckets(minuteMs, minutesMax, state?.minutes)
    this.#hours = new Buckets(hourMs, 24 * Math.max(daysMin, days + 1), state?.hours)
  }

  add(nowMs: number, good: number, bad: number): void {
    if (good === 0 && bad === 0) return
    this.#minutes.add(nowMs, good, bad)
    this.#hours.add(nowMs, good, bad)
  }

  /** Of the last `windowMs`, from one minute on. */
  sum(nowMs: number, windowMs: number): Tally {
    return (windowMs <= minutesMax * minuteMs ? this.#minutes : this.#hours).sum(nowMs, windowMs)
  }

  /** For how long calls have been counted, right to an hour. */
  ageMs(nowMs: number): number {
    return Math.max(0, nowMs - (this.#hours.firstMs ?? nowMs))
  }

  get state(): WindowState {
    return { minutes: this.#minutes.rows, hours: this.#hours.rows }
  }
}
