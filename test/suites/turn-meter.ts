/**
 * Loaded into the processes of a gateway under attack (`node --import`): how much processor time single turns of their
 * event loop take. Of a machine that is busy with other things this says more than any clock: who waits for a turn of
 * 50 ms waits for the gateway, not for the machine.
 */
import { appendFileSync } from 'node:fs'
import { join } from 'node:path'

/** A line of what is told. */
export interface Turns {
  /** The longest since the last line; milliseconds of processor time. */
  readonly longestMs: number
}

/** The environment's word for the folder to tell it in, a file for each process. */
export const folderName = 'HOLDFAST_TURN_METER'
const lookMs = 2
const tellMs = 500
/** Shorter ones are not worth a line. */
const shortMs = 1

const folder = process.env[folderName]
if (folder !== undefined) {
  const path = join(folder, String(process.pid))
  const cpuMs = (): number => {
    const { user, system } = process.threadCpuUsage()
    return (user + system) / 1000
  }
  let beforeMs = cpuMs()
  let longestMs = 0
  setInterval(() => {
    const nowMs = cpuMs()
    longestMs = Math.max(longestMs, nowMs - beforeMs)
    beforeMs = nowMs
  }, lookMs).unref()
  setInterval(() => {
    if (longestMs >= shortMs) appendFileSync(path, `${JSON.stringify({ longestMs } satisfies Turns)}\n`)
    longestMs = 0
    beforeMs = cpuMs() // what the meter needs itself is no turn of the gateway
  }, tellMs).unref()
}
