/** One incident with three updates of just now, for a process that is killed while it tells of them. */
import type { StatusView } from '../../src/status/status-view.ts'
import { incidentView, statusView, update } from './view-fixture.ts'

export const crashUpdates = 3

export function crashView(nowMs: number): StatusView {
  const updates = Array.from({ length: crashUpdates }, (_, i) =>
    update(i + 1, nowMs - (crashUpdates - i) * 1000, 'investigating', `Update ${i + 1}.`, 'partial_outage'),
  )
  return statusView({ incidents: [incidentView({ updates, eta: null })], maintenances: [] })
}
