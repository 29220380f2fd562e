/** The flags of `holdfast run`. */
import type { Config } from '../config.ts'

/**
 * `auto`: the lab when nothing else is found; `off`: never; `model`: the real small model; `sim`: the simulated one.
 */
export type LabChoice = 'auto' | 'off' | 'model' | 'sim'
export const labChoices: readonly LabChoice[] = ['auto', 'off', 'model', 'sim']

export interface RunOptions {
  config?: string
  host?: string
  port?: number
  adminPort?: number
  upstream?: string[]
  state?: string
  workers?: number
  drainMs?: number
  onDisconnect?: 'detach' | 'cancel'
  journal?: 'memory' | 'sqlite'
  site?: string
  lab: LabChoice
  logLevel?: Config['log']['level']
}
