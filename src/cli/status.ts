/**
 * `holdfast status`: is it well, what is out, and why, on one screen. The exit code says so, too: 0 well, 1 something
 * is out, 2 it does not serve, 3 no gateway runs.
 */
import { safeJson } from '../ground/one-line.ts'
import { askGateway, NoGateway } from './ask-gateway.ts'
import type { ConsoleState } from './console-desk.ts'
import type { Level } from './overview-verdict.ts'
import type { Overview } from './overview.ts'
import { printable } from '../observe/fact-words.ts'
import type { WayReport } from '../status/subscription/subscription-desk.ts'
import { shortNumber, shortTime } from './terminal-text.ts'

const exitCodes: Readonly<Record<Level, number>> = { well: 0, impaired: 1, down: 2 }
const noGatewayCode = 3
const faultsMax = 5

/** Of what `/alerts` tells. */
interface AlertTold {
  readonly severity: string
  readonly name: string
  readonly summary: string
}

/** What `--json` prints. */
export interface Status {
  readonly level: Level | 'absent'
  readonly sentence: string
  readonly troubles: readonly string[]
  readonly alerts: readonly AlertTold[]
  readonly overview: Overview | null
  /** Who is told of incidents; empty where nobody may subscribe. */
  readonly subscriptions: readonly WayReport[]
}

/** Prints, and sets the exit code. */
export async function status(stateDir: string, isJson: boolean): Promise<void> {
  const told = await read(stateDir)
  process.exitCode = told.level === 'absent' ? noGatewayCode : exitCodes[told.level]
  process.stdout.write(isJson ? `${safeJson(JSON.stringify(told, null, 2))}\n` : statusWords(told))
}

async function read(stateDir: string): Promise<Status> {
  try {
    const [state, report, told] = await Promise.all([
      askGateway<ConsoleState>(stateDir, '/console/state'),
      askGateway<{ alerts: AlertTold[] }>(stateDir, '/alerts'),
      askGateway<{ ways: WayReport[] }>(stateDir, '/status/subscriptions'),
    ])
    if (!state) throw new NoGateway('The gateway is of a version that tells nothing of the kind: restart it.')
    return { ...judged(state.now, report?.alerts ?? []), subscriptions: told?.ways ?? [] }
  } catch (error) {
    if (!(error instanceof NoGateway)) throw error
    return { level: 'absent', sentence: error.message, troubles: [], alerts: [], overview: null, subscriptions: [] }
  }
}

/** Alerts that say more than "good to know" are troubles, too. */
export function judged(overview: Overview, alerts: readonly AlertTold[]): Status {
  const { level, sentence, troubles } = overview.verdict
  const pressing = alerts.filter(({ severity }) => severity !== 'info')
  const isWell = level === 'well' && pressing.length === 0
  return {
    level: isWell ? 'well' : level === 'well' ? 'impaired' : level,
    sentence: level === 'well' && !isWell ? 'Serving, with alerts going on.' : sentence,
    troubles,
    alerts,
    overview,
    subscriptions: [],
  }
}

export function statusWords({ sentence, troubles, alerts, overview, subscriptions }: Status): string {
  const lines = [sentence, ...troubles.map((each) => `  - ${each}`)]
  for (const { severity, name, summary } of alerts) lines.push(`  - ${severity}: ${summary} (${name})`)
  if (overview) lines.push('', ...numbers(overview))
  if (subscriptions.length > 0) lines.push(row('subscribers', subscriptions.map(wayWords).join(', ')))
  return `${lines.map(printable).join('\n')}\n`
}

const row = (name: string, text: string): string => `${name.padEnd(13)}${text}`

function wayWords({ way, isOffered, confirmed, waiting, givenUp }: WayReport): string {
  const more = [
    ...(waiting > 0 ? [`${waiting} messages wait`] : []),
    ...(givenUp > 0 ? [`${givenUp} given up`] : []),
    ...(isOffered ? [] : ['not offered any more']),
  ]
  return `${confirmed} by ${way}${more.length > 0 ? ` (${more.join(', ')})` : ''}`
}

function numbers({
  lately,
  callsLive,
  waiting,
  totals,
  faults,
  faultsSeconds,
  incidents,
  workers,
  ...rest
}: Overview): string[] {
  const seconds = Math.max(1, lately.seconds)
  const shown = faults.slice(0, faultsMax).map(({ code, calls, attempts }) => `${code} ${calls}/${attempts}`)
  return [
    row('calls', `${shortNumber(lately.calls / seconds)} a second, ${callsLive} under way, ${waiting} in line`),
    row('first token', `${shortTime(lately.firstTokenP50Ms)}, 95 % within ${shortTime(lately.firstTokenP95Ms)}`),
    row('since start', `${totals.calls} calls, ${totals.failed} failed, ${totals.retries} tried again`),
    ...(shown.length > 0
      ? [row('faults', `${shown.join(', ')} (callers/attempts in the last ${faultsSeconds / 60} min)`)]
      : []),
    ...(incidents ?? []).map(({ title, stage, etaWords, hidden }) =>
      row('incident', `${title} (${[stage, hidden, etaWords].filter((each) => each !== '').join(', ')})`),
    ),
    row('workers', workers.map(({ number, state }) => `${number} ${state}`).join(', ')),
    row('version', `${rest.version}, up ${shortTime(rest.atMs - rest.startedMs)}, generation ${rest.generation}`),
  ]
}
