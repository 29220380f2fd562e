/** Settings of objectives: what is promised to callers, by which the gateway judges itself. */
import { count, milliseconds, override, z } from '../ground/schema.ts'
import { sliNames } from './sli-name.ts'

const names = (what: string) =>
  z
    .array(z.string().min(1).max(256))
    .min(1)
    .max(100)
    .optional()
    .meta({ description: `Only calls of these ${what}. Left out: of all.` })

const objectiveSchema = z.strictObject({
  name: z
    .string()
    .regex(/^[\w.-]{1,64}$/, 'letters, digits, and . _ - only')
    .meta({ description: 'Its name, in alerts and metrics.' }),
  sli: z.enum(sliNames).meta({
    description:
      'What counts. `availability`: calls that were answered whole, of all but those that failed by the caller’s own fault, were cancelled, or were refused for planned maintenance; a cut stream is a failure. `firstToken`: streams that began within `thresholdMs`. `interToken`: streams of which the mean time between tokens was within `thresholdMs`. `continuation`: broken answers that were finished on another upstream. `resume`: answers that could be read again when asked for. `site`: visits of `web.routes` that were answered with less than 500; `routes` then names their paths.',
  }),
  target: z
    .number()
    .min(0.5)
    .max(0.99999)
    .meta({ description: 'Share that must be good, 0.5 to 0.99999; the rest is the error budget.' }),
  windowDays: count(30, 'The error budget is for so many days.', { max: 90 }),
  thresholdMs: override(
    milliseconds(10_000, 'For `firstToken` (left out: 10000) and `interToken` (left out: 200): slower is bad.'),
  ),
  badMin: count(10, 'Fewer bad calls than this in a window raise no alert: with few calls each would be one.'),
  alert: z.enum(['page', 'ticket', 'none']).default('page').meta({
    description:
      'The most that a missed objective may do: `page` is an alert of severity `critical`, `ticket` of `warning`.',
  }),
  routes: names('routes (`chat`, `messages`, `embeddings` …; for `site` paths such as `/`)'),
  models: names('models, as the caller names them'),
  callers: names('callers, by the name of their key'),
})

export type Objective = z.output<typeof objectiveSchema>

/** What any service owes its callers, and what a person bears of a model. */
const usual: z.input<typeof objectiveSchema>[] = [
  { name: 'availability', sli: 'availability', target: 0.999 },
  { name: 'first-token', sli: 'firstToken', target: 0.95, thresholdMs: 10_000, alert: 'ticket' },
  { name: 'inter-token', sli: 'interToken', target: 0.95, thresholdMs: 200, alert: 'ticket' },
  { name: 'continuation', sli: 'continuation', target: 0.99 },
  { name: 'resume', sli: 'resume', target: 0.999 },
]

export const objectivesSchema = z
  .array(objectiveSchema)
  .max(50)
  .refine((all) => new Set(all.map(({ name }) => name)).size === all.length, { error: 'two objectives share a name' })
  .prefault(usual)
  .meta({
    description:
      'What is promised. Left out: 99.9 % of calls answered whole, 95 % of streams begin within 10 s, 95 % have 200 ms or less between tokens, 99 % of broken answers are finished, 99.9 % of answers can be read again.',
  })
