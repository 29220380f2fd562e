/**
 * The memory of a simulated engine: blocks of 16 tokens, shared between prompts that begin alike (a chain of block
 * hashes), kept after use as long as there is room, thrown out oldest first. No data is in them; only who holds what is
 * modelled.
 */
import { assert } from '../../src/ground/assert.ts'

export const blockTokens = 16

/**
 * Identity of a block: all tokens up to its end, by way of its predecessor's. 53 bits, so that it stays an exact
 * number.
 */
function chain(previous: number, ids: readonly number[], start: number): number {
  let low = (previous ^ 0x811c9dc5) | 0
  let high = (Math.floor(previous / 2 ** 32) ^ 0x5bd1e995) | 0
  for (let at = start; at < start + blockTokens; at++) {
    const id = ids[at] ?? 0
    low = Math.imul(low ^ id, 0x01000193)
    high = Math.imul(high ^ id ^ (low >>> 15), 0x85ebca6b)
  }
  return (high >>> 11) * 2 ** 32 + (low >>> 0)
}

/** The blocks one sequence holds. */
export interface KvLease {
  /** Tokens of the prompt that were already there; a multiple of the block size. */
  readonly hitTokens: number
  /** Makes room for one more token; false when there is none. */
  grow(id: number): boolean
  close(): void
}

export class KvRoom {
  readonly blockCount: number
  /** Holders of each known full block; 0 = kept for later, and then also in `#idle`. */
  #holders = new Map<number, number>()
  /** Blocks nobody holds, least recently used first. */
  #idle = new Set<number>()
  /** Blocks in hand that are not full yet, and so cannot be shared. */
  #openCount = 0

  constructor(blockCount: number) {
    this.blockCount = blockCount
  }

  /** Blocks held by running sequences. */
  get usedCount(): number {
    return this.#openCount + this.#holders.size - this.#idle.size
  }

  /** 0 to 1. */
  get usage(): number {
    return this.usedCount / this.blockCount
  }

  clear(): void {
    for (const block of this.#idle) this.#holders.delete(block)
    this.#idle.clear()
  }

  #hold(block: number): void {
    this.#holders.set(block, (this.#holders.get(block) ?? 0) + 1)
    this.#idle.delete(block)
  }

  #release(block: number): void {
    const holders = (this.#holders.get(block) ?? 0) - 1
    assert(holders >= 0, 'a block is released by those who hold it')
    this.#holders.set(block, holders)
    if (holders === 0) this.#idle.add(block)
  }

  /** Throws out what was used longest ago until `count` more blocks fit; false when they cannot. */
  #makeRoom(count: number): boolean {
    if (this.usedCount + count > this.blockCount) return false
    for (const block of this.#idle) {
      if (this.#holders.size + this.#openCount + count <= this.blockCount) break
      this.#idle.delete(block)
      this.#holders.delete(block)
    }
    return true
  }

  /** Takes the blocks of a whole prompt; null when there is no room for it now. */
  open(ids: readonly number[]): KvLease | null {
    const held: number[] = []
    const known: number[] = []
    let previous = 0
    // The last token is always computed, since its result is the first token of the answer.
    for (let start = 0; start + blockTokens < ids.length; start += blockTokens) {
      previous = chain(previous, ids, start)
      if (known.length * blockTokens === start && this.#holders.has(previous)) known.push(previous)
      held.push(previous)
    }
    for (const block of known) this.#hold(block)
    if (!this.#makeRoom(held.length - known.length + 1)) {
      for (const block of known) this.#release(block)
      return null
    }
    for (const block of held.slice(known.length)) this.#hold(block)
    this.#openCount++
    return this.#lease(held, ids.slice(held.length * blockTokens), known.length * blockTokens)
  }

  #lease(held: number[], openIds: number[], hitTokens: number): KvLease {
    let isOpen = true
    const grow = (id: number): boolean => {
      if (openIds.length === blockTokens) {
        if (!this.#makeRoom(1)) return false
        // The full block becomes a shared one, and the one just made room for becomes the open one.
        const block = chain(held.at(-1) ?? 0, openIds, 0)
        this.#hold(block)
        held.push(block)
        openIds.length = 0
      }
      openIds.push(id)
      return true
    }
    const close = (): void => {
      if (!isOpen) return
      isOpen = false
      this.#openCount--
      // Last blocks first: the beginning of a prompt is worth more to others than its end.
      for (const block of held.toReversed()) this.#release(block)
    }
    return { hitTokens, grow, close }
  }
}
