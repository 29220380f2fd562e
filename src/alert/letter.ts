/** The words of an alert message that all receivers share. */
import { createHash } from 'node:crypto'
import { isoTime } from '../ground/iso-time.ts'
import { oneLine as seenInOneLine } from '../ground/one-line.ts'
import type { AlertNews, Notice } from './mailbox.ts'

/** Who writes, to whom. */
export interface Sender {
  /** The site of this gateway. */
  readonly site: string
  /** Name of the receiver in the configuration. */
  readonly receiver: string
  /** A page to look at. */
  readonly link: string | null
}

/** A request to post. */
export interface Post {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

const textLengthMax = 1000

export function isOver(alerts: readonly AlertNews[]): boolean {
  return alerts.every(({ endedMs }) => endedMs !== null)
}

/** `[firing] ErrorBudgetBurn at local: one sentence (and 3 more)`; one line, bounded. */
export function subjectOf({ alerts }: Notice, { site }: Sender): string {
  const first = alerts.find(({ endedMs }) => endedMs === null) ?? alerts[0]
  if (!first) return ''
  const more = alerts.length > 1 ? ` (and ${alerts.length - 1} more)` : ''
  const state = isOver(alerts) ? 'resolved' : first.condition.severity
  return oneLine(`[${state}] ${first.condition.name} at ${site}: ${first.condition.summary}`).slice(0, 250) + more
}

/** A line for each alert, and what to do about those that go on. */
export function linesOf({ alerts }: Notice): string[] {
  return alerts.flatMap(({ condition, firedMs, endedMs }) => {
    const since = `${isoTime(firedMs)}${endedMs === null ? '' : ` to ${isoTime(endedMs)}`}`
    const state = endedMs === null ? condition.severity : 'over'
    const head = oneLine(`${state}: ${condition.summary} (since ${since})`)
    return endedMs === null ? [head, `    ${oneLine(condition.cure)}`] : [head]
  })
}

/** Short, the same for the same alert; safe in any protocol. */
export function shortId(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 32)
}

/** What others have named may hold line ends and worse. */
export function oneLine(text: string): string {
  return seenInOneLine(text).slice(0, textLengthMax)
}

/** Labels as Alertmanager knows them. */
export function labelsOf({ condition }: AlertNews, { site }: Sender): Record<string, string> {
  return { alertname: condition.name, severity: condition.severity, site, ...condition.labels }
}
