/** One worker process under the supervisor: a whole house, told what to be by message. */
import { join } from 'node:path'
import type { Config } from '../config.ts'
import { type House, openHouse } from '../main.ts'
import { openLog } from '../observe/log.ts'
import { shareMetrics } from '../observe/metric.ts'
import { describeFleet } from './banner.ts'
import type { WorkerStatus, WorkerWord } from './supervisor.ts'

const statusPeriodMs = 1000

function tell(word: WorkerWord): void {
  process.send?.(word)
}

/** Runs until told to stop, or until the supervisor is gone. */
export function runWorker(): void {
  process.once('message', ({ config, number }: { config: Config; number: number }) => {
    work(config, number).catch((error: unknown) => {
      const { message = String(error), code, syscall } = error as Partial<NodeJS.ErrnoException>
      tell({ event: 'failed', message, ...(code && { code }), ...(syscall && { syscall }) })
      process.exitCode = 1
      process.disconnect?.()
    })
  })
  // Ctrl-C reaches the whole process group; the supervisor decides what it means.
  process.on('SIGINT', () => {})
}

async function work(config: Config, number: number): Promise<void> {
  const log = openLog(config.log, logTarget(config), { worker: number })
  const house = await openHouse(config, log, number)
  shareMetrics()
  const timer = setInterval(() => tell({ event: 'status', status: statusOf(house) }), statusPeriodMs)
  let isDraining = false
  const stop = async (): Promise<void> => {
    if (isDraining) return
    isDraining = true
    clearInterval(timer)
    await house.drain()
    if (process.connected) process.disconnect?.()
  }
  process.on('SIGTERM', () => void stop())
  process.on('disconnect', () => void stop())
  tell({ event: 'status', status: statusOf(house) })
  tell({ event: 'listening', urls: house.urls, ...describeFleet(house.fleet) })
}

function statusOf(house: House): WorkerStatus {
  const { upstreams } = describeFleet(house.fleet)
  return {
    totals: { ...house.metrics.totals },
    callsLive: house.callsLive(),
    isReady: house.isReady(),
    upstreamsUp: upstreams.filter(({ isUp }) => isUp).length,
    upstreamsAll: upstreams.length,
  }
}

/** A terminal shows the live line, so the log goes to a file there; elsewhere standard output is the log. */
export function logTarget(config: Config): string | 1 {
  return config.log.file ?? (process.stdout.isTTY ? join(config.stateDir, 'holdfast.log') : 1)
}
