/** Follows the frames of a WebSocket (RFC 6455, section 5.2) as they pass, so that one can be put between two. */

export class FrameWatch {
  /** Bytes of the head that have come, and how many it has. */
  #head: number[] = []
  #headBytes = 2
  /** Of the frame under way, still to come. */
  #leftBytes = 0

  /** All frames that have begun have ended. */
  get isBetween(): boolean {
    return this.#leftBytes === 0 && this.#head.length === 0
  }

  push(bytes: Buffer): void {
    let at = 0
    while (at < bytes.length) {
      if (this.#leftBytes > 0) {
        const passed = Math.min(this.#leftBytes, bytes.length - at)
        this.#leftBytes -= passed
        at += passed
        continue
      }
      this.#head.push(bytes[at++] as number)
      if (this.#head.length === 2) this.#headBytes = headBytes(this.#head[1] as number)
      if (this.#head.length < this.#headBytes) continue
      this.#leftBytes = payloadBytes(this.#head)
      this.#head = []
      this.#headBytes = 2
    }
  }
}

/** Of the whole head, told by its second byte: the length may follow in 2 or 8 bytes, and a mask in 4. */
function headBytes(second: number): number {
  const length = second & 0x7f
  return 2 + (length === 126 ? 2 : length === 127 ? 8 : 0) + (second & 0x80 ? 4 : 0)
}

function payloadBytes(head: readonly number[]): number {
  const length = (head[1] as number) & 0x7f
  if (length < 126) return length
  const more = head.slice(2, length === 126 ? 4 : 10)
  return more.reduce((sum, each) => sum * 256 + each, 0)
}
