/** `holdfast fleet`: the replicas that deployments run, one a line; below them why there are so many. */
import { safeJson } from '../ground/one-line.ts'
import { printable } from '../observe/fact-words.ts'
import type { ScaleRow } from '../control/autoscale/scale-row.ts'
import { askGateway } from './ask-gateway.ts'
import type { FleetStatus } from './control-process.ts'
import { shortNumber, shortTime } from './terminal-text.ts'

const wordsMax = 60

export interface FleetAsk {
  readonly isJson: boolean
  /** What was done about sick replicas, in place of the replicas. */
  readonly isOfRemedies: boolean
}

/** Prints; the exit code is 1 where a replica is not well, and the error's where no gateway answers. */
export async function fleet(stateDir: string, { isJson, isOfRemedies }: FleetAsk): Promise<void> {
  const report = await askGateway<FleetStatus>(stateDir, '/fleet')
  if (!report) throw new Error('The gateway is of a version that tells nothing of the kind: restart it.')
  if (report.replicas.some(({ state }) => state === 'resting' || state === 'dead')) process.exitCode = 1
  process.stdout.write(
    isJson ? `${safeJson(JSON.stringify(report, null, 2))}\n` : isOfRemedies ? remedyWords(report) : fleetWords(report),
  )
}

export function remedyWords({ remedies }: Pick<FleetStatus, 'remedies'>): string {
  if (remedies.length === 0) return 'No replica was found sick since the gateway began.\n'
  const lines = remedies.map(({ atMs, replica, ailment, remedy, state, detail, evidence }) =>
    printable(
      `${new Date(atMs).toISOString()}  ${replica}: ${ailment}; ${remedy} ${state}${detail && `, ${detail}`}: ${evidence}`,
    ),
  )
  return `${lines.join('\n')}\n`
}

export function fleetWords(status: Pick<FleetStatus, 'replicas' | 'isRunning' | 'scaling'>): string {
  // One of a version before tells nothing of scaling.
  const { scaling = [] } = status as Partial<FleetStatus>
  return (
    replicaWords(status) +
    scaling.map((row) => `\n${printable(scaleWords(row))}`).join('') +
    (scaling.length > 0 ? '\n' : '')
  )
}

export function scaleWords({
  deployment,
  replicas,
  why,
  heldBy,
  load,
  forecast,
  stepsToRead,
  ...row
}: ScaleRow): string {
  const { ready, starting, unit, perReplica, min, max, startMs, stepMs } = row
  const parts = [
    `${replicas} wished of ${min} to ${max} (${why})`,
    `${ready} ready${starting > 0 ? `, ${starting} starting` : ''}`,
    `load ${load === null ? 'unknown' : shortNumber(load)} ${unit}, ${shortNumber(perReplica)} a replica`,
    forecast
      ? `in ${shortTime(forecast.steps * stepMs)} ${shortNumber(forecast.p50)}, 90 % below ${shortNumber(forecast.p90)}`
      : 'no forecast yet',
    `a start takes ${shortTime(startMs)}`,
    ...(heldBy === null ? [] : [`none is taken away: ${heldBy}`]),
    ...(stepsToRead > 0 ? [`${stepsToRead} steps of the past are yet to be read`] : []),
  ]
  return `${deployment}: ${parts.join('; ')}`
}

function replicaWords({ replicas, isRunning }: Pick<FleetStatus, 'replicas' | 'isRunning'>): string {
  if (replicas.length === 0)
    return isRunning ? 'No replica runs.\n' : 'Nothing is deployed: name `deployments` in the configuration.\n'
  const head = ['replica', 'state', 'release', 'url', 'age', 'calls', 'memory', 'last words']
  const rows = replicas
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map((each) => [
      each.name,
      each.restMs > 0 ? `${each.state}, again in ${shortTime(each.restMs)}` : each.state,
      each.release,
      each.url ?? '–',
      shortTime(each.ageMs),
      String(each.calls),
      each.memoryBytes === null ? '–' : `${Math.round(each.memoryBytes / 2 ** 20)} MiB`,
      (each.lastWords.trim().split('\n').at(-1) ?? '').slice(0, wordsMax),
    ])
  const widths = head.map((_, i) => Math.max(...[head, ...rows].map((row) => row[i]?.length ?? 0)))
  const line = (row: readonly string[]): string =>
    row
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd()
  return `${[head, ...rows].map((row) => printable(line(row))).join('\n')}\n`
}
