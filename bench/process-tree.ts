/**
 * What the kernel says of a process and all its descendants: who they are, their memory, their CPU time. Linux only.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'

interface Stat {
  readonly pid: number
  readonly parent: number
  readonly ticks: number
}

/**
 * Null for a process that has just gone. The command name may hold blanks and brackets, so fields count from the last
 * bracket.
 */
function readStat(pid: number): Stat | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return { pid, parent: Number(fields[1]), ticks: Number(fields[11]) + Number(fields[12]) }
  } catch {
    return null
  }
}

/** The process and its living descendants, the root first; empty when the root is gone. */
export function processTree(rootPid: number): number[] {
  const childrenOf = new Map<number, number[]>()
  let isRootAlive = false
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const stat = readStat(Number(name))
    if (stat === null) continue
    if (stat.pid === rootPid) isRootAlive = true
    childrenOf.set(stat.parent, [...(childrenOf.get(stat.parent) ?? []), stat.pid])
  }
  const tree = isRootAlive ? [rootPid] : []
  for (let i = 0; i < tree.length; i++) tree.push(...(childrenOf.get(tree[i] ?? 0) ?? []))
  return tree
}

/** Resident memory of all given processes, bytes; pages they share count once for each. */
export function residentBytes(pids: readonly number[]): number {
  let kilobytes = 0
  for (const pid of pids) {
    try {
      kilobytes += Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? 0)
    } catch {
      // Gone between listing and reading: it holds nothing any more.
    }
  }
  return kilobytes * 1024
}

/** The most resident memory the process has had since the last `forgetPeak`, bytes. */
export function peakBytes(pid: number): number {
  return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? 0) * 1024
}

/** Starts the search for the peak anew. */
export function forgetPeak(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, '5')
}

/** User and system time of all given processes, in clock ticks of 10 ms. */
export function cpuTicks(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + (readStat(pid)?.ticks ?? 0), 0)
}

/** User and system time of the children of this process that have ended and been waited for, ticks of 10 ms. */
export function endedChildrenTicks(): number {
  const text = readFileSync('/proc/self/stat', 'latin1')
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return Number(fields[13]) + Number(fields[14])
}
