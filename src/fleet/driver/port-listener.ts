/** Who listens on a port of this machine: known on Linux, of processes that we may look into. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

export interface Listener {
  readonly pid: number
  /** Since it was started. */
  readonly ageMs: number
}

/** State of a socket that listens, as the kernel writes it. */
const listening = '0A'
/** Of the clock that process times are told by; the same on all Linux systems. */
const ticksPerSecond = 100

/** Null where nobody listens, or it cannot be known who. */
export function listenerOn(port: number): Listener | null {
  const inodes = new Set(['/proc/net/tcp', '/proc/net/tcp6'].flatMap((path) => inodesIn(read(path), port)))
  if (inodes.size === 0) return null
  const isIts = (pid: string): boolean =>
    list(`/proc/${pid}/fd`).some((fd) =>
      inodes.has(/^socket:\[(\d+)\]$/.exec(link(`/proc/${pid}/fd/${fd}`))?.[1] ?? ''),
    )
  const pid = list('/proc').find((name) => /^\d+$/.test(name) && isIts(name))
  if (pid === undefined) return null
  const stat = read(`/proc/${pid}/stat`)
  // The name in brackets may hold anything.
  const startedTicks = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19])
  const upMs = 1000 * Number(read('/proc/uptime').split(' ')[0])
  const ageMs = upMs - (1000 * startedTicks) / ticksPerSecond
  return Number.isFinite(ageMs) ? { pid: Number(pid), ageMs } : null
}

function inodesIn(table: string, port: number): string[] {
  const end = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  return table.split('\n').flatMap((line) => {
    const [, local = '', , state, , , , , , inode] = line.trim().split(/\s+/)
    return local.endsWith(end) && state === listening && inode !== undefined ? [inode] : []
  })
}

/** Each of them may be gone meanwhile, or another user's. */
function attempt<T>(look: () => T, otherwise: T): T {
  try {
    return look()
  } catch {
    return otherwise
  }
}

const read = (path: string): string => attempt(() => readFileSync(path, 'latin1'), '')
const list = (path: string): string[] => attempt(() => readdirSync(path), [])
const link = (path: string): string => attempt(() => readlinkSync(path), '')
