/** Gathers the body of an answer on its way to a reader, to keep it; within a purse that all who gather share. */

export class FillingPurse {
  #bytesMax: number
  #bytes = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  take(bytes: number): boolean {
    if (this.#bytes + bytes > this.#bytesMax) return false
    this.#bytes += bytes
    return true
  }

  give(bytes: number): void {
    this.#bytes -= bytes
  }
}

export class Filling implements Disposable {
  #purse: FillingPurse
  #bytesMax: number
  #pieces: Buffer[] | null = []
  #bytes = 0

  constructor(purse: FillingPurse, bytesMax: number) {
    this.#purse = purse
    this.#bytesMax = bytesMax
  }

  /** False once it has become too much. */
  get isOn(): boolean {
    return this.#pieces !== null
  }

  add(piece: Buffer): void {
    if (this.#pieces === null) return
    if (this.#bytes + piece.length > this.#bytesMax || !this.#purse.take(piece.length)) return this[Symbol.dispose]()
    this.#bytes += piece.length
    this.#pieces.push(piece)
  }

  /** All of it; null where it was too much. */
  whole(): Buffer | null {
    if (this.#pieces === null) return null
    const [only] = this.#pieces
    return this.#pieces.length === 1 && only ? only : Buffer.concat(this.#pieces, this.#bytes)
  }

  [Symbol.dispose](): void {
    this.#purse.give(this.#bytes)
    this.#bytes = 0
    this.#pieces = null
  }
}
