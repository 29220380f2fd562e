/** What the public may know, made up for tests: an incident that goes on, one that is over, and maintenance. */
import type { ComponentView, IncidentView, MaintenanceView, StatusView } from '../../src/status/status-view.ts'
import type { IncidentUpdate, Level, Stage } from '../../src/status/incident.ts'

/** 2026-11-28 12:00 UTC. */
export const viewMs = Date.UTC(2026, 10, 28, 12)
const minute = 60_000
const hour = 60 * minute
const day = 24 * hour

export function componentView(id: string, name: string, level: ComponentView['level'] = 'operational'): ComponentView {
  const days = Array.from({ length: 90 }, (_, i) => ({
    day: new Date(viewMs - (89 - i) * day).toISOString().slice(0, 10),
    level: 'operational' as const,
    calls: 1000,
    badCalls: i === 80 ? 20 : 0,
    partialMinutes: 0,
    majorMinutes: i === 80 ? 12 : 0,
  }))
  return { id, name, description: '', level, days, goodShare: 0.9998, uptimeShare: 0.9999 }
}

export function update(number: number, atMs: number, stage: Stage, text: string, level: Level): IncidentUpdate {
  return { number, atMs, stage, text, by: 'holdfast', levels: { chat: level }, corrected: [] }
}

export function incidentView(more: Partial<IncidentView> = {}): IncidentView {
  const beganMs = viewMs - 20 * minute
  return {
    id: 'inc-2',
    title: 'Chat: some calls fail',
    stage: 'identified',
    impact: 'major',
    causeClass: 'network',
    beganMs,
    openedMs: beganMs + 20_000,
    updatedMs: viewMs - 5 * minute,
    monitoringMs: null,
    resolvedMs: null,
    components: [{ id: 'chat', name: 'Chat', level: 'partial_outage' }],
    updates: [
      update(
        1,
        beganMs + 20_000,
        'investigating',
        'Some calls fail. We are looking for the cause.',
        'degraded_performance',
      ),
      update(2, viewMs - 5 * minute, 'identified', 'There is a problem in the network.', 'partial_outage'),
    ],
    badCalls: 120,
    calls: 1000,
    eta: {
      atMs: viewMs - 5 * minute,
      medianMs: 25 * minute,
      lowMs: 5 * minute,
      highMs: 90 * minute,
      words: 'Probably over in 25 minutes (5 to 90).',
    },
    ...more,
  }
}

export function overView(more: Partial<IncidentView> = {}): IncidentView {
  const beganMs = viewMs - 10 * day
  return incidentView({
    id: 'inc-1',
    title: 'Chat: most calls fail',
    stage: 'resolved',
    impact: 'critical',
    beganMs,
    openedMs: beganMs,
    updatedMs: beganMs + hour,
    monitoringMs: beganMs + 50 * minute,
    resolvedMs: beganMs + hour,
    components: [{ id: 'chat', name: 'Chat', level: 'operational' }],
    updates: [
      update(1, beganMs, 'investigating', 'Most calls fail.', 'major_outage'),
      update(2, beganMs + 50 * minute, 'monitoring', 'Calls are answered again.', 'operational'),
      update(3, beganMs + hour, 'resolved', 'This is over.', 'operational'),
    ],
    eta: null,
    ...more,
  })
}

export function maintenanceView(more: Partial<MaintenanceView> = {}): MaintenanceView {
  return {
    id: 'mt-1',
    title: 'New disks',
    text: 'The model servers get new disks.',
    stage: 'scheduled',
    fromMs: viewMs + 2 * day,
    toMs: viewMs + 2 * day + 2 * hour,
    announcedMs: viewMs - day,
    updatedMs: viewMs - day,
    components: [{ id: 'embed', name: 'Embeddings' }],
    ...more,
  }
}

export function statusView(more: Partial<StatusView> = {}): StatusView {
  return {
    page: { id: 'p4ge', name: 'Example AI', url: 'https://status.example.org', timeZone: 'Europe/Berlin' },
    updatedMs: viewMs,
    level: 'partial_outage',
    components: [componentView('chat', 'Chat', 'partial_outage'), componentView('embed', 'Embeddings')],
    incidents: [incidentView(), overView()],
    maintenances: [maintenanceView()],
    responseTimes: [],
    ...more,
  }
}
