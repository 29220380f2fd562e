/** Who runs on this machine, as the system tells: of Linux from /proc, elsewhere from `ps`. */
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'

export interface Running {
  readonly pid: number
  /** Of its process group. */
  readonly group: number
  readonly memoryBytes: number
}

const pageBytes = 4096
const psMs = 5000

const isLinux = process.platform === 'linux'

/** All processes that have not ended. */
export function listRunning(): Running[] {
  return isLinux ? listProc() : listPs()
}

function listProc(): Running[] {
  return pidsOfProc().flatMap((pid) => {
    const stat = read(`/proc/${pid}/stat`)
    // The name in brackets may hold anything.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const [state, , group] = fields
    if (!state || state === 'Z' || state === 'X') return []
    return [{ pid, group: Number(group), memoryBytes: Number(fields[21] ?? 0) * pageBytes }]
  })
}

function pidsOfProc(): number[] {
  return readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? [Number(name)] : []))
}

function listPs(): Running[] {
  return askPs('-axo', 'pid=,pgid=,rss=,stat=')
    .split('\n')
    .flatMap((line) => {
      const [pid, group, kib, state = ''] = line.trim().split(/\s+/)
      return pid && !state.startsWith('Z')
        ? [{ pid: Number(pid), group: Number(group), memoryBytes: Number(kib) * 1024 }]
        : []
    })
}

function askPs(...args: string[]): string {
  const { stdout, error } = spawnSync('ps', args, { encoding: 'utf8', timeout: psMs })
  return error ? '' : stdout
}

/** Whether this process was started with the mark as its name: another may have its number by now. */
export function bearsMark(pid: number, mark: string): boolean {
  if (isLinux) return read(`/proc/${pid}/cmdline`).split('\0').includes(mark)
  return askPs('-o', 'command=', '-p', String(pid)).includes(mark)
}

/** Processes with this in their environment: also those that left their group. Known on Linux only. */
export function findByEnvironment(assignment: string): number[] {
  if (!isLinux) return []
  return pidsOfProc().filter((pid) => read(`/proc/${pid}/environ`).split('\0').includes(assignment))
}

/** Whether it is a replica's, of whichever gateway. Known on Linux only. */
export function bearsAnyMark(pid: number): boolean {
  return read(`/proc/${pid}/environ`)
    .split('\0')
    .some((each) => each.startsWith('HOLDFAST_REPLICA='))
}

/** Empty when it is gone meanwhile, or another user's. */
function read(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}
