/**
 * Opens, grows, merges and resolves incidents by what calls met: a component is harmed (`HarmMeter`), and diagnoses of
 * harmed calls say by what. Harm with one cause is one incident, whatever components it shows in; two causes in one
 * component are two. Pure: it is told the time, and answers with events.
 */
import { CaseFile, isConsequence, type Part, type Seen } from './case-file.ts'
import { HarmMeter, type Tally } from './harm-meter.ts'
import { type Affected, type Blame, type Incident, isOpen, type Level, levels, type Told, worse } from './incident.ts'
import type { IncidentEvent } from './incident-event.ts'
import { titleOf, updateText } from './incident-words.ts'
import { toldOf } from './told.ts'

/** What is new since the last look. */
export interface News {
  readonly nowMs: number
  /** By component; one that is missing had no calls. */
  readonly tallies: ReadonlyMap<string, Tally>
  readonly seen: readonly Seen[]
  /** Components of which only calls fail whose callers have themselves to blame, as far as is known. Default: none. */
  readonly excused?: ReadonlySet<string>
}

/** Harm of which nobody knows the cause is told after so long. */
const patienceMs = 10_000
/** One that was not seen for so long is not what harms a component any more, where another one is. */
const staleMs = 45_000
/** Causes of the same name that begin within this are one. */
const togetherMs = 60_000
/** Well for so long: calls are answered again. For so much longer: it is over. */
const monitoringMs = 10_000
const resolvedMs = 60_000
/** What comes back again and again is believed to be well after three times as long each time: nobody reads it all. */
const patientMsMax = 4 * 60_000
/** What comes back within this is the same incident. */
const reopenMs = 5 * 60_000
/** What is known is told again after so long, for readers who wonder. */
const repeatMs = 15 * 60_000
/** Diagnoses that make an incident, and the share that they have at least of those of the last time. */
const seenMin = 2
const seenShare = 0.25
const recentMs = 30_000
/** Diagnoses that are remembered at once. */
const recentMax = 2000

export class IncidentWatch {
  #meters = new Map<string, HarmMeter>()
  /** Under way, and over for less than `reopenMs`. */
  #cases: CaseFile[] = []
  #recent: Seen[] = []
  /** Of this look; what is merged is not seen any more, and so is told a look later. */
  #joined: IncidentEvent[] = []
  #merged: IncidentEvent[] = []
  #lookedMs = Number.NEGATIVE_INFINITY
  #newId: () => string
  #nameOf: (component: string) => string

  /** `nameOf`: of a component, for the public. */
  constructor(newId: () => string, nameOf: (component: string) => string) {
    this.#newId = newId
    this.#nameOf = nameOf
  }

  /** What was under way when this process began: it goes on, or is over soon. */
  restore(incidents: readonly Incident[], nowMs: number): void {
    for (const incident of incidents) {
      if (!isOpen(incident) || incident.by !== 'holdfast') continue
      this.#cases.push(CaseFile.of(incident, nowMs, nowMs - monitoringMs))
      for (const { component, level, total, bad } of incident.affected)
        if (level !== 'operational') this.#meterOf(component).resume(level, incident.beganMs, nowMs, { total, bad })
    }
  }

  /** An operator says that one is a part of another. */
  merge(id: string, into: string): void {
    const part = this.#cases.find((each) => each.id === id)
    const whole = this.#cases.find((each) => each.id === into)
    if (!part || part === whole) return
    // Of an operator's own making: it is over when the operator says so.
    if (!whole) {
      part.mergedInto = into
      return
    }
    whole.absorb(part)
    this.#cases = this.#cases.filter((each) => each !== part)
  }

  /** An operator says that it is over. What is measured from now on may say otherwise. */
  end(id: string, nowMs: number): void {
    for (const each of this.#cases) {
      if (each.id !== id && each.mergedInto !== id) continue
      each.stage = 'resolved'
      each.resolvedMs = nowMs
      each.clearMs ??= nowMs
      for (const [component, part] of each.parts) {
        part.seenMs = Number.NEGATIVE_INFINITY
        this.#meters.get(component)?.forget()
      }
    }
    this.#cases = this.#cases.filter(({ mergedInto }) => mergedInto !== id)
  }

