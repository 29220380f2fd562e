/** `holdfast deploy`: begins a rollout of a release, tells how it goes, and leads it. Asks the running gateway. */
import type { RolloutView } from '../control/deploy/rollout-book.ts'
import { printable } from '../observe/fact-words.ts'
import { operatorName } from './command-config.ts'
import { readPidFile } from './restart.ts'

export interface DeployOptions {
  readonly state?: string
  readonly by?: string
  readonly json?: boolean
}

export interface BeginOptions extends DeployOptions {
  readonly release: string
  readonly strategy?: string
}

const patienceMs = 10_000

/** @throws {Error} in words that name the cure. */
export async function beginDeploy(deployment: string, options: BeginOptions): Promise<void> {
  const { release, strategy } = options
  const view = await send(options, '/deploy', { deployment, release, strategy })
  tell(options, view, `${release} is on its way; \`holdfast deploy status ${deployment}\` tells how it goes.`)
}

/** @throws {Error} in words that name the cure. */
export async function leadDeploy(deployment: string, asked: string, options: DeployOptions): Promise<void> {
  tell(options, await send(options, `/deploy/${asked}`, { deployment }), null)
}

/** @throws {Error} in words that name the cure. */
export async function showDeploys(deployment: string | undefined, options: DeployOptions): Promise<void> {
  const rollouts = await list(options, deployment)
  if (options.json) return write(JSON.stringify({ rollouts }, null, 2))
  // The latest of each.
  const latest = [...Map.groupBy(rollouts, (each) => each.deployment).values()].flatMap((own) => own.slice(0, 1))
  if (latest.length === 0) return write('Nothing has been deployed.')
  for (const each of latest) write(words(each))
}

/** @throws {Error} in words that name the cure. */
export async function showHistory(deployment: string, options: DeployOptions): Promise<void> {
  const rollouts = await list(options, deployment)
  if (options.json) return write(JSON.stringify({ rollouts }, null, 2))
  if (rollouts.length === 0) return write(`Nothing has been deployed as ${printable(deployment)}.`)
  for (const { from, to, strategy, history } of rollouts) {
    write(printable(`${from ?? 'nothing'} → ${to} (${strategy})`))
    for (const { atMs, phase, share, words: told } of history)
      write(printable(`  ${timeOf(atMs)}  ${phase.padEnd(12)} ${percent(share).padStart(5)}  ${told}`))
  }
}

function words(view: RolloutView): string {
  const { deployment, from, to, phase, share, isPaused, reason, open, evidence } = view
  const lines = [
    `${deployment}: ${from ?? 'nothing'} → ${to}, ${phase}${isPaused ? ' (paused)' : ''}, ${percent(share)} of new calls`,
    ...(reason === null ? [] : [`  why: ${reason}`]),
    ...(open.length > 0 ? [`  the next step waits for: ${open.join(', ')}`] : []),
    ...evidence.map((each) => `  ${each}`),
  ]
  return lines.map((line) => printable(line)).join('\n')
}

function tell({ json }: DeployOptions, view: RolloutView, more: string | null): void {
  if (json) return write(JSON.stringify(view, null, 2))
  write(words(view))
  if (more !== null) write(printable(more))
}

const percent = (share: number): string => `${Math.round(share * 100)} %`
const timeOf = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`

async function list(options: DeployOptions, deployment: string | undefined): Promise<readonly RolloutView[]> {
  const query = deployment === undefined ? '' : `?deployment=${encodeURIComponent(deployment)}`
  const { rollouts } = await ask<{ rollouts: readonly RolloutView[] }>(options, `/deploy${query}`)
  return rollouts
}

const send = (options: DeployOptions, path: string, body: object): Promise<RolloutView> =>
  ask(options, path, { ...body, by: operatorName(options.by) })

async function ask<T>({ state = '.holdfast' }: DeployOptions, path: string, body?: object): Promise<T> {
  const { adminUrl, token } = readPidFile(state)
  const headers = {
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
    ...(body && { 'content-type': 'application/json' }),
  }
  const answer = await fetch(`${adminUrl}${path}`, {
    ...(body && { method: 'POST', body: JSON.stringify(body) }),
    ...{ headers, signal: AbortSignal.timeout(patienceMs) },
  }).catch((cause: unknown) => {
    throw new Error(`The gateway does not answer at ${adminUrl}${path}.`, { cause })
  })
  if (answer.status === 404) throw new Error('This gateway deploys nothing: its configuration has no `deployments`.')
  const told = (await answer.json()) as T & { error?: string }
  if (!answer.ok) throw new Error(told.error ?? `The gateway answers ${answer.status}.`)
  return told
}

function write(text: string): void {
  process.stdout.write(`${text}\n`)
}
