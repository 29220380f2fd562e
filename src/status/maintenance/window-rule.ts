/**
 * When a window of maintenance is: once, or on days of the week or of the month at a time of the clock on the wall of a
 * place. Pure. Where the clocks go forward, a window that would begin in the hour that is left out begins as much later
 * (02:30 becomes 03:30); where they go back, in the first of the two hours that look alike. It always lasts as long as
 * it says, whatever the clocks do meanwhile.
 */

export const weekdays = ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'] as const
export type Weekday = (typeof weekdays)[number]

/** Milliseconds since 1970; `toMs` is the first moment after it. */
export interface Span {
  readonly fromMs: number
  readonly toMs: number
}

export interface Once extends Span {
  readonly every: 'once'
}

export interface Recurring {
  readonly every: 'week' | 'month'
  /** Of the week: 1 is Monday, 7 Sunday. Of the month: 1 to 31, or from its end: -1 is the last. */
  readonly days: readonly number[]
  readonly hour: number
  readonly minute: number
  readonly durationMs: number
  /** Of IANA. */
  readonly timeZone: string
}

export type WindowRule = Once | Recurring

const dayMs = 86_400_000
/** Longest time in which one can look for windows. */
const rangeMsMax = 800 * dayMs

/** All that have a part in a time, in order. @throws {RangeError} for a time of years. */
export function occurrences(rule: WindowRule, { fromMs, toMs }: Span): Span[] {
  if (toMs - fromMs > rangeMsMax) throw new RangeError('windows are looked for within two years')
  if (rule.every === 'once') return rule.fromMs < toMs && rule.toMs > fromMs ? [spanOf(rule)] : []
  const zone = rule.timeZone
  // A day more at both ends: a clock that was moved may have moved a window out of its day.
  let date = dateAt(fromMs - rule.durationMs - dayMs, zone)
  const last = dateAt(toMs + dayMs, zone)
  const found = new Map<number, Span>() // a day that a place left out must not give two
  for (; Temporal.PlainDate.compare(date, last) <= 0; date = date.add({ days: 1 })) {
    if (!isOn(rule, date)) continue
    const span = spanOn(rule, date)
    if (span.fromMs < toMs && span.toMs > fromMs) found.set(span.fromMs, span)
  }
  return [...found.values()].toSorted((a, b) => a.fromMs - b.fromMs)
}

/** Whether there is such a place. */
export function isTimeZone(timeZone: string): boolean {
  try {
    Temporal.PlainDate.from('2026-01-01').toZonedDateTime({ timeZone })
    return true
  } catch {
    return false
  }
}

/**
 * A moment as a person writes it: with an offset (`2026-12-06T02:00Z`, `…+01:00`), or by the clock of a place.
 * @throws {RangeError}
 */
export function momentAt(text: string, timeZone: string): number {
  // With the name of a place behind it (`…[Europe/Berlin]`), which would else be read over.
  if (text.includes('[')) return Temporal.ZonedDateTime.from(text).epochMilliseconds
  const hasOffset = /(Z|[+-]\d\d(:?\d\d)?)$/i.test(text.slice(10))
  if (hasOffset) return Temporal.Instant.from(text).epochMilliseconds
  return Temporal.PlainDateTime.from(text).toZonedDateTime(timeZone).epochMilliseconds
}

function isOn({ every, days }: Recurring, date: Temporal.PlainDate): boolean {
  if (every === 'week') return days.includes(date.dayOfWeek)
  return days.includes(date.day) || days.includes(date.day - date.daysInMonth - 1)
}

function spanOn({ hour, minute, durationMs, timeZone }: Recurring, date: Temporal.PlainDate): Span {
  const plainTime = new Temporal.PlainTime(hour, minute)
  const fromMs = date.toZonedDateTime({ timeZone, plainTime }).epochMilliseconds
  return { fromMs, toMs: fromMs + durationMs }
}

function dateAt(ms: number, timeZone: string): Temporal.PlainDate {
  return Temporal.Instant.fromEpochMilliseconds(ms).toZonedDateTimeISO(timeZone).toPlainDate()
}

const spanOf = ({ fromMs, toMs }: Span): Span => ({ fromMs, toMs })