  /** How the components do by what is measured now. */
  level(component: string): Level {
    return this.#meters.get(component)?.level ?? 'operational'
  }

  look({ nowMs, tallies, seen, excused }: News): IncidentEvent[] {
    if (nowMs < this.#lookedMs) this.#setBack(this.#lookedMs - nowMs)
    this.#lookedMs = nowMs
    this.#measure(nowMs, tallies)
    this.#recent = [...this.#recent, ...seen].filter(({ atMs }) => atMs > nowMs - recentMs).slice(-recentMax)
    this.#cases = this.#cases.filter(({ resolvedMs: atMs }) => atMs === null || atMs > nowMs - reopenMs)
    const events: IncidentEvent[] = this.#merged.splice(0)
    const homeless = seen.filter((each) => !this.#home(each, nowMs))
    for (const each of homeless) this.#openFor(each, nowMs, events)
    for (const component of this.#meters.keys())
      if (!excused?.has(component)) this.#openUnknown(component, nowMs, events)
    for (const each of [...this.#cases]) this.#tend(each, nowMs, events)
    return [...events, ...this.#joined.splice(0)]
  }

  #measure(nowMs: number, tallies: ReadonlyMap<string, Tally>): void {
    for (const [component, tally] of tallies) this.#meterOf(component).add(nowMs, tally)
    for (const [component, meter] of this.#meters)
      if (!tallies.has(component)) meter.add(nowMs, { total: 0, failed: 0, slow: 0 })
  }

  #meterOf(component: string): HarmMeter {
    const known = this.#meters.get(component)
    if (known) return known
    const made = new HarmMeter()
    this.#meters.set(component, made)
    return made
  }

  #setBack(ms: number): void {
    for (const meter of this.#meters.values()) meter.setBack(ms)
    for (const each of this.#cases) each.setBack(ms)
    this.#recent = this.#recent.map((each) => ({ ...each, atMs: each.atMs - ms }))
  }

  /** Adds it to the incident that it belongs to, if there is one. */
  #home(seen: Seen, nowMs: number): boolean {
    const home = this.#homeOf(seen, nowMs)
    if (!home || (home.resolvedMs !== null && !this.#isSure(seen))) return false
    if (home.resolvedMs !== null) home.forget()
    const isGrown = !home.parts.has(seen.component) && this.level(seen.component) !== 'operational'
    if (isGrown) home.parts.set(seen.component, newPart(nowMs))
    home.add(seen)
    if (isGrown) this.#joinUnknown(home, nowMs)
    return true
  }

  /** One whose cause was not known turns out to be a part of this one: who was told of it is told so. */
  #joinUnknown(home: CaseFile, atMs: number): void {
    const gone = new Set<string>()
    for (const each of this.#cases) {
      const isPart = each !== home && !each.isKnown && each.resolvedMs === null && home.resolvedMs === null
      if (!isPart || ![...each.parts.keys()].every((component) => home.parts.has(component))) continue
      home.absorb(each)
      home.beganMs = Math.min(home.beganMs, each.beganMs)
      const affected = affectedOf(each).map((part) => ({ ...part, level: 'operational' }) as const)
      const text = 'The cause has been found: this is part of another incident, of which we go on telling.'
      const base = { id: each.id, atMs, by: 'holdfast' }
      this.#joined.push({ kind: 'updated', ...base, stage: 'resolved', affected, text })
      this.#merged.push({ kind: 'merged', ...base, into: home.id })
      gone.add(each.id)
    }
    this.#cases = this.#cases.filter(({ id }) => !gone.has(id))
  }

  #homeOf(seen: Seen, nowMs: number): CaseFile | null {
    const open = this.#cases.filter(({ resolvedMs: atMs }) => atMs === null)
    return (
      this.#cases.find((each) => each.isAbout(seen.subject)) ??
      this.#cases.find((each) => isSameCause(each, seen, nowMs)) ??
      (isConsequence(seen) ? open.find((each) => each.parts.has(seen.component)) : undefined) ??
      open.find((each) => !each.isKnown && each.parts.has(seen.component)) ??
      null
    )
  }

  /** A new cause makes a new incident if it was seen more than once, in a component that is harmed. */
  #openFor(seen: Seen, nowMs: number, events: IncidentEvent[]): void {
    const { component } = seen
    const meter = this.#meters.get(component)
    if (!meter || meter.level === 'operational' || this.#home(seen, nowMs)) return
    if (this.#isSure(seen)) this.#open(component, this.#alike(seen), nowMs, events)
  }

  /** One diagnosis may be wrong: others say the same. */
  #isSure(seen: Seen): boolean {
    const all = this.#recent.filter(({ component }) => component === seen.component)
    return this.#alike(seen).length >= Math.max(seenMin, seenShare * all.length)
  }

  /** The last diagnoses that say the same of the component. */
  #alike({ component, cause, subject }: Seen): Seen[] {
    return this.#recent.filter(
      (each) => each.component === component && each.cause === cause && each.subject === subject,
    )
  }

  #openUnknown(component: string, nowMs: number, events: IncidentEvent[]): void {
    const meter = this.#meters.get(component)
    if (!meter || meter.sinceMs === null || nowMs - meter.sinceMs < patienceMs) return
    const own = this.#cases.filter((each) => each.parts.has(component))
    if (own.some((each) => each.resolvedMs === null)) return
    const before = own.findLast((each) => !each.isKnown)?.parts.get(component)
    if (before) {
      before.seenMs = nowMs
      return
    }
    const other = this.#cases.find(
      (each) => !each.isKnown && each.resolvedMs === null && nowMs - each.openedMs <= togetherMs,
    )
    if (other) other.parts.set(component, newPart(nowMs))
    else this.#open(component, [], nowMs, events)
  }

  #open(component: string, seen: readonly Seen[], nowMs: number, events: IncidentEvent[]): void {
    const beganMs = this.#meters.get(component)?.sinceMs ?? nowMs
    const opened = new CaseFile(this.#newId(), beganMs, nowMs)
    this.#cases.push(opened)
    opened.parts.set(component, newPart(nowMs))
    for (const each of seen) opened.add(each)
    this.#refresh(opened, nowMs)
    const { blame } = opened
    opened.stage = blame ? 'identified' : 'investigating'
    opened.told = blame
    const told = this.#toldOf(opened, nowMs, false)
    opened.text = updateText(told)
    events.push({
      ...{ kind: 'opened', id: opened.id, atMs: nowMs, by: 'holdfast', beganMs, stage: opened.stage, blame },
      affected: affectedOf(opened),
      title: titleOf(told),
      ...{ text: opened.text, told },
    })
  }

  #tend(each: CaseFile, nowMs: number, events: IncidentEvent[]): void {
    const before = affectedOf(each)
    this.#refresh(each, nowMs)
    const isActive = [...each.parts.values()].some(({ level }) => level !== 'operational')
    if (each.resolvedMs !== null && !isActive) return
    each.clearMs = isActive ? null : (each.clearMs ?? nowMs)
    const stage = this.#stageOf(each, nowMs)
    const affected = affectedOf(each)
    const isNews = stage !== each.stage || hasGrown(before, affected) || isOther(each.told, each.blame)
    const isDue = isActive && nowMs - each.toldMs >= repeatMs
    if (!isNews && !isDue) {
      if (isActive && hasTurned(before, affected))
        events.push({ kind: 'updated', id: each.id, atMs: nowMs, by: 'holdfast', affected })
      return
    }
    const wasOver = each.stage === 'monitoring' || each.stage === 'resolved'
    if (wasOver && isActive) each.returns++
    each.stage = stage
    each.told = each.blame
    each.resolvedMs = stage === 'resolved' ? nowMs : null
    const told = this.#toldOf(each, nowMs, wasOver && isActive)
    const text = updateText(told)
    const isOld = text === each.text && !isDue
    if (!isOld) each.toldMs = nowMs
    each.text = text
    events.push({
      ...{ kind: 'updated', id: each.id, atMs: nowMs, by: 'holdfast', stage, blame: each.blame, affected },
      ...{ title: titleOf(told), told },
      ...(isOld ? {} : { text }),
    })
  }

