/** Recorded incidents from files: one JSON object a line, plain or gzip. */
import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import type { EndedStory, StoryStage, StoryUpdate } from '../../src/status/eta/story.ts'

export type Group = 'llm' | 'github'

export interface Incident {
  readonly provider: string
  readonly group: Group
  readonly beganMs: number
  readonly endedMs: number
  readonly minutes: number
  readonly story: EndedStory
}

interface Line {
  readonly provider: string
  readonly id: string
  readonly started_at: string
  readonly resolved_at: string
  readonly minutes: number
  readonly eta_usable: boolean
  readonly updates: readonly { readonly at: string; readonly status: string; readonly text: string }[]
}

/** All that count for estimates, in the order in which they began, each once. */
export function readIncidents(files: readonly string[]): Incident[] {
  const lines = files.flatMap(readLines)
  const unique = [...new Map(lines.map((line) => [`${line.provider}/${line.id}`, line])).values()]
  // Maintenance is announced, and what was posted only afterwards has no span: all of these were known to be open.
  const spans = Map.groupBy(unique.map(spanOf), ({ provider }) => provider)
  return unique
    .filter(({ eta_usable: isUsable }) => isUsable)
    .map((line) => incidentOf(line, spans.get(line.provider) ?? []))
    .toSorted((a, b) => a.beganMs - b.beganMs)
}

function readLines(file: string): Line[] {
  const bytes = readFileSync(file)
  const text = (bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes) : bytes).toString()
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => JSON.parse(line) as Line)
}

interface Span {
  readonly provider: string
  readonly id: string
  readonly beganMs: number
  readonly endedMs: number
}

function spanOf({ provider, id, started_at: began, resolved_at: ended }: Line): Span {
  return { provider, id, beganMs: Date.parse(began), endedMs: Date.parse(ended) }
}

function incidentOf(line: Line, siblings: readonly Span[]): Incident {
  const { provider, id, minutes } = line
  const { beganMs, endedMs } = spanOf(line)
  const isOneOfSeveral = siblings.some((each) => each.id !== id && each.beganMs <= beganMs && each.endedMs > beganMs)
  const updates = line.updates.flatMap((update) => updateOf(update, beganMs))
  const story = { beganMs, minutes, updates, isOneOfSeveral, causeClass: null }
  return { provider, group: provider === 'github' ? 'github' : 'llm', beganMs, endedMs, minutes, story }
}

/** What is said at the end or afterwards is no news of an incident that is open. */
function updateOf({ at, status, text }: Line['updates'][number], beganMs: number): StoryUpdate[] {
  if (status === 'resolved' || status === 'postmortem') return []
  const stages: readonly StoryStage[] = ['investigating', 'identified', 'monitoring']
  const stage = stages.find((each) => each === status) ?? 'update'
  return [{ afterMin: Math.max(0, (Date.parse(at) - beganMs) / 60_000), stage, text }]
}
