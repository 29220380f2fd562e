/** Where and when a run took place, and how busy the neighbours were: the small print of every table. */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { cpus, loadavg, release, totalmem } from 'node:os'
import { repository } from './launch.ts'

export interface Machine {
  readonly processor: string
  readonly coreCount: number
  readonly memoryGb: number
  readonly system: string
  readonly node: string
  readonly commit: string
  readonly date: string
  /** One-minute load average before the run began. */
  readonly loadBefore: number
}

/** Ticks of 10 ms of the whole machine since boot. */
export interface MachineTicks {
  readonly busy: number
  readonly stolen: number
  readonly all: number
}

const git = (...args: string[]): string => spawnSync('git', args, { cwd: repository, encoding: 'utf8' }).stdout.trim()

export function describeMachine(): Machine {
  const processors = cpus()
  const isChanged = git('status', '--porcelain', '--', 'src', 'bench').length > 0
  return {
    processor: processors[0]?.model.trim() ?? 'unknown',
    coreCount: processors.length,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    system: `Linux ${release().split('-')[0]}`,
    node: process.version,
    commit: (git('rev-parse', '--short', 'HEAD') || 'none') + (isChanged ? ' with changes' : ''),
    date: new Date().toISOString().slice(0, 16).replace('T', ' '),
    loadBefore: loadavg()[0] ?? 0,
  }
}

export function machineTicks(): MachineTicks {
  const fields = readFileSync('/proc/stat', 'latin1').split('\n')[0]?.trim().split(/\s+/).slice(1).map(Number) ?? []
  const [user = 0, nice = 0, system = 0, idle = 0, wait = 0, hard = 0, soft = 0, stolen = 0] = fields
  const busy = user + nice + system + hard + soft
  return { busy, stolen, all: busy + idle + wait + stolen }
}
