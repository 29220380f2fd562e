/**
 * `holdfast incident`: what an operator says of incidents. It writes to the log of incidents in the state folder,
 * beside the gateway, which reads it within seconds: so it works while the gateway is dead, too. Nothing that was said
 * goes.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock } from '../ground/clock.ts'
import { systemRandom } from '../ground/random.ts'
import { printable } from '../observe/fact-words.ts'
import { type Affected, type Incident, isOpen, levels, stages, worse } from '../status/incident.ts'
import type { IncidentEvent } from '../status/incident-event.ts'
import { entryText, readEntry, textLengthMax, titleLengthMax } from '../status/read-entry.ts'
import { readIncidents } from '../status/read-incidents.ts'
import { SqliteStatusLog, statusFileName } from '../store/sqlite-status-log.ts'
import { operatorName } from './command-config.ts'

const listedMax = 50

export interface IncidentOptions {
  readonly state?: string
  /** The operator's name; default: of the user. */
  readonly by?: string
  readonly json?: boolean
}

export interface Said {
  readonly title?: string
  readonly text?: string
  readonly stage?: string
  readonly component?: readonly string[]
  readonly level?: string
}

export function listIncidents(options: IncidentOptions): void {
  using log = openLog(options)
  const book = readIncidents(log)
  const broken = log.firstBroken()
  if (options.json) {
    process.stdout.write(`${JSON.stringify({ incidents: book.all, firstBroken: broken }, null, 2)}\n`)
    return
  }
  const shown = book.all.filter(({ mergedInto }) => mergedInto === null).slice(-listedMax)
  const lines = shown.map(({ id, stage, openedMs, title, isSilenced }) =>
    printable(
      `${id}  ${stage.padEnd(13)} ${new Date(openedMs).toISOString().slice(0, 16)}  ${title}${isSilenced ? '  (silenced)' : ''}`,
    ),
  )
  process.stdout.write(`${lines.length > 0 ? lines.join('\n') : 'There are no incidents.'}\n`)
  if (broken !== null)
    process.stdout.write(`Entry ${broken} of the log is not as it was written: somebody edited it.\n`)
}

/** One that nothing measured. @throws {Error} in words that name the cure. */
export function addIncident(
  { title, text, component = [], level = 'partial_outage' }: Said,
  options: IncidentOptions,
): void {
  if (title === undefined || title.trim() === '') throw new Error('Give it a title: --title "Logins fail"')
  const nowMs = systemClock.nowMs()
  const now = oneOf(level, levels, 'level')
  const affected: Affected[] = component.map((name) => ({ component: name, level: now, worst: now, total: 0, bad: 0 }))
  // Two operators may do it in one millisecond.
  const id = `${nowMs.toString(36)}o${systemRandom.bits(20).toString(36)}`
  write(options, {
    kind: 'opened',
    id,
    title: bounded(title, titleLengthMax),
    beganMs: nowMs,
    blame: null,
    stage: 'investigating',
    affected,
    text: bounded(text ?? '', textLengthMax),
  })
  process.stdout.write(options.json ? `${JSON.stringify({ id })}\n` : `${id}\n`)
}

/** @throws {Error} in words that name the cure. */
export function updateIncident(id: string, { title, text, stage, level }: Said, options: IncidentOptions): void {
  const incident = find(id, options)
  if ([title, text, stage, level].every((each) => each === undefined))
    throw new Error('Say what is new: --text, --stage, --level or --title.')
  const now = level === undefined ? null : oneOf(level, levels, 'level')
  const next = stage === undefined ? null : oneOf(stage, stages, 'stage')
  const isOver = next === 'resolved'
  const affected = incident.affected.map((each): Affected => {
    return { ...each, level: isOver ? 'operational' : (now ?? each.level), worst: worse(each.worst, now ?? each.level) }
  })
  write(options, {
    ...{ kind: 'updated', id, affected },
    ...(next !== null && { stage: next }),
    ...(title !== undefined && { title: bounded(title, titleLengthMax) }),
    ...(text !== undefined && { text: bounded(text, textLengthMax) }),
  })
}

export function correctIncident(id: string, number: number, text: string, options: IncidentOptions): void {
  const { updates } = find(id, options)
  if (!updates.some((update) => update.number === number)) throw new Error(`It has updates 1 to ${updates.length}.`)
  write(options, { kind: 'corrected', id, number, text: bounded(text, textLengthMax) })
}

export function mergeIncident(id: string, into: string, options: IncidentOptions): void {
  const part = find(id, options)
  const target = find(into, options)
  if (isOpen(part) && !isOpen(target))
    throw new Error(`${into} is over: what still goes on in ${id} would be seen by nobody.`)
  if (id === into || target.mergedInto !== null) throw new Error('Merge it into another one that is not merged itself.')
  write(options, { kind: 'merged', id, into })
}

export function silenceIncident(id: string, isSilenced: boolean, options: IncidentOptions): void {
  find(id, options)
  write(options, { kind: 'silenced', id, isSilenced })
}

export function postponeIncident(id: string, minutes: number, options: IncidentOptions): void {
  if (!isOpen(find(id, options))) throw new Error('It is over.')
  write(options, { kind: 'postponed', id, untilMs: systemClock.nowMs() + minutes * 60_000 })
}

type Told<T> = T extends IncidentEvent ? Omit<T, 'atMs' | 'by'> : never

function write(options: IncidentOptions, event: Told<IncidentEvent>): void {
  using log = openLog(options)
  const by = operatorName(options.by)
  const text = entryText({ ...event, atMs: systemClock.nowMs(), by })
  if (readEntry(text) === null) throw new Error('That is no change that an incident can take.')
  log.append(text)
}

function find(id: string, options: IncidentOptions): Incident {
  using log = openLog(options)
  const found = readIncidents(log).get(id)
  if (!found) throw new Error(`There is no incident ${id}; \`holdfast incident list\` shows those that there are.`)
  return found
}

function openLog({ state = '.holdfast' }: IncidentOptions): SqliteStatusLog {
  if (!existsSync(state)) throw new Error(`There is no state folder ${state}; name that of the gateway with --state.`)
  return new SqliteStatusLog(join(state, statusFileName))
}

function oneOf<T extends string>(word: string, words: readonly T[], what: string): T {
  const found = words.find((each) => each === word)
  if (found === undefined) throw new Error(`A ${what} is one of ${words.join(', ')}.`)
  return found
}

function bounded(text: string, lengthMax: number): string {
  if (text.length > lengthMax) throw new Error(`That is longer than ${lengthMax} characters.`)
  return text
}
