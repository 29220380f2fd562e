/**
 * All that the public may know, at one moment: the page, the feeds, the JSON and the letters to subscribers are made of
 * this and of nothing else. No name of a machine, of a key or of a caller is in it.
 */
import type { Impact, IncidentUpdate, Level, Stage, Told } from './incident.ts'

/** All times in milliseconds since 1970. */
export interface StatusView {
  readonly page: {
    readonly id: string
    readonly name: string
    /** Where the page is, without a slash at its end; empty where that is not known. */
    readonly url: string
    readonly timeZone: string
  }
  readonly updatedMs: number
  /** The worst of all components now; `under_maintenance` where only maintenance is in force. */
  readonly level: Level | 'under_maintenance'
  readonly components: readonly ComponentView[]
  /** Newest first: those that go on, and those of the last 90 days. */
  readonly incidents: readonly IncidentView[]
  /** In order of their beginning: announced, in force, and those of the last 90 days. */
  readonly maintenances: readonly MaintenanceView[]
  /** Median and 95th percentile of the time to the first token, oldest first; empty where there are none. */
  readonly responseTimes: readonly { readonly atMs: number; readonly medianMs: number; readonly p95Ms: number }[]
}

export interface ComponentView {
  readonly id: string
  readonly name: string
  readonly description: string
  readonly level: Level | 'under_maintenance'
  /** Days of UTC, oldest first, at most 90; the last is today. */
  readonly days: readonly DayView[]
  /** Over all its days: calls that were answered well, as a share; null where there were none. */
  readonly goodShare: number | null
  /** Over all its days: minutes without an outage, as a share of the minutes that were watched; null without any. */
  readonly uptimeShare: number | null
}

export interface DayView {
  /** `2026-11-28`. */
  readonly day: string
  /** The worst of the day; null where nothing was watched. */
  readonly level: Level | null
  readonly calls: number
  readonly badCalls: number
  /** Minutes of partial and of major outage. */
  readonly partialMinutes: number
  readonly majorMinutes: number
}

export interface IncidentView {
  readonly id: string
  readonly title: string
  /** What the title is written from; only of an automatic one. */
  readonly told?: Told
  readonly stage: Stage
  readonly impact: Impact
  /** Class of the cause, such as `network`; null while it is not known. */
  readonly causeClass: string | null
  readonly beganMs: number
  readonly openedMs: number
  readonly updatedMs: number
  readonly monitoringMs: number | null
  readonly resolvedMs: number | null
  readonly components: readonly { readonly id: string; readonly name: string; readonly level: Level }[]
  /** Oldest first. */
  readonly updates: readonly IncidentUpdate[]
  /** Calls that failed or were slow since it began, of all calls. */
  readonly badCalls: number
  readonly calls: number
  /** When it will probably be over; null where nothing honest can be said, or where it is over. */
  readonly eta: EtaView | null
}

/** From `atMs` on, in milliseconds. */
export interface EtaView {
  readonly atMs: number
  readonly medianMs: number
  /** Nine in ten are over between these. */
  readonly lowMs: number
  readonly highMs: number
  /** In plain words. */
  readonly words: string
}

export interface MaintenanceView {
  readonly id: string
  readonly title: string
  readonly text: string
  readonly stage: 'scheduled' | 'in_progress' | 'completed' | 'cancelled'
  readonly fromMs: number
  readonly toMs: number
  readonly announcedMs: number
  readonly updatedMs: number
  readonly components: readonly { readonly id: string; readonly name: string }[]
}
