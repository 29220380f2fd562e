/** An event of an incident as the text of the log, and back: what an operator's command or a later version wrote. */
import { causes } from '../diagnosis/causes.ts'
import { causeClasses, type CauseClass } from '../diagnosis/cause.ts'
import type { CauseName } from '../diagnosis/causes.ts'
import { z } from '../ground/schema.ts'
import { levels, stages } from './incident.ts'
import type { IncidentEvent } from './incident-event.ts'

/** Longest title and text that an operator may write, in characters. */
export const titleLengthMax = 200
export const textLengthMax = 5000

/** Up to the end of the year 9999: of what lies beyond no format can tell. */
const moment = z.number().min(0).max(253_402_300_799_999)
const base = { id: z.string().min(1).max(60), atMs: moment, by: z.string().min(1).max(80) }
/** An automatic one names components, whose names may be longer. */
const title = z
  .string()
  .min(1)
  .max(5 * titleLengthMax)
const text = z.string().max(textLengthMax)
const stage = z.enum(stages)
const blame = z.object({
  cause: z.enum(Object.keys(causes) as [CauseName, ...CauseName[]]),
  class: z.enum(Object.keys(causeClasses) as [CauseClass, ...CauseClass[]]),
  subject: z.string().nullable(),
})
const affected = z.array(
  z.object({
    component: z.string(),
    level: z.enum(levels),
    worst: z.enum(levels),
    total: z.number(),
    bad: z.number(),
  }),
)
const names = z.object({ shown: z.array(z.string().max(200)).max(10), more: z.number() })
/** Facts that a later version writes in another way are done without: the text is there. */
const told = z
  .object({
    stage,
    ...{ beganMs: z.number(), atMs: z.number() },
    cause: blame.shape.class.nullable(),
    ...{ names, harmed: names },
    worst: z.enum(levels),
    ...{ share: z.number(), calls: z.number(), badCalls: z.number() },
    isBack: z.boolean(),
  })
  .optional()
  .catch(undefined)

const schema = z.discriminatedUnion('kind', [
  z.object({
    ...base,
    kind: z.literal('opened'),
    title,
    beganMs: moment,
    stage,
    blame: blame.nullable(),
    affected,
    text,
    told,
  }),
  z.object({
    ...base,
    kind: z.literal('updated'),
    stage: stage.exactOptional(),
    title: title.exactOptional(),
    blame: blame.nullable().exactOptional(),
    affected: affected.exactOptional(),
    text: text.exactOptional(),
    told,
  }),
  z.object({ ...base, kind: z.literal('merged'), into: z.string() }),
  z.object({ ...base, kind: z.literal('corrected'), number: z.number(), text }),
  z.object({ ...base, kind: z.literal('silenced'), isSilenced: z.boolean() }),
  z.object({ ...base, kind: z.literal('postponed'), untilMs: moment }),
])

export function entryText(event: IncidentEvent): string {
  return JSON.stringify(event)
}

/** Null for what is no event of ours. */
export function readEntry(entry: string): IncidentEvent | null {
  try {
    return schema.parse(JSON.parse(entry))
  } catch {
    return null
  }
}
