/** What this process can measure of itself and its disk. Cheap enough for several looks a second. */
import { readdir, stat, statfs } from 'node:fs/promises'
import { totalmem } from 'node:os'
import { getHeapStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

export interface Vitals {
  readonly heapBytes: number
  readonly heapBytesMax: number
  readonly residentBytes: number
}

export interface Room {
  readonly freeBytes: number
  readonly totalBytes: number
}

/** About 0.2 ms a look, all told. */
export function readVitals(): Vitals {
  const { used_heap_size, heap_size_limit } = getHeapStatistics()
  return { heapBytes: used_heap_size, heapBytesMax: heap_size_limit, residentBytes: readResident() }
}

let residentBytes = 0

/** The system tells it by a file: a process that may open no more keeps what it knew, and lives. */
function readResident(): number {
  try {
    residentBytes = process.memoryUsage.rss()
  } catch {
    // as it was
  }
  return residentBytes
}

type Collect = (options?: { type: 'major'; flavor: 'last-resort' }) => void
let collect: Collect | null = null

/**
 * A full collection. The memory of bodies is given back to the system only by one, and a process that refuses all new
 * work makes so little garbage that none would come by itself: it would refuse for ever.
 */
export function collectGarbage(): void {
  collector()()
}

/**
 * The same, and all room that the heap has beside its objects is given back: for a process that has begun, and from now
 * on needs less. About 0.1 s.
 */
export function shrinkHeap(): void {
  collector()({ type: 'major', flavor: 'last-resort' })
}

function collector(): Collect {
  if (!collect) {
    setFlagsFromString('--expose-gc')
    collect = runInNewContext('gc') as Collect
  }
  return collect
}

/** Of the file system that holds this folder; null where the system does not say. */
export async function readRoom(folder: string): Promise<Room | null> {
  try {
    const { bavail, blocks, bsize } = await statfs(folder)
    return { freeBytes: bavail * bsize, totalBytes: blocks * bsize }
  } catch {
    return null
  }
}

/** All memory of the machine, and what the container leaves of it (0 or a huge number where there is no limit). */
export function readMemoryLimits(): { machineBytes: number; containerBytes: number } {
  return { machineBytes: totalmem(), containerBytes: process.constrainedMemory() }
}

/** Processor time that this process has used since its start. */
export function processorMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

/** Open file descriptors; null where the system does not say. */
export async function countFiles(): Promise<number | null> {
  try {
    // Linux tells it as the size of the folder from 6.2 on; before, they are to be listed.
    const { size } = await stat('/proc/self/fd')
    return size > 0 ? size : (await readdir('/proc/self/fd')).length
  } catch {
    return null
  }
}
