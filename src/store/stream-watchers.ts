/** Who waits for a change of which stream, on this node. */

export class StreamWatchers {
  #listeners = new Map<string, Set<() => void>>()

  /** Keys that somebody watches. */
  get keys(): Iterable<string> {
    return this.#listeners.keys()
  }

  get isEmpty(): boolean {
    return this.#listeners.size === 0
  }

  has(key: string): boolean {
    return this.#listeners.has(key)
  }

  add(key: string, listener: () => void): Disposable {
    const listeners = this.#listeners.get(key) ?? new Set()
    this.#listeners.set(key, listeners)
    listeners.add(listener)
    return {
      [Symbol.dispose]: () => {
        listeners.delete(listener)
        if (listeners.size === 0 && this.#listeners.get(key) === listeners) this.#listeners.delete(key)
      },
    }
  }

  wake(key: string): void {
    for (const listener of [...(this.#listeners.get(key) ?? [])]) listener()
  }
}
