/** Moments for programs. */

/** `2026-11-28T18:40:00Z`, to the second; empty for what is no moment. */
export function isoTime(ms: number): string {
  return isMoment(ms) ? `${new Date(Math.floor(ms / 1000) * 1000).toISOString().slice(0, 19)}Z` : ''
}

/** Within the years that have four digits. */
export function isMoment(ms: number): boolean {
  return Number.isFinite(ms) && ms > -6e13 && ms < 2.5e14
}
