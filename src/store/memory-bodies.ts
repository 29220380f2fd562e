/** Bodies in the memory of this process, by the number of their entry: those used last, within a limit. */

export class MemoryBodies {
  #bytesMax: number
  #bytes = 0
  /** The one used last is at the end. */
  #bodies = new Map<number, Buffer>()
  /** Not yet on the disk: they stay, whatever the limit says. */
  #pinned = new Set<number>()

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  get bytes(): number {
    return this.#bytes
  }

  get(id: number): Buffer | null {
    const body = this.#bodies.get(id)
    if (body === undefined) return null
    this.#bodies.delete(id)
    this.#bodies.set(id, body)
    return body
  }

  put(id: number, body: Buffer, isPinned = false): void {
    this.drop(id)
    if (isPinned) this.#pinned.add(id)
    // One that would drive out a quarter of the others is read anew when it is needed.
    else if (body.length > this.#bytesMax / 4) return
    this.#bodies.set(id, body)
    this.#bytes += body.length
    this.#makeRoom()
  }

  unpin(id: number): void {
    if (!this.#pinned.delete(id)) return
    const body = this.#bodies.get(id)
    if (body && body.length > this.#bytesMax / 4) this.drop(id)
    this.#makeRoom()
  }

  drop(id: number): void {
    const body = this.#bodies.get(id)
    this.#pinned.delete(id)
    if (body === undefined) return
    this.#bodies.delete(id)
    this.#bytes -= body.length
  }

  #makeRoom(): void {
    for (const [id] of this.#bodies) {
      if (this.#bytes <= this.#bytesMax) return
      if (!this.#pinned.has(id)) this.drop(id)
    }
  }
}
