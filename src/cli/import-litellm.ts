/**
 * `holdfast import litellm FILE`: from a configuration of the LiteLLM proxy to one of ours. What has no counterpart is
 * said, not left out in silence.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { checkConfig } from '../config.ts'
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
  checkConfig(config)
  const text = writeYaml(config)
  if (json) process.stdout.write(`${JSON.stringify({ config, notes }, null, 2)}\n`)
  else if (out === undefined) process.stdout.write(text)
  // A file that is there may be somebody's work.
  if (out !== undefined) writeFileSync(out, text, { flag: 'wx', mode: 0o600 })
  for (const note of notes) process.stderr.write(`note: ${printable(note)}\n`)
  if (out !== undefined)
    process.stderr.write(`Written to ${out}; \`holdfast check ${out}\` asks whether all is there.\n`)
}
