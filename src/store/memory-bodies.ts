/**
 * Bodies in the memory of this process, by the number of their entry, within a limit. CLOCK: what was used since it was
 * looked at last gets another turn. (Moving what is used to the end of the map each time is slow: a key that is put
 * in and out again and again leaves a trail in its bucket that each look-up walks, measured at 15 µs.)
 */

interface Held {
  readonly body: Buffer
  isUsed: boolean
}

export class MemoryBodies {
  #bytesMax: number
  #bytes = 0
  /** In the order of their turns. */
  #bodies = new Map<number, Held>()
  /** Not yet on the disk: they stay, whatever the limit says. */
  #pinned = new Set<number>()

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  get(id: number): Buffer | null {
    const held = this.#bodies.get(id)
    if (held === undefined) return null
    held.isUsed = true
    return held.body
  }

  put(id: number, body: Buffer, isPinned = false): void {
    this.drop(id)
    if (isPinned) this.#pinned.add(id)
    // One that would drive out a quarter of the others is read anew when it is needed.
    else if (body.length > this.#bytesMax / 4) return
    this.#bodies.set(id, { body, isUsed: false })
    this.#bytes += body.length
    this.#makeRoom()
  }

  unpin(id: number): void {
    if (!this.#pinned.delete(id)) return
    if ((this.#bodies.get(id)?.body.length ?? 0) > this.#bytesMax / 4) this.drop(id)
    this.#makeRoom()
  }

  drop(id: number): void {
    const held = this.#bodies.get(id)
    this.#pinned.delete(id)
    if (held === undefined) return
    this.#bodies.delete(id)
    this.#bytes -= held.body.length
  }

  /** Each is looked at twice at most: with its mark, and without. */
  #makeRoom(): void {
    let looksLeft = 2 * this.#bodies.size
    for (const [id, held] of this.#bodies) {
      if (this.#bytes <= this.#bytesMax || looksLeft-- === 0) return
      if (held.isUsed || this.#pinned.has(id)) {
        held.isUsed = false
        this.#bodies.delete(id)
        this.#bodies.set(id, held)
      } else this.drop(id)
    }
  }
}
