/** A month of UTC, as the ledger counts its days. */

export interface Month {
  /** `2026-11`. */
  readonly name: string
  /** Its first moment, and the first behind it; milliseconds since 1970. */
  readonly fromMs: number
  readonly toMs: number
}

/** @throws {RangeError} in words that say how it is written. */
export function readMonth(text: string): Month {
  const match = /^(\d{4})-(\d{2})$/.exec(text)
  const [year, month] = [Number(match?.[1]), Number(match?.[2])]
  if (!match || month < 1 || month > 12 || year < 1970)
    throw new RangeError(`${JSON.stringify(text)} is no month; write it like 2026-11`)
  return { name: text, fromMs: Date.UTC(year, month - 1), toMs: Date.UTC(year, month) }
}

/** That before the one of this moment. */
export function lastMonth(nowMs: number): Month {
  const now = new Date(nowMs)
  return readMonth(new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - 1)).toISOString().slice(0, 7))
}