  #stageOf({ clearMs, isKnown, resolvedMs: overMs, returns }: CaseFile, nowMs: number): CaseFile['stage'] {
    if (clearMs === null) return isKnown ? 'identified' : 'investigating'
    const calmMs = Math.min(patientMsMax, monitoringMs * 3 ** Math.max(0, returns - 1))
    if (overMs !== null || nowMs - clearMs >= calmMs + resolvedMs) return 'resolved'
    if (nowMs - clearMs >= calmMs) return 'monitoring'
    return isKnown ? 'identified' : 'investigating'
  }

  /** How its components do: one that is harmed by something else now is none of its own any more. */
  #refresh(each: CaseFile, nowMs: number): void {
    for (const [component, part] of each.parts) {
      const meter = this.#meters.get(component)
      const isSeen = nowMs - part.seenMs < staleMs
      const isOthers = this.#cases.some(
        (other) => other !== each && other.resolvedMs === null && other.isKnown && isLately(other, component, nowMs),
      )
      part.level = meter && (isSeen || (!isOthers && each.resolvedMs === null)) ? meter.level : 'operational'
      if (part.level === 'operational') continue
      part.worst = worse(part.worst, part.level)
      part.total = meter?.sums.total ?? part.total
      part.bad = meter?.sums.bad ?? part.bad
    }
  }

  /** With the names that the public knows. */
  #toldOf(each: CaseFile, nowMs: number, isBack: boolean): Told {
    const { stage, beganMs, blame } = each
    const affected = affectedOf(each).map((part) => ({ ...part, component: this.#nameOf(part.component) }))
    return toldOf({ ...{ stage, beganMs, atMs: nowMs, blame, isBack }, affected })
  }
}

/** What is about no server is one story within a component, and all over the house where the gateway is at fault. */
function isSameCause(each: CaseFile, { cause, class: kind, subject, component }: Seen, nowMs: number): boolean {
  const { blame } = each
  if (blame?.cause !== cause) return false
  if (subject !== null) return nowMs - each.openedMs <= togetherMs
  return blame.subject === null && (kind === 'gateway' || each.parts.has(component))
}

function isLately({ parts }: CaseFile, component: string, nowMs: number): boolean {
  const part = parts.get(component)
  return part !== undefined && nowMs - part.seenMs < staleMs
}

function newPart(nowMs: number): Part {
  return { seenMs: nowMs, level: 'operational', worst: 'operational', total: 0, bad: 0 }
}

function affectedOf({ parts }: CaseFile): Affected[] {
  return [...parts].map(([component, { level, worst, total, bad }]) => ({ component, level, worst, total, bad }))
}

/** It is worse than it ever was, or shows in one more component. */
function hasGrown(before: readonly Affected[], after: readonly Affected[]): boolean {
  return after.some(({ component, worst }) => {
    const known = before.find((each) => each.component === component)
    return !known || levels.indexOf(worst) > levels.indexOf(known.worst)
  })
}

/** Some of it is well, or is not any more, while others are harmed: nothing to tell, but to be seen. */
function hasTurned(before: readonly Affected[], after: readonly Affected[]): boolean {
  const isWell = (list: readonly Affected[], component: string): boolean =>
    list.find((each) => each.component === component)?.level === 'operational'
  return after.some(({ component }) => isWell(before, component) !== isWell(after, component))
}

/** Of another class: finer differences are for operators. */
function isOther(told: Blame | null, now: Blame | null): boolean {
  return now !== null && told?.class !== now.class
}
