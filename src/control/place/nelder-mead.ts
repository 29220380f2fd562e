/** Nelder and Mead's simplex (1965): a minimum of a function of a few numbers, by its values alone. */

interface Options {
  /** Size of the first simplex. */
  readonly step: number
  readonly evaluationsMax: number
  readonly isOver: () => boolean
}

interface Corner {
  readonly at: readonly number[]
  readonly value: number
}

/** Returns the best point it has seen. */
export function nelderMead(
  valueOf: (at: readonly number[]) => number,
  start: readonly number[],
  { step, evaluationsMax, isOver }: Options,
): Corner {
  let evaluations = 0
  const look = (at: readonly number[]): Corner => {
    evaluations++
    return { at, value: valueOf(at) }
  }
  let corners = [start, ...start.map((_, i) => start.map((x, j) => (i === j ? x + step : x)))].map(look)
  const goesOn = (): boolean => evaluations < evaluationsMax && !isOver()
  while (goesOn()) {
    corners = corners.toSorted((a, b) => a.value - b.value)
    const [best] = corners
    const worst = corners.at(-1)
    const second = corners.at(-2)
    if (!best || !worst || !second || worst.value - best.value < 1e-9 * (1 + Math.abs(best.value))) break
    const others = corners.slice(0, -1)
    const centre = start.map((_, j) => others.reduce((sum, { at }) => sum + (at[j] ?? 0), 0) / others.length)
    /** On the line from the worst through the centre: 1 is its mirror image. */
    const along = (factor: number): Corner => look(centre.map((x, j) => x + factor * (x - (worst.at[j] ?? 0))))
    const mirrored = along(1)
    let next: Corner | null = mirrored
    if (mirrored.value < best.value) {
      const further = along(2)
      if (further.value < mirrored.value) next = further
    } else if (mirrored.value >= second.value) {
      const nearer = along(mirrored.value < worst.value ? 0.5 : -0.5)
      next = nearer.value < Math.min(mirrored.value, worst.value) ? nearer : null
    }
    corners = next
      ? [...others, next]
      : [best, ...corners.slice(1).map(({ at }) => look(at.map((x, j) => ((best.at[j] ?? 0) + x) / 2)))]
  }
  return corners.reduce((a, b) => (b.value < a.value ? b : a))
}
