/** From a window as it is written to one that can be held. Pure. */
import { isTimeZone, momentAt, type Weekday, weekdays, type WindowRule } from './window-rule.ts'

const minuteMs = 60_000
/** More is no maintenance any more. */
export const minutesMax = 31 * 24 * 60
/** One that comes again must be over before. */
const recurringMinutesMax = 24 * 60

/** As it is written; the sentences that say what each is are with its schema. */
interface WindowFields {
  readonly title: string
  readonly text: string
  readonly from?: string | undefined
  readonly to?: string | undefined
  readonly minutes?: number | undefined
  readonly every?: 'week' | 'month' | undefined
  readonly days?: readonly (Weekday | number)[] | undefined
  readonly at?: string | undefined
  readonly timeZone?: string | undefined
  readonly components: readonly string[]
  readonly upstreams: readonly string[]
  readonly models: readonly string[]
  readonly announceDays: number
}

/** A window that makes sense. */
export interface PlannedWindow {
  readonly title: string
  readonly text: string
  readonly rule: WindowRule
  readonly components: readonly string[]
  readonly upstreams: readonly string[]
  readonly models: readonly string[]
  readonly announceMs: number
}

/** What is wrong with which field. */
export class FieldError extends RangeError {
  readonly field: keyof WindowFields

  constructor(field: keyof WindowFields, message: string) {
    super(message)
    this.field = field
  }
}

/**
 * @param zone that of the page.
 * @throws {RangeError} in words that name what is wrong.
 */
export function planWindow(input: WindowFields, zone: string): PlannedWindow {
  const timeZone = input.timeZone ?? zone
  if (!isTimeZone(timeZone))
    throw new FieldError(
      'timeZone',
      `there is no time zone ${JSON.stringify(timeZone)}; they are named like Europe/Berlin`,
    )
  const { title, text, components, upstreams, models, announceDays } = input
  const rule = input.every === undefined ? once(input, timeZone) : recurring(input, timeZone)
  return { ...{ title, text, rule, components, upstreams, models }, announceMs: announceDays * 86_400_000 }
}

function once(input: WindowFields, timeZone: string): WindowRule {
  const { from, to, minutes, days, at } = input
  if (days !== undefined || at !== undefined)
    throw new FieldError('every', '`days` and `at` are for windows that come again: say `every: week` or `month`')
  if (from === undefined) throw new FieldError('from', 'say when it begins (`from`), or how often it comes (`every`)')
  if (to !== undefined && minutes !== undefined) throw new FieldError('minutes', 'either `to` or `minutes`')
  const fromMs = moment('from', from, timeZone)
  const toMs = to === undefined ? fromMs + (minutes ?? 60) * minuteMs : moment('to', to, timeZone)
  if (toMs <= fromMs) throw new FieldError('to', 'it ends before it begins')
  if (toMs - fromMs > minutesMax * minuteMs) throw new FieldError('to', 'it lasts longer than 31 days')
  return { every: 'once', fromMs, toMs }
}

function moment(field: 'from' | 'to', text: string, timeZone: string): number {
  try {
    return momentAt(text, timeZone)
  } catch {
    throw new FieldError(field, `${JSON.stringify(text)} is no moment; write it like 2026-12-06T02:00`)
  }
}

function recurring(input: WindowFields, timeZone: string): WindowRule {
  const { every, days, at, from, to, minutes = 60 } = input
  if (from !== undefined || to !== undefined)
    throw new FieldError('from', 'one that comes again has `days`, `at` and `minutes`, and no `from` or `to`')
  if (every === undefined || days === undefined) throw new FieldError('days', 'say on which days')
  if (at === undefined) throw new FieldError('at', 'say at which time, such as 02:00')
  if (minutes > recurringMinutesMax) throw new FieldError('minutes', 'one that comes again lasts a day at most')
  const [hour = 0, minute = 0] = at.split(':').map(Number)
  const numbers = days.map((day) => dayNumber(day, every))
  return { every, days: [...new Set(numbers)], hour, minute, durationMs: minutes * minuteMs, timeZone }
}

function dayNumber(day: Weekday | number, every: 'week' | 'month'): number {
  if (every === 'week' && typeof day === 'string') return weekdays.indexOf(day) + 1
  if (every === 'month' && typeof day === 'number' && day !== 0) return day
  throw new FieldError(
    'days',
    every === 'week'
      ? 'days of the week have names, such as `sunday`'
      : 'days of the month are numbers: 1 to 31, or -1 for the last',
  )
}
