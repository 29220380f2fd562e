/** A diagnosis as text for a terminal or a page: one sentence first, then what stands behind it. */
import { printable } from '../observe/fact-words.ts'
import { causeClasses } from './cause.ts'
import type { Diagnosis } from './diagnose.ts'
import type { Step } from './timeline.ts'

const whoseWords: Readonly<Record<string, string>> = {
  client: 'the caller’s',
  gateway: 'the gateway’s',
  network: 'the network’s',
  upstream: 'the model server’s',
  'third-party': 'the provider’s',
  operator: 'ours to set right (the operator’s)',
}

/** What others have said cannot begin a line or move the cursor: it stands there as escapes. Ends with a line feed. */
export function explanation(diagnosis: Diagnosis): string {
  const { ray, sentence, whose, confidence, evidence, doubts, runnerUp, actions, cure, timeline, code, outcome } =
    diagnosis
  const lines = [`${sentence}.`, '']
  const row = (name: string, text: string): void => void lines.push(`${name.padEnd(10)}${text}`)
  row('ray', ray)
  if (outcome) row('outcome', code ? `${outcome}, ${code}` : outcome)
  if (diagnosis.cause === 'unrecorded') lines.push('', ...unrecordedWords)
  else if (diagnosis.class) {
    row('cause', `${diagnosis.cause} (${causeClasses[diagnosis.class]}), ${percent(confidence)} sure`)
    row('fault', whoseWords[whose ?? ''] ?? 'nobody’s')
  } else row('cause', diagnosis.cause)
  if (runnerUp) row('or else', `${runnerUp.cause}: ${runnerUp.title}, ${percent(runnerUp.confidence)}`)
  section(lines, 'Evidence', evidence)
  section(lines, 'Against it', doubts)
  section(lines, 'What happened', inShort(timeline.map(stepWords)))
  section(lines, 'What Holdfast did', actions)
  section(lines, 'What to do', cure ? [cure] : [])
  return `${lines.map(printable).join('\n')}\n`
}

const unrecordedWords = [
  'That may be for one of these reasons:',
  '  - the ray is mistyped, or of another gateway (its last part is the site)',
  '  - nothing happened to it: only some of the uneventful calls are kept (`record.uneventfulPerSecond`)',
  '  - too many failed in the same second: of those beyond `record.eventfulPerSecond` ten of each fault are kept',
  '  - it is older than facts are kept (`record.keepMs`)',
  '  - it is not over yet, or was in hand when all of the gateway died: its next start goes on with it',
]

/** The first ones and the last ones; rounds over servers that are all down make many. */
function inShort(steps: readonly string[]): readonly string[] {
  if (steps.length <= stepsMax) return steps
  const half = stepsMax / 2
  return [...steps.slice(0, half), `… and ${steps.length - stepsMax} more …`, ...steps.slice(-half)]
}

const stepsMax = 16

function section(lines: string[], title: string, entries: readonly string[]): void {
  if (entries.length > 0) lines.push('', title, ...entries.map((entry) => `  - ${entry}`))
}

function stepWords({ afterMs, durationMs, kind, upstream, code, words }: Step): string {
  const where = upstream ? ` ${upstream}` : ''
  const took = durationMs === null ? '' : ` for ${durationMs} ms`
  return `${String(afterMs).padStart(7)} ms  ${kind}${where}${took}: ${code ? `${code} ` : ''}${words.slice(0, 300)}`.trimEnd()
}

function percent(share: number): string {
  return `${Math.min(99, Math.round(100 * share))} %`
}
