/**
 * Sums that several workers keep since their starts, as what came in since they were told last. A worker that is gone
 * takes nothing back, and one that is new begins at nothing.
 */

/** Workers at once, old ones of restarts among them. */
const workersMax = 1024

export class RunningSums {
  #told = new Map<string, Map<string, number>>()

  /** What has come to a sum of this worker since the last time. */
  since(worker: string, name: string, sum: number): number {
    let sums = this.#told.get(worker)
    if (!sums) {
      for (const oldest of this.#told.keys()) {
        if (this.#told.size < workersMax) break
        this.#told.delete(oldest)
      }
      this.#told.set(worker, (sums = new Map()))
    }
    const before = sums.get(name) ?? 0
    sums.set(name, sum)
    return Math.max(0, sum - before)
  }

  forget(worker: string): void {
    this.#told.delete(worker)
  }
}
