/**
 * `holdfast check`: says whether a configuration is good and whether what it stands on is there, and if not, where and
 * what to do. Exit code: 0 all is well, 1 the configuration is not good, 2 it is, but something else is in trouble.
 */
import { mapSecrets } from '../alert/alert-options.ts'
import type { Config } from '../config.ts'
import { readConfigFile } from '../config-file.ts'
import { ConfigError } from '../ground/config-error.ts'
import { readKeys, readSecret } from '../house/secrets.ts'
import { openFiles } from '../house/tls/tls-desk.ts'
import { systemClock } from '../ground/clock.ts'
import { readMailPassword } from '../status/subscription/subscription-options.ts'
import { safeJson } from '../ground/one-line.ts'
import { printable } from '../observe/fact-words.ts'
import { adminTokens } from './admin-tokens.ts'
import { examine, type Finding } from './examine.ts'
import { withoutSecrets } from './without-secrets.ts'

export interface CheckOptions {
  readonly json?: boolean
  /** Asks nobody. */
  readonly offline?: boolean
}

export async function check(file: string, { json = false, offline = false }: CheckOptions): Promise<void> {
  let config: Config
  try {
    config = readConfigFile(file, process.env)
    checkSecrets(config)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    process.exitCode = 1
    if (json) process.stdout.write(`${safeJson(JSON.stringify({ ok: false, problems: error.problems }, null, 2))}\n`)
    else process.stderr.write(`${error.message}\n`)
    return
  }
  const findings = offline ? [] : await examine(config, systemClock.nowMs())
  const ok = !findings.some(({ level }) => level === 'trouble')
  if (!ok) process.exitCode = 2
  const told = json
    ? `${safeJson(JSON.stringify({ ok, findings, config: withoutSecrets(config) }, null, 2))}\n`
    : `${summary(file, config)}${findings.map(findingWords).join('')}`
  process.stdout.write(told)
}

/** Secrets that are not there are found now, and not at the first call. */
function checkSecrets(config: Config): void {
  for (const [name, options] of Object.entries(config.upstreams)) readKeys(name, options)
  config.keys.forEach(({ key }, i) => readSecret(key, `keys.${i}.key`))
  adminTokens(config)
  openFiles(config.tls)
  mapSecrets(config.alerts, readSecret)
  readMailPassword(config.status.subscriptions, readSecret)
}

function summary(file: string, config: Config): string {
  const { upstreams, pools, models, keys, listeners } = config
  const count = (things: object, one: string): string =>
    `${Object.keys(things).length} ${one}${Object.keys(things).length === 1 ? '' : 's'}`
  const at = listeners.map(({ host, port }) => `${host}:${port}`).join(', ')
  return `${file} is good: ${count(upstreams, 'upstream')}, ${count(pools, 'pool')}, ${count(models, 'model')}, ${count(keys, 'key')}, listening on ${at}.\n`
}

const marks = { well: 'ok', warning: 'soon', trouble: 'FAIL' }

/** Servers may say anything: control characters do not reach the terminal. */
function findingWords({ level, about, words, cure, code }: Finding): string {
  const line = `${marks[level].padEnd(5)} ${about}: ${words}${code ? ` (${code})` : ''}`
  return `${printable(line)}\n${cure === '' ? '' : `        ${printable(cure)}\n`}`
}
