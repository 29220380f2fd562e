/** Windows of maintenance as the configuration names them. */
import { count, z } from '../../ground/schema.ts'
import { windowId } from './maintenance-book.ts'
import { FieldError, minutesMax, planWindow } from './plan-window.ts'
import { weekdays } from './window-rule.ts'

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
  .refine((all) => new Set(all.map(({ title }) => windowId(title))).size === all.length, {
    error: 'two windows share a title, or nearly: what is not a letter or a digit does not tell them apart',
  })
  .default([])
  .meta({ description: 'Windows of planned maintenance; further ones are added by `holdfast maintenance add`.' })
