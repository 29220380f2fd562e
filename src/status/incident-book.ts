/** What the events of all incidents add up to. Pure: the same events give the same incidents. */
import {
  type Affected,
  type Incident,
  type IncidentUpdate,
  impacts,
  levels,
  type Level,
  type Stage,
  worse,
} from './incident.ts'
import type { IncidentEvent, Opened, Updated } from './incident-event.ts'

/** Updates of one incident; further ones take the place of the last. */
const updatesMax = 500
const machine = 'holdfast'

export class IncidentBook {
  #incidents = new Map<string, Incident>()

  constructor(events: Iterable<IncidentEvent> = []) {
    for (const event of events) this.apply(event)
  }

  /** Oldest first. */
  get all(): readonly Incident[] {
    return [...this.#incidents.values()]
  }

  get(id: string): Incident | null {
    return this.#incidents.get(id) ?? null
  }

  /** An event of an incident that is not there changes nothing. */
  apply(event: IncidentEvent): void {
    if (event.kind === 'opened') {
      if (!this.#incidents.has(event.id)) this.#incidents.set(event.id, opened(event))
      return
    }
    const incident = this.#incidents.get(event.id)
    if (incident) this.#incidents.set(event.id, changed(incident, event, this.#incidents))
  }

  /** Forgets what was over before then. */
  forget(beforeMs: number): void {
    for (const [id, { resolvedMs, mergedInto, openedMs }] of this.#incidents)
      if ((resolvedMs ?? (mergedInto === null ? Infinity : openedMs)) < beforeMs) this.#incidents.delete(id)
  }
}

function opened(event: Opened): Incident {
  const { id, atMs, by, title, beganMs, stage, blame, affected, text } = event
  const told = event.told && { told: event.told }
  return {
    ...{ id, title, stage, blame, beganMs, by, affected, ...told },
    isTitleGiven: by !== machine,
    impact: impactOf(affected),
    openedMs: atMs,
    identifiedMs: stage === 'identified' ? atMs : null,
    monitoringMs: null,
    resolvedMs: stage === 'resolved' ? atMs : null,
    updates: [{ number: 1, atMs, by, stage, text, ...told, levels: levelsOf(affected), corrected: [] }],
    mergedInto: null,
    isSilenced: false,
    postponedMs: 0,
  }
}

function changed(
  incident: Incident,
  event: Exclude<IncidentEvent, Opened>,
  all: ReadonlyMap<string, Incident>,
): Incident {
  switch (event.kind) {
    case 'updated':
      return updated(incident, event)
    case 'merged':
      return event.into === incident.id || !all.has(event.into) ? incident : { ...incident, mergedInto: event.into }
    case 'corrected':
      return { ...incident, updates: incident.updates.map((update) => corrected(update, event)) }
    case 'silenced':
      return { ...incident, isSilenced: event.isSilenced }
    case 'postponed':
      return { ...incident, postponedMs: event.untilMs }
  }
}

function updated(incident: Incident, event: Updated): Incident {
  const { atMs, by, text } = event
  const { stage = incident.stage, blame = incident.blame } = event
  const told = event.told && { told: event.told }
  const affected = event.affected ?? incident.affected
  const isWorse = levels.indexOf(worstOf(affected)) > levels.indexOf(worstOf(incident.affected))
  return {
    ...titled(incident, event),
    ...{ stage, blame, affected },
    impact: isWorse ? impactOf(affected) : incident.impact,
    ...momentsOf(incident, stage, atMs),
    updates:
      text === undefined
        ? incident.updates
        : withUpdate(incident.updates, { atMs, by, stage, text, affected, ...told }),
  }
}

/** A title that an operator gave is not written over by what is measured later. */
function titled(incident: Incident, { title, by, told }: Updated): Incident {
  if (title === undefined || (incident.isTitleGiven && by === machine)) return incident
  const { told: _, ...rest } = incident
  return { ...rest, title, isTitleGiven: by !== machine, ...(told && { told }) }
}

/** The first time of each stage counts, but for the end: that is the last. */
function momentsOf(incident: Incident, stage: Stage, atMs: number): Partial<Incident> {
  if (stage === incident.stage) return {}
  const { identifiedMs, monitoringMs } = incident
  return {
    identifiedMs: identifiedMs ?? (stage === 'identified' ? atMs : null),
    monitoringMs: stage === 'monitoring' ? atMs : stage === 'resolved' ? monitoringMs : null,
    resolvedMs: stage === 'resolved' ? atMs : null,
  }
}

function withUpdate(
  before: readonly IncidentUpdate[],
  { affected, ...told }: Omit<IncidentUpdate, 'number' | 'levels' | 'corrected'> & { affected: readonly Affected[] },
): IncidentUpdate[] {
  const kept = before.slice(0, updatesMax - 1)
  return [...kept, { ...told, number: kept.length + 1, levels: levelsOf(affected), corrected: [] }]
}

function corrected(
  update: IncidentUpdate,
  event: { number: number; text: string; atMs: number; by: string },
): IncidentUpdate {
  if (update.number !== event.number) return update
  const { atMs, by, text } = event
  const { told, ...rest } = update
  const before = { atMs, by, text: update.text, ...(told && { told }) }
  return { ...rest, text, corrected: [...update.corrected, before] }
}

const worstOf = (affected: readonly Affected[]): Level =>
  affected.map(({ worst }) => worst).reduce(worse, 'operational')
const impactOf = (affected: readonly Affected[]): Incident['impact'] => impacts[worstOf(affected)]
const levelsOf = (affected: readonly Affected[]): Record<string, Level> =>
  Object.fromEntries(affected.map(({ component, level }) => [component, level]))
