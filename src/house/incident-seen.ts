/** Incidents that go on, as operators see them: also those that the public does not. Pure. */
import { causeOf } from '../diagnosis/causes.ts'
import { momentWords } from '../fault/fault.ts'
import { type Incident, impacts, isOpen, type Impact, type Level, type Stage } from '../status/incident.ts'

/** The worst first; more than that nobody reads at once. */
const seenMax = 20

export interface IncidentSeen {
  readonly id: string
  readonly title: string
  readonly stage: Stage
  readonly impact: Impact
  /** Milliseconds since 1970. */
  readonly beganMs: number
  readonly updatedMs: number
  /** What was said last, and by whom. */
  readonly words: string
  readonly by: string
  /** When it will probably be over, in plain words; empty where nothing honest can be said. */
  readonly etaWords: string
  /** What the diagnosis says, and of which upstream; empty while it is not known. */
  readonly cause: string
  readonly components: readonly { readonly name: string; readonly level: Level }[]
  readonly calls: number
  readonly badCalls: number
  /** Why the public does not see it; empty where it does. */
  readonly hidden: string
  /** Of its public page; empty where there is none. */
  readonly url: string
}

export interface SeenParts {
  readonly nowMs: number
  /** Of the public page; empty where it is not known. */
  readonly pageUrl: string
  readonly nameOf: (component: string) => string
  readonly etaWords: (incident: Incident) => string
}

export function incidentsSeen(incidents: readonly Incident[], parts: SeenParts): IncidentSeen[] {
  const rank = ({ impact }: Incident): number => Object.values(impacts).indexOf(impact)
  return incidents
    .filter(isOpen)
    .toSorted((a, b) => rank(b) - rank(a) || b.beganMs - a.beganMs)
    .slice(0, seenMax)
    .map((each) => seen(each, parts))
}

function seen(incident: Incident, { nowMs, pageUrl, nameOf, etaWords }: SeenParts): IncidentSeen {
  const { id, title, stage, impact, beganMs, openedMs, affected, updates } = incident
  const last = updates.at(-1)
  const hidden = hiddenWords(incident, nowMs)
  return {
    ...{ id, title, stage, impact, beganMs, hidden },
    updatedMs: last?.atMs ?? openedMs,
    words: last?.text ?? '',
    by: last?.by ?? '',
    etaWords: etaWords(incident),
    cause: causeWords(incident),
    components: affected.map(({ component, level }) => ({ name: nameOf(component), level })),
    calls: affected.reduce((sum, { total }) => sum + total, 0),
    badCalls: affected.reduce((sum, { bad }) => sum + bad, 0),
    url: hidden === '' && /^https?:\/\//.test(pageUrl) ? `${pageUrl}/incidents/${encodeURIComponent(id)}` : '',
  }
}

function causeWords({ blame }: Incident): string {
  if (!blame) return ''
  return blame.subject === null ? causeOf(blame.cause).title : `${causeOf(blame.cause).title} (${blame.subject})`
}

function hiddenWords({ isSilenced, postponedMs }: Incident, nowMs: number): string {
  if (isSilenced) return 'silenced'
  return postponedMs > nowMs ? `postponed until ${momentWords(postponedMs)}` : ''
}
