/**
 * Keeps us honest about times: compares what callers were told with what came, corrects forecasts by the usual error,
 * and counts how often a forecast held. The correction is learnt against the forecast before correction, and slowly:
 * a forecast steers who is let in, and must not chase its own tail.
 */

/** A forecast holds when the truth is within this share of it. */
export const heldWithin = 0.3
/** Shorter ones are not told: Retry-After counts seconds. */
const toldMsMin = 1000
/** The correction forgets within about this time. */
const fadeMs = 60_000
/** One outcome moves it by no more than this share. */
const newestMax = 0.05
const correctionMax = 3
/** Callers who were sent away and are watched at once. */
const marksMax = 256

export interface Forecast {
  /** As computed. */
  readonly rawMs: number
  /** As told. */
  readonly toldMs: number
}

/** A caller who was sent away, and who would have been served when the work before him had been. */
interface Mark {
  readonly forecast: Forecast
  readonly atMs: number
  readonly tenant: string
  workLeft: number
}

export class Forecasts {
  heldCount = 0
  missedCount = 0
  #logCorrection = 0
  #learntMs = Number.NEGATIVE_INFINITY
  #marks: Mark[] = []

  correct(rawMs: number): Forecast {
    return { rawMs, toldMs: rawMs * Math.exp(this.#logCorrection) }
  }

  /** Somebody who was told this waited `actualMs`. */
  note({ rawMs, toldMs }: Forecast, actualMs: number, nowMs: number): void {
    if (toldMs < toldMsMin || rawMs <= 0) return
    if (Math.abs(actualMs - toldMs) <= heldWithin * toldMs) this.heldCount++
    else this.missedCount++
    const limit = Math.log(correctionMax)
    const error = Math.min(limit, Math.max(-limit, Math.log(Math.max(1, actualMs) / rawMs)))
    const weight = Math.min(newestMax, (nowMs - this.#learntMs) / fadeMs)
    this.#learntMs = nowMs
    this.#logCorrection += weight * (error - this.#logCorrection)
  }

  /** Somebody was sent away with this forecast: he would be served when so much more work of his tenant has passed. */
  watch(forecast: Forecast, tenant: string, workLeft: number, nowMs: number): void {
    if (forecast.toldMs < toldMsMin) return
    // Those whose tenant asks for nothing any more would keep their places for ever.
    if (this.#marks.length >= marksMax) this.#marks = this.#marks.filter((mark) => !isStale(mark, nowMs))
    if (this.#marks.length >= marksMax) return
    this.#marks.push({ forecast, atMs: nowMs, tenant, workLeft })
  }

  /** So much work of a tenant has been given a place. */
  passed(tenant: string, work: number, nowMs: number): void {
    if (this.#marks.length === 0) return
    this.#marks = this.#marks.filter((mark) => {
      if (mark.tenant !== tenant) return true
      mark.workLeft -= work
      if (mark.workLeft > 0) return true
      this.note(mark.forecast, nowMs - mark.atMs, nowMs)
      return false
    })
  }
}

function isStale({ forecast, atMs }: Mark, nowMs: number): boolean {
  return nowMs - atMs > fadeMs + correctionMax * forecast.toldMs
}
