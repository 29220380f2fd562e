/**
 * What happens to windows of maintenance: a closed union, kept in the log of incidents and never changed; as its text
 * there, and back.
 */
import { z } from '../../ground/schema.ts'
import type { PlannedWindow } from './maintenance-options.ts'
import { isTimeZone } from './window-rule.ts'

interface Base {
  /** Milliseconds since 1970. */
  readonly atMs: number
  /** `holdfast`, or the name of an operator. */
  readonly by: string
}

/** An operator has added a window at run time. */
export interface Planned extends Base {
  readonly kind: 'maintenance-planned'
  readonly id: string
  readonly window: PlannedWindow
}

/** `id`: of a window with all that is to come of it, or of one occurrence. One in force ends with it. */
export interface Cancelled extends Base {
  readonly kind: 'maintenance-cancelled'
  readonly id: string
}

/** As it was when it began, whatever becomes of the configuration. */
export interface Began extends Base {
  readonly kind: 'maintenance-began'
  /** Of the occurrence. */
  readonly id: string
  readonly fromMs: number
  readonly toMs: number
  readonly title: string
  readonly text: string
  readonly components: readonly string[]
  readonly upstreams: readonly string[]
  readonly models: readonly string[]
}

export type MaintenanceEvent = Planned | Cancelled | Began

const base = { id: z.string().min(1).max(120), atMs: z.number(), by: z.string().min(1).max(80) }
const names = z.array(z.string().max(256)).max(100)
const told = {
  title: z.string().min(1).max(120),
  text: z.string().max(2000),
  components: names,
  upstreams: names,
  models: names,
}
const span = { fromMs: z.number(), toMs: z.number() }
const rule = z.discriminatedUnion('every', [
  z.object({ every: z.literal('once'), ...span }),
  z.object({
    every: z.enum(['week', 'month']),
    days: z.array(z.int().min(-31).max(31)).min(1).max(31),
    hour: z.int().min(0).max(23),
    minute: z.int().min(0).max(59),
    durationMs: z.int().min(60_000).max(86_400_000),
    timeZone: z.string().refine(isTimeZone),
  }),
])

const schema = z.discriminatedUnion('kind', [
  z.object({
    ...base,
    kind: z.literal('maintenance-planned'),
    window: z.object({ ...told, rule, announceMs: z.number().min(0) }),
  }),
  z.object({ ...base, kind: z.literal('maintenance-cancelled') }),
  z.object({ ...base, kind: z.literal('maintenance-began'), ...span, ...told }),
])

export function maintenanceText(event: MaintenanceEvent): string {
  return JSON.stringify(event)
}

/** Null for what is no event of ours. */
export function readMaintenance(entry: string): MaintenanceEvent | null {
  if (!entry.includes('"maintenance-')) return null
  try {
    return schema.parse(JSON.parse(entry))
  } catch {
    return null
  }
}
