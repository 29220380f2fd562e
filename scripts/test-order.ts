/** Which test file is begun next. Pure: files that mostly wait run beside others, files that compute do not crowd. */

/** What a file took when it was last measured. */
export interface Cost {
  /** From its start to its end, in seconds. */
  readonly wallS: number
  /** Of its process and of all that it started, in seconds. */
  readonly cpuS: number
}

/** What one file keeps busy on average, in cores; never nothing, since each has its moments. */
export function shareOf({ wallS, cpuS }: Cost): number {
  return Math.max(0.1, cpuS / Math.max(wallS, 0.1))
}

export interface Place {
  readonly cores: number
  /** Files at once, whatever they do: each has processes of its own, and memory is finite too. */
  readonly filesMax: number
}

/**
 * The longest of those `waiting` that fits beside those `running`: all shares together stay within the cores (list
 * scheduling, longest first: R. L. Graham 1969). Null if none fits now; a file that asks for more than there is runs
 * alone.
 */
export function pickNext<F extends { readonly cost: Cost }>(
  waiting: readonly F[],
  running: readonly F[],
  { cores, filesMax }: Place,
): F | null {
  if (running.length >= filesMax) return null
  const taken = running.reduce((sum, { cost }) => sum + shareOf(cost), 0)
  let best: F | null = null
  for (const file of waiting) {
    const isFit = running.length === 0 || taken + shareOf(file.cost) <= cores + 1e-9
    if (isFit && (best === null || file.cost.wallS > best.cost.wallS)) best = file
  }
  return best
}
