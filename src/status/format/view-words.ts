/** Words and colours for levels and stages, and times as other programs read them: shared by all formats. */
import type { Stage } from '../incident.ts'
import type { MaintenanceView, StatusView } from '../status-view.ts'

export type ShownLevel = StatusView['level']

/** The sentence over the whole page, in the words of Statuspage. */
export const pageWords: Readonly<Record<ShownLevel, string>> = {
  operational: 'All Systems Operational',
  degraded_performance: 'Partially Degraded Service',
  partial_outage: 'Partial System Outage',
  major_outage: 'Major System Outage',
  under_maintenance: 'Service Under Maintenance',
}

export const levelWords: Readonly<Record<ShownLevel, string>> = {
  operational: 'operational',
  degraded_performance: 'degraded',
  partial_outage: 'partial outage',
  major_outage: 'major outage',
  under_maintenance: 'maintenance',
}

export const stageWords: Readonly<Record<Stage | MaintenanceView['stage'], string>> = {
  investigating: 'Investigating',
  identified: 'Identified',
  monitoring: 'Monitoring',
  resolved: 'Resolved',
  scheduled: 'Scheduled',
  in_progress: 'In progress',
  completed: 'Completed',
  cancelled: 'Cancelled',
}

/** Where the public reads of one incident or maintenance; empty where the address of the page is not known. */
export function linkOf({ url }: StatusView['page'], id: string): string {
  return url === '' ? '' : `${url}/incidents/${encodeURIComponent(id)}`
}

/** Within the years that have four digits: one time that is none must not keep the rest from being told. */
export const momentOf = (ms: number): number => Math.min(253_402_300_799_999, Math.max(0, Number.isNaN(ms) ? 0 : ms))

export const isoOf = (ms: number): string => new Date(momentOf(ms)).toISOString()

/** `28 Nov 2026, 13:00 CET`; of a time zone that nobody knows in UTC. */
export function timeWords(ms: number, timeZone: string): string {
  // To make one takes longer than to use it a hundred times; there is one page, and so one zone.
  if (made?.timeZone !== timeZone) made = { timeZone, format: formatOf(timeZone) }
  return made.format.format(momentOf(ms))
}

let made: { readonly timeZone: string; readonly format: Intl.DateTimeFormat } | null = null

function formatOf(timeZone: string): Intl.DateTimeFormat {
  const options = { day: 'numeric', month: 'short', year: 'numeric', hour: '2-digit', minute: '2-digit' } as const
  try {
    return new Intl.DateTimeFormat('en-GB', { ...options, timeZone, timeZoneName: 'short' })
  } catch {
    return new Intl.DateTimeFormat('en-GB', { ...options, timeZone: 'UTC', timeZoneName: 'short' })
  }
}
