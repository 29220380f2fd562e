/** `holdfast check`: says whether a configuration is good, and if not, where and what to do. */
import { mapSecrets } from '../alert/alert-options.ts'
import { type Config, readConfigFile } from '../config.ts'
import { ConfigError } from '../ground/config-error.ts'
import { readKeys, readSecret } from '../house/secrets.ts'
import { adminTokens } from './admin-tokens.ts'
import { withoutSecrets } from './without-secrets.ts'

export function check(file: string, options: { json?: boolean }): void {
  try {
    const config = readConfigFile(file)
    checkSecrets(config)
    process.stdout.write(
      options.json
        ? `${JSON.stringify({ ok: true, config: withoutSecrets(config) }, null, 2)}\n`
        : summary(file, config),
    )
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    process.exitCode = 1
    if (options.json) process.stdout.write(`${JSON.stringify({ ok: false, problems: error.problems }, null, 2)}\n`)
    else process.stderr.write(`${error.message}\n`)
  }
}

/** Secrets that are not there are found now, and not at the first call. */
function checkSecrets(config: Config): void {
  for (const [name, options] of Object.entries(config.upstreams)) readKeys(name, options)
  config.keys.forEach(({ key }, i) => readSecret(key, `keys.${i}.key`))
  adminTokens(config)
  mapSecrets(config.alerts, readSecret)
}

function summary(file: string, config: Config): string {
  const { upstreams, pools, models, keys, listeners } = config
  const count = (things: object, one: string): string =>
    `${Object.keys(things).length} ${one}${Object.keys(things).length === 1 ? '' : 's'}`
  const at = listeners.map(({ host, port }) => `${host}:${port}`).join(', ')
  return `${file} is good: ${count(upstreams, 'upstream')}, ${count(pools, 'pool')}, ${count(models, 'model')}, ${count(keys, 'key')}, listening on ${at}.\n`
}
