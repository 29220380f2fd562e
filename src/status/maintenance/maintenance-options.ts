/** Windows of maintenance as the configuration names them, and what is made of them. */
import { count, z } from '../../ground/schema.ts'
import { isTimeZone, momentAt, type Weekday, weekdays, type WindowRule } from './window-rule.ts'

const minuteMs = 60_000
/** More is no maintenance any more. */
const minutesMax = 31 * 24 * 60
/** One that comes again must be over before. */
const recurringMinutesMax = 24 * 60
const namesMax = 100

const names = (description: string) =>
  z.array(z.string().min(1).max(256)).max(namesMax).default([]).meta({ description })

const fields = z.strictObject({
  title: z.string().trim().min(1).max(120).meta({ description: 'A few words, for the public.' }),
  text: z.string().max(2000).default('').meta({ description: 'What will be done, for the public.' }),
  from: z.string().max(40).optional().meta({
    description:
      'For one that is held once: when it begins, such as `2026-12-06T02:00`, by the clock of `timeZone`, or with an offset (`…Z`, `…+01:00`).',
  }),
  to: z.string().max(40).optional().meta({ description: 'When it ends, in the same way. Or give `minutes`.' }),
  minutes: z.int().min(1).max(minutesMax).optional().meta({
    description:
      'How long it lasts: at most 31 days; one that comes again at most a day. Left out, and without `to`: 60.',
  }),
  every: z.enum(['week', 'month']).optional().meta({ description: 'For one that comes again: how often.' }),
  days: z
    .array(z.union([z.enum(weekdays), z.int().min(-31).max(31)]))
    .min(1)
    .max(31)
    .optional()
    .meta({
      description: 'On which days: of the week by name (`sunday`), of the month by number (`1`; `-1` is the last).',
    }),
  at: z
    .string()
    .regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'a time like 02:00')
    .optional()
    .meta({ description: 'At which time it then begins, such as `02:00`.' }),
  timeZone: z.string().max(64).optional().meta({
    description: 'By the clock of which place, such as `Europe/Berlin`. Left out, that of the page.',
  }),
  components: names('Components of the page that are under maintenance, by name.'),
  upstreams: names('Upstreams that get no new calls meanwhile, where others offer the model.'),
  models: names('Models, as callers name them, that are not to be had meanwhile.'),
  announceDays: count(7, 'The public is told so many days ahead.', { min: 0, max: 90 }),
})

export type WindowInput = z.input<typeof fields>
type WindowFields = z.output<typeof fields>

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

export const maintenanceWindowSchema = fields.superRefine((input, context) => {
  try {
    // The page's own place is not known here, and is checked by itself.
    planWindow(input, 'UTC')
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    context.addIssue({ code: 'custom', message: error.message, path: error instanceof FieldError ? [error.field] : [] })
  }
})

export const maintenanceSchema = z
  .array(maintenanceWindowSchema)
  .max(100)
  .refine((all) => new Set(all.map(({ title }) => title)).size === all.length, { error: 'two windows share a title' })
  .default([])
  .meta({ description: 'Windows of planned maintenance; further ones are added by `holdfast maintenance add`.' })

class FieldError extends RangeError {
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
