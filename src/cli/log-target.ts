/** Where the log goes. */
import { join } from 'node:path'
import type { Config } from '../config.ts'

/** A terminal shows the live line, so the log goes to a file there; elsewhere standard output is the log. */
export function logTarget(config: Pick<Config, 'log' | 'stateDir'>): string | 1 {
  return config.log.file ?? (process.stdout.isTTY ? join(config.stateDir, 'holdfast.log') : 1)
}
