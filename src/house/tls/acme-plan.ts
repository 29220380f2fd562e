/** When a certificate of an authority is renewed, and when it is asked again after a failure. Pure. */

export interface Lifetime {
  readonly fromMs: number
  readonly untilMs: number
}

const renewShare = 2 / 3
/** So that many that were issued together are not renewed together: of the lifetime, up or down. */
const jitterShare = 0.025
/** At most five failures an hour: what the largest authority allows for one name. */
const againMs = 120_000
const againMsMax = 6 * 3_600_000

/** `unit`: chance, 0 to 1. The moment, milliseconds since 1970. */
export function renewalMs({ fromMs, untilMs }: Lifetime, unit: number): number {
  return Math.round(fromMs + (untilMs - fromMs) * (renewShare + (2 * unit - 1) * jitterShare))
}

/** Somewhere in the window that the authority suggests (RFC 9773, section 4.2), but never so late that it is an end. */
export function suggestedMs(window: { startMs: number; endMs: number }, { untilMs }: Lifetime, unit: number): number {
  const picked = window.startMs + Math.max(0, window.endMs - window.startMs) * unit
  return Math.round(Math.min(picked, untilMs - againMsMax))
}

/** How long to wait after so many failures in a row, doubling, with as much as half of it off by chance. */
export function againAfterMs(failures: number, unit: number): number {
  const waitMs = Math.min(againMsMax, againMs * 2 ** Math.max(0, failures - 1))
  return Math.round(waitMs * (1 - unit / 2))
}

/** Why what was issued is of no use, in words for people; null where it is. Whoever took it would ask again at once. */
export function whyUseless(
  { names, untilMs }: Lifetime & { readonly names: readonly string[] },
  wanted: readonly string[],
  nowMs: number,
): string | null {
  const missing = wanted.find((name) => !names.includes(name))
  if (missing !== undefined) return `the certificate that was issued is not for ${missing}`
  return untilMs > nowMs ? null : 'the certificate that was issued is over already: is the clock right?'
}
