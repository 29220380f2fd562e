/** The drivers that ask an engine or a cluster, for the control process; each opened when a deployment names it. */
import { createHash } from 'node:crypto'
import { resolve } from 'node:path'
import type { Config } from '../config.ts'
import { LateDriver } from '../fleet/driver/late-driver.ts'
import { openFarDriver } from '../fleet/driver/open-far-driver.ts'
import { systemClock } from '../ground/clock.ts'
import type { Log } from '../observe/log.ts'

type Settings = Pick<Config, 'stateDir' | 'deployments' | 'drivers'>

/** @param settings those in force; where the engine and the cluster are is read when they are first asked */
export function farDrivers(settings: () => Settings, log: Log): LateDriver[] {
  const open = (kind: 'docker' | 'kubernetes') => async () => {
    const { drivers, stateDir } = settings()
    const site = drivers.site ?? siteOf(stateDir)
    const onProgress = (image: string, line: string): void => log.info({ image, detail: line }, 'an image is fetched')
    return await openFarDriver(kind, drivers, { clock: systemClock, site, environment: process.env, onProgress })
  }
  const isNamed = (kind: string) => () => Object.values(settings().deployments).some(({ driver }) => driver === kind)
  return (['docker', 'kubernetes'] as const).map((kind) => new LateDriver(kind, isNamed(kind), open(kind)))
}

/** The same over restarts, and another for another gateway of this machine. */
export function siteOf(stateDir: string): string {
  return `holdfast-${createHash('sha256').update(resolve(stateDir)).digest('hex').slice(0, 6)}`
}
