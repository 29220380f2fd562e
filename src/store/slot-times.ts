/** First-token times, gathered in slots of five minutes until their quantiles are taken. Bounded. */

export const slotMs = 5 * 60_000
/** More of one slot say nothing that these do not. */
const timesMax = 2000
const slotsMax = 24

export interface SlotQuantiles {
  readonly slot: number
  readonly medianMs: number
  readonly p95Ms: number
  readonly count: number
}

export class SlotTimes {
  #slots = new Map<number, number[]>()

  add(atMs: number, timesMs: readonly number[]): void {
    const slot = Math.floor(atMs / slotMs)
    const times = this.#slots.get(slot) ?? []
    if (!this.#slots.has(slot)) {
      if (this.#slots.size >= slotsMax) return
      this.#slots.set(slot, times)
    }
    for (const ms of timesMs) if (times.length < timesMax && Number.isFinite(ms) && ms >= 0) times.push(ms)
  }

  /** Those before this moment. */
  before(ms: number): SlotQuantiles[] {
    return [...this.#slots]
      .filter(([slot, times]) => slot < Math.floor(ms / slotMs) && times.length > 0)
      .map(([slot, times]) => {
        const sorted = times.toSorted((a, b) => a - b)
        return { slot, medianMs: at(sorted, 0.5), p95Ms: at(sorted, 0.95), count: sorted.length }
      })
  }

  forget(beforeMs: number): void {
    for (const slot of this.#slots.keys()) if (slot < Math.floor(beforeMs / slotMs)) this.#slots.delete(slot)
  }
}

/** Nearest rank. */
function at(sorted: readonly number[], share: number): number {
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0
}
