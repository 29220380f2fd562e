/**
 * What happens to windows of maintenance: a closed union, kept in the log of incidents and never changed; as its text
 * there, and back.
 */
import type { PlannedWindow } from './plan-window.ts'
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

export function maintenanceText(event: MaintenanceEvent): string {
  return JSON.stringify(event)
}

/** Null for what is no event of ours. */
export function readMaintenance(entry: string): MaintenanceEvent | null {
  if (!entry.includes('"maintenance-')) return null
  try {
    const event: unknown = JSON.parse(entry)
    return isFields(event) && isEvent(event) ? (event as unknown as MaintenanceEvent) : null
  } catch {
    return null
  }
}

// By hand, since workers read it, and the schema library is large.

type Fields = Readonly<Record<string, unknown>>

function isEvent(event: Fields): boolean {
  const { kind, id, atMs, by, window } = event
  if (!isText(id, 1, 120) || !isText(by, 1, 80) || !isMoment(atMs)) return false
  if (kind === 'maintenance-cancelled') return true
  if (kind === 'maintenance-began') return isTold(event) && isSpan(event)
  if (kind !== 'maintenance-planned' || !isFields(window)) return false
  const { rule, announceMs } = window
  return isTold(window) && isMoment(announceMs) && isFields(rule) && isRule(rule)
}

function isTold({ title, text, components, upstreams, models }: Fields): boolean {
  return isText(title, 1, 120) && isText(text, 0, 2000) && [components, upstreams, models].every(isNames)
}

function isRule(rule: Fields): boolean {
  if (rule['every'] === 'once') return isSpan(rule)
  const { every, days, hour, minute, durationMs, timeZone } = rule
  if (every !== 'week' && every !== 'month') return false
  const areDays = Array.isArray(days) && days.length > 0 && days.every((day) => isWhole(day, -31, 31))
  const isTime = isWhole(hour, 0, 23) && isWhole(minute, 0, 59) && isWhole(durationMs, 60_000, 86_400_000)
  return areDays && isTime && isText(timeZone, 1, 64) && isTimeZone(timeZone)
}

const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null
const isSpan = ({ fromMs, toMs }: Fields): boolean => isMoment(fromMs) && isMoment(toMs) && fromMs < toMs
/** As far as a date can be. */
const isMoment = (value: unknown): value is number => isWhole(value, 0, 8.64e15)

function isWhole(value: unknown, min: number, max: number): value is number {
  return Number.isInteger(value) && (value as number) >= min && (value as number) <= max
}

function isText(value: unknown, min: number, max: number): value is string {
  return typeof value === 'string' && value.length >= min && value.length <= max
}

function isNames(value: unknown): boolean {
  return Array.isArray(value) && value.length <= 100 && value.every((name) => isText(name, 0, 256))
}
