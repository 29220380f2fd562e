/** The configuration for commands that can do without one: the file that is named, the usual one, or defaults. */
import { existsSync } from 'node:fs'
import { userInfo } from 'node:os'
import type { Config } from '../config.ts'
import { readConfigFile } from '../config-file.ts'
import { objectivesSchema } from '../objective/objective-options.ts'
import { statusSchema } from '../status/status-options.ts'
import { usualFile } from './setup.ts'

export interface ConfigOptions {
  readonly config?: string
  readonly state?: string
}

export type CommandConfig = Pick<Config, 'status' | 'objectives' | 'keys' | 'stateDir'> & {
  /** Names of its upstreams and deployments; null where no file says. */
  readonly upstreams: readonly string[] | null
  /** The gateway keeps nothing on the disk. */
  readonly isForgetful: boolean
}

/** @throws {ConfigError} */
export function commandConfig({ config: named, state }: ConfigOptions): CommandConfig {
  const file = named ?? (existsSync(usualFile) ? usualFile : null)
  if (file === null) {
    const [status, objectives] = [statusSchema.parse(undefined), objectivesSchema.parse(undefined)]
    return { status, objectives, keys: [], stateDir: state ?? '.holdfast', upstreams: null, isForgetful: false }
  }
  const { status, objectives, keys, stateDir, upstreams, deployments, journal } = readConfigFile(file, process.env)
  const isForgetful = journal.engine === 'memory'
  const names = [...Object.keys(upstreams), ...Object.keys(deployments)]
  return { status, objectives, keys, stateDir: state ?? stateDir, upstreams: names, isForgetful }
}

/** Who does it, for the history: whoever runs the command. */
export function operatorName(given: string | undefined): string {
  if (given !== undefined) return named(given)
  try {
    return named(userInfo().username)
  } catch {
    // In a container a user may have a number only.
    return 'operator'
  }
}

/** Under its own name the gateway writes by itself; and it may run as a user of that name. */
function named(name: string): string {
  const short = name.trim().slice(0, 80)
  return short === '' || short === 'holdfast' ? 'operator' : short
}
