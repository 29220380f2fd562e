/** Puts each minute of an outage down to the incident that it was part of. Pure. */
import { causes } from '../../diagnosis/causes.ts'
import { type LedgerOutage, minuteMs } from '../../store/ledger.ts'
import type { Incident } from '../incident.ts'
import type { CauseLine, IncidentLine } from './report.ts'

/** Incidents are seen a little after they begin and end. */
const slackMs = 2 * minuteMs

/** Minutes count once, however many components had the outage. */
export function causeLines(outages: readonly LedgerOutage[], incidents: readonly Incident[]): CauseLine[] {
  const lines = new Map<string | null, { minutes: number; incidents: number; calls: number }>()
  const lineOf = (cause: string | null): { minutes: number; incidents: number; calls: number } => {
    const known = lines.get(cause)
    if (known) return known
    const line = { minutes: 0, incidents: 0, calls: 0 }
    lines.set(cause, line)
    return line
  }
  for (const incident of incidents) {
    const line = lineOf(incident.blame?.cause ?? null)
    line.incidents++
    line.calls += callsOf(incident)
  }
  for (const [ms, components] of byMinute(outages)) lineOf(blamed(ms, components, incidents)).minutes++
  return [...lines]
    .map(([cause, line]) => ({ ...describe(cause), ...line }))
    .toSorted((a, b) => b.minutes - a.minutes || b.calls - a.calls)
}

export function incidentLines(incidents: readonly Incident[]): IncidentLine[] {
  return incidents
    .map((incident) => {
      const { id, title, impact, beganMs, resolvedMs, blame } = incident
      return { id, title, impact, beganMs, resolvedMs, cause: blame?.cause ?? null, calls: callsOf(incident) }
    })
    .toSorted((a, b) => a.beganMs - b.beganMs)
}

/** Minutes and the components that had an outage in them. */
export function byMinute(outages: readonly LedgerOutage[]): Map<number, Set<string>> {
  const minutes = new Map<number, Set<string>>()
  for (const { minuteMs: ms, component, caller } of outages) {
    if (caller !== null) continue
    const own = minutes.get(ms)
    if (own) own.add(component)
    else minutes.set(ms, new Set([component]))
  }
  return minutes
}

/** Of several the one that had harmed most. */
function blamed(ms: number, components: ReadonlySet<string>, incidents: readonly Incident[]): string | null {
  const found = incidents
    .filter(({ beganMs, resolvedMs, affected }) => {
      const isThen = ms + minuteMs > beganMs - slackMs && ms < (resolvedMs ?? Number.POSITIVE_INFINITY) + slackMs
      return isThen && affected.some(({ component }) => components.has(component))
    })
    .toSorted((a, b) => callsOf(b) - callsOf(a))
  return found[0]?.blame?.cause ?? null
}

function callsOf({ affected }: Incident): number {
  return affected.reduce((sum, { bad }) => sum + bad, 0)
}

function describe(cause: string | null): Pick<CauseLine, 'cause' | 'class' | 'title'> {
  const row = cause !== null && Object.hasOwn(causes, cause) ? causes[cause as keyof typeof causes] : null
  return { cause, class: row?.class ?? null, title: row?.title ?? 'Cause not known' }
}
