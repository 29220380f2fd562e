/**
 * The contract of the ledger: minute by minute how each component did, and each caller to whom something is promised.
 * Whoever draws bars of days, says an uptime, or reckons what is owed reads it; nothing is measured twice.
 */

export const minuteMs = 60_000
export const dayMs = 86_400_000

/** From well to worst, and, before all of these, what was announced. Kept by their place in this list. */
export const ledgerLevels = [
  'operational',
  'degraded_performance',
  'partial_outage',
  'major_outage',
  'under_maintenance',
] as const
export type LedgerLevel = (typeof ledgerLevels)[number]

/** The component under which all calls together are noted. */
export const wholeHouse = ''

/** In one minute. */
export interface LedgerTally {
  readonly calls: number
  /** Failed, through no fault of the caller. */
  readonly failed: number
  /** Answered whole, but slowly. */
  readonly slow: number
  /** The worst so far; null: judged by the calls of the minute when it is over. */
  readonly level: LedgerLevel | null
}

/** Shares of calls that failed, from which on a minute is one of an outage, and fewer failures than that by chance. */
const majorShare = 0.5
const partialShare = 0.1
const failedShare = 0.02
const slowShare = 0.25
const badMin = 2

/** Of a minute by its calls alone. */
export function levelOfMinute({ calls, failed, slow }: Omit<LedgerTally, 'level'>): LedgerLevel {
  if (failed >= badMin) {
    if (failed >= majorShare * calls) return 'major_outage'
    if (failed >= partialShare * calls) return 'partial_outage'
    if (failed >= failedShare * calls) return 'degraded_performance'
  }
  return failed + slow >= badMin && failed + slow >= slowShare * calls ? 'degraded_performance' : 'operational'
}

export interface LedgerWriter extends Disposable {
  /**
   * Adds to a minute; what was noted of it before stays. A minute of which anything is noted was watched, whatever
   * else is missing of it: so the whole house is noted each minute, also without calls.
   * @param minute any moment of it, milliseconds since 1970. @param caller name of a key; null for the calls of all.
   */
  note(minute: number, component: string, caller: string | null, tally: LedgerTally): void
  /** Times to the first token of calls that were answered lately; a sample will do. Milliseconds. */
  noteFirstTokens(atMs: number, timesMs: readonly number[]): void
  /** Rows that could not be written, and are lost. */
  readonly lostCount: number
}

/** What the minutes of one day of UTC add up to. */
export interface LedgerDay {
  readonly component: string
  readonly caller: string | null
  /** Its first moment, milliseconds since 1970. */
  readonly dayMs: number
  readonly calls: number
  readonly failed: number
  readonly slow: number
  readonly degradedMinutes: number
  readonly partialMinutes: number
  readonly majorMinutes: number
  readonly maintenanceMinutes: number
}

export interface LedgerOutage {
  readonly component: string
  readonly caller: string | null
  readonly minuteMs: number
  readonly level: LedgerLevel
  readonly calls: number
  readonly failed: number
}

export interface LedgerFirstTokens {
  readonly atMs: number
  readonly medianMs: number
  readonly p95Ms: number
}

export interface LedgerHour {
  /** Its first moment, in UTC. */
  readonly hourMs: number
  readonly calls: number
  /** Minutes of it that were watched. */
  readonly watchedMinutes: number
}

export interface LedgerMinute {
  /** Its first moment, milliseconds since 1970. */
  readonly minuteMs: number
  readonly calls: number
  readonly level: LedgerLevel
}

/** From `fromMs`, before `toMs`. Days are of UTC, those at the ends as a whole. */
export interface LedgerReader extends Disposable {
  /** In order of time. */
  days(fromMs: number, toMs: number): readonly LedgerDay[]
  /** Minutes that were watched, by the first moment of their day. */
  watched(fromMs: number, toMs: number): ReadonlyMap<number, number>
  /** Minutes with a partial or major outage, in order of time; at most 100,000. */
  outages(fromMs: number, toMs: number): readonly LedgerOutage[]
  /** Calls of the whole house by the hour, as far as minutes are kept, in order of time. */
  hours(fromMs: number, toMs: number): readonly LedgerHour[]
  /** Calls of the whole house by the minute, as far as minutes are kept, in order of time; at most 200,000. */
  minutes(fromMs: number, toMs: number): readonly LedgerMinute[]
  /** Times to the first token, of five minutes each, as far as minutes are kept; or the means of more of them. */
  firstTokens(fromMs: number, toMs: number, countMax: number): readonly LedgerFirstTokens[]
}
