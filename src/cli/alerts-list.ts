/** `holdfast alerts`: how the objectives of a running gateway stand, and which alerts go on. */
import { safeJson } from '../ground/one-line.ts'
import { printable } from '../observe/fact-words.ts'
import type { Score } from '../objective/scoreboard.ts'
import { readPidFile } from './restart.ts'

interface Report {
  readonly objectives: readonly Score[]
  readonly alerts: readonly {
    readonly severity: string
    readonly name: string
    readonly summary: string
    readonly since: string
  }[]
  /** A gateway that runs since before an update does not tell it. */
  readonly muted?: readonly {
    readonly name: string
    readonly summary: string
    readonly window: string
    readonly until: string
  }[]
  readonly receivers: readonly { readonly name: string; readonly trouble: string | null }[]
}

/** @throws {Error} in words that name the cure. */
export async function listAlerts(stateDir: string, isJson: boolean): Promise<void> {
  const { adminUrl, token } = readPidFile(stateDir)
  let report: Report
  try {
    const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` }
    const answer = await fetch(`${adminUrl}/alerts`, { headers })
    report = (await answer.json()) as Report
  } catch (cause) {
    throw new Error(`The gateway does not answer at ${adminUrl}/alerts.`, { cause })
  }
  process.stdout.write(isJson ? `${safeJson(JSON.stringify(report, null, 2))}\n` : words(report))
}

function words({ objectives, alerts, muted = [], receivers }: Report): string {
  const percent = (share: number | null): string => (share === null ? '–' : `${(100 * share).toFixed(2)} %`)
  const rows = objectives.map(
    ({ name, reached, target, leftShare, burn, good, bad }) =>
      `  ${name.padEnd(24)} ${percent(reached).padStart(9)} of ${percent(target)}   budget left ${percent(leftShare)}   burns ${burn.toFixed(1)}×   ${good + bad} calls`,
  )
  const lines = alerts.map(
    ({ severity, name, summary, since }) => `  ${severity.padEnd(9)} ${name}: ${summary} (since ${since})`,
  )
  const still = muted.map(
    ({ name, summary, window, until }) => `  ${name}: ${summary} (planned maintenance “${window}” until ${until})`,
  )
  const troubles = receivers.flatMap(({ name, trouble }) =>
    trouble === null ? [] : [`  ${name} cannot be told: ${trouble}`],
  )
  const all = [
    'Objectives',
    ...rows,
    lines.length > 0 ? 'Alerts' : 'No alerts.',
    ...lines,
    ...(still.length > 0 ? ['Kept still', ...still] : []),
    ...(troubles.length > 0 ? ['Receivers', ...troubles] : []),
  ]
  return `${all.map(printable).join('\n')}\n`
}
