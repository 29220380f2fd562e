/**
 * `holdfast import litellm FILE`: from a configuration of the LiteLLM proxy to one of ours. What has no counterpart is
 * said, not left out in silence.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { checkConfig, type ConfigInput } from '../config.ts'
import { readYaml, writeYaml } from '../config-file.ts'
import { printable } from '../observe/fact-words.ts'
import { fromLitellm } from './from-litellm.ts'

export interface ImportOptions {
  readonly out?: string
  readonly json?: boolean
}

/** @throws {Error} when the file cannot be read, or holds nothing to go by. */
export function importLitellm(path: string, { out, json }: ImportOptions): void {
  const { config, notes } = fromLitellm(readYaml(readFileSync(path, 'utf8')))
  checkConfig(withAddresses(config))
  const text = writeYaml(config)
  if (json) process.stdout.write(`${JSON.stringify({ config, notes }, null, 2)}\n`)
  else if (out === undefined) process.stdout.write(text)
  // A file that is there may be somebody's work.
  if (out !== undefined) writeFileSync(out, text, { flag: 'wx', mode: 0o600 })
  for (const note of notes) process.stderr.write(`note: ${printable(note)}\n`)
  if (out !== undefined)
    process.stderr.write(`Written to ${out}; \`holdfast check ${out}\` asks whether all is there.\n`)
}

/** Some address for each that only the environment knows. */
function withAddresses(config: ConfigInput): ConfigInput {
  const upstreams = Object.entries(config.upstreams).map(([name, upstream], i) => {
    return [name, URL.canParse(upstream.url) ? upstream : { ...upstream, url: `http://${i}.invalid/v1` }] as const
  })
  return { ...config, upstreams: Object.fromEntries(upstreams) }
}
