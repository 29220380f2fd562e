/** How often one visitor may ask: so many times in any hour, counted for the last visitors only. */

const spanMs = 3_600_000
/** Visitors that are remembered; the longest silent goes first. */
const sourcesMax = 10_000

export class FloodGate {
  readonly #perSourceMax: number
  #asked = new Map<string, number[]>()

  constructor(perSourceMax: number) {
    this.#perSourceMax = perSourceMax
  }

  /** Zero to let it in, or after how many milliseconds to come again. */
  waitMs(address: string, nowMs: number): number {
    const source = sourceOf(address)
    // Of a clock that was set back nothing is left to wait for.
    const before = (this.#asked.get(source) ?? []).filter((atMs) => atMs > nowMs - spanMs && atMs <= nowMs)
    this.#asked.delete(source)
    const isFull = before.length >= this.#perSourceMax
    this.#asked.set(source, isFull ? before : [...before, nowMs])
    for (const oldest of this.#asked.keys()) {
      if (this.#asked.size <= sourcesMax) break
      this.#asked.delete(oldest)
    }
    return isFull ? (before[0] ?? nowMs) + spanMs - nowMs : 0
  }
}

/** Whoever has an address of IPv6 has the 2^64 beside it. */
function sourceOf(address: string): string {
  const v4 = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1]
  if (v4 !== undefined || !address.includes(':')) return v4 ?? address
  const [head = '', tail] = address.split('%')[0]?.split('::') ?? []
  const left = head.split(':').filter((part) => part !== '')
  const right = (tail ?? '').split(':').filter((part) => part !== '')
  const groups = [...left, ...Array.from({ length: Math.max(0, 8 - left.length - right.length) }, () => '0'), ...right]
  return groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16))
    .join(':')
}
