/** Gives the places that are free to those who wait, in one line or in several: pure, but for what it asks of lines. */

/** A line, to whoever serves it. */
export interface ServedLine {
  /**
   * The tier that is to be served next, and how urgent that is (the smaller, the sooner); null when nobody waits but in
   * tiers that are spent.
   */
  next(spent: ReadonlySet<number>): { readonly rank: number; readonly urgency: number } | null
  /** Gives a place to the next one of the tier. False when none can have one. */
  serveOne(rank: number, full: Set<string>): boolean
}

/** Of lines that are equally urgent the first one is served. */
export function serveLines(lines: readonly ServedLine[]): void {
  const rounds = lines.map((line) => ({ line, spent: new Set<number>(), full: new Set<string>() }))
  for (;;) {
    let best: (typeof rounds)[number] | null = null
    let bestNext: ReturnType<ServedLine['next']> = null
    for (const round of rounds) {
      const next = round.line.next(round.spent)
      if (!next || (bestNext !== null && next.urgency >= bestNext.urgency)) continue
      best = round
      bestNext = next
    }
    if (!best || !bestNext) return
    if (!best.line.serveOne(bestNext.rank, best.full)) best.spent.add(bestNext.rank)
  }
}
