/** What `holdfast run` says when it is ready: to a person, or to a program. */
import type { Fleet } from '../fleet/fleet.ts'
import { safeJson } from '../ground/one-line.ts'
import { printable } from '../observe/fact-words.ts'

export interface Ready {
  readonly urls: readonly string[]
  readonly adminUrl: string
  /** Of the operators’ port for other machines; null where there is none. */
  readonly remoteAdminUrl: string | null
  /** Of the public page; null where it is not served here. */
  readonly statusUrl: string | null
  readonly workers: number
  /** Where the upstreams come from, one line each. */
  readonly notes: readonly string[]
  readonly models: readonly string[]
  readonly upstreams: readonly { name: string; url: string; isUp: boolean; engine?: EngineTold }[]
  readonly logFile: string | null
}

/** What an engine tells of itself, in short. */
export interface EngineTold {
  readonly waiting: number
  readonly running: number
  readonly kvUsage: number | null
}

export function describeFleet(fleet: Fleet): Pick<Ready, 'models' | 'upstreams'> {
  return {
    models: fleet.models().map(({ id }) => id),
    upstreams: fleet.upstreams.map(({ name, options, wasUp, failuresInRow, engine }) => ({
      name,
      url: options.url,
      isUp: wasUp && failuresInRow === 0,
      ...(engine && { engine: { waiting: engine.waiting, running: engine.running, kvUsage: engine.kvUsage } }),
    })),
  }
}

/** One JSON line; programs that start the gateway wait for it. */
export function readyLine(ready: Ready): string {
  const { urls, adminUrl, remoteAdminUrl, statusUrl, workers, models, upstreams } = ready
  const status = statusUrl === null ? {} : { statusUrl }
  const remote = remoteAdminUrl === null ? {} : { remoteAdminUrl }
  const told = {
    event: 'ready',
    url: urls[0],
    urls,
    adminUrl,
    ...remote,
    ...status,
    workers,
    models,
    upstreams,
    pid: process.pid,
  }
  return `${safeJson(JSON.stringify(told))}\n`
}

const bold = (text: string): string => `\u001b[1m${text}\u001b[0m`
const dim = (text: string): string => `\u001b[2m${text}\u001b[0m`

export function banner(ready: Ready): string {
  const url = ready.urls[0] ?? ''
  // Model servers name their models; what is to be copied into a shell must do there what it says.
  const model = ready.models.find((name) => /^[\w.:/@+-]+$/.test(name)) ?? 'MODEL'
  const upstreams = ready.upstreams.map(
    ({ name, url: at, isUp }) =>
      `    ${isUp ? '●' : '○'} ${name}  ${dim(isUp ? at : `${at} (not up yet, taken in when it comes)`)}`,
  )
  const shown = printable(ready.models.slice(0, 8).join(', ')) || dim('none yet')
  return [
    '',
    `  ${bold('Holdfast')} is ready.`,
    '',
    `  OpenAI clients      ${bold(`${url}/v1`)}`,
    `  Anthropic clients   ${bold(url)}`,
    `  Console             ${bold(`${ready.adminUrl}/`)}`,
    `  Health and metrics  ${ready.adminUrl}/readyz  ${ready.adminUrl}/metrics`,
    ...(ready.statusUrl ? [`  Status page         ${bold(`${ready.statusUrl}/`)}`] : []),
    ...(ready.logFile ? [`  Log                 ${ready.logFile}`] : []),
    '',
    ...ready.notes.map((note) => `  ${note}`),
    ...upstreams,
    `  Models: ${shown}${ready.models.length > 8 ? dim(` and ${ready.models.length - 8} more`) : ''}`,
    '',
    '  Try it:',
    '',
    `    curl -N ${url}/v1/chat/completions -H 'content-type: application/json' \\`,
    `      -d '{"model": "${model}", "stream": true, "messages": [{"role": "user", "content": "Hello"}]}'`,
    '',
    '',
  ].join('\n')
}
