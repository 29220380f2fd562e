/** From what was measured to shares of what there is, 0 to 1. Pure. */

export function shareOf(used: number, limit: number): number {
  return limit > 0 ? clamp(used / limit) : 0
}

/** From here on, in parts of the delay at which new calls are refused, the ladder goes up: 100, 250, 500 ms of 500. */
const loopMarks = [
  [0, 0],
  [0.2, 0.75],
  [0.5, 0.92],
  [1, 0.97],
  [2, 1],
] as const

/** A delay of the event loop as a share: by the marks above, straight lines between them. */
export function loopShare(delayMs: number, refuseMs: number): number {
  const part = delayMs / refuseMs
  for (let i = 1; i < loopMarks.length; i++) {
    const [toPart, toShare] = loopMarks[i] as readonly [number, number]
    const [fromPart, fromShare] = loopMarks[i - 1] as readonly [number, number]
    if (part <= toPart) return fromShare + ((part - fromPart) / (toPart - fromPart)) * (toShare - fromShare)
  }
  return 1
}

/**
 * Room on a disk as a share: 0.9, where calls are refused, at `freeBytesMin`, 0.8 at twice that. On a small disk a
 * twentieth of it takes the place of `freeBytesMin`.
 */
export function diskShare(freeBytes: number, totalBytes: number, freeBytesMin: number): number {
  const leastBytes = Math.min(freeBytesMin, totalBytes / 20)
  return leastBytes > 0 ? clamp(1 - (0.1 * freeBytes) / leastBytes) : 0
}

/** A worker is not counted as short of memory below this: that much it has at the start. */
const workerBytesMin = 256 * 2 ** 20
/** What the supervisor and the system's own share of a container take. */
const asideBytes = 128 * 2 ** 20

/** What one of `workers` may take of the memory of the machine, or of the container where that is less. Bytes. */
export function workerMemoryBytes(machineBytes: number, containerBytes: number, workers: number): number {
  // Without a limit the system says nothing, or a number beyond all memory.
  const isBound = containerBytes > 0 && containerBytes < machineBytes
  const allBytes = isBound ? containerBytes : machineBytes
  return Math.max(workerBytesMin, (allBytes - asideBytes) / workers)
}

function clamp(share: number): number {
  return Math.min(1, Math.max(0, share))
}
