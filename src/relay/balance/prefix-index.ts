/**
 * Who has read which prompts lately: for each holder (an upstream) the blocks that should be in its cache, as far as we
 * have sent them there. An approximation: nobody tells us what the server has thrown away, so each holder forgets what
 * was used longest ago when it holds more than its cache can, and everything after a while.
 *
 * One table of fixed size in typed arrays: a place is one block at one holder. Places hang in chains of a hash table,
 * and in one list for each holder, in order of use. A chain
 * is noted from its end to its beginning, so that the end is forgotten first: a holder of a block has all before it.
 */
import type { PromptChain } from './prompt-chain.ts'

export interface PrefixIndexOptions {
  /** Blocks of all holders together; 38 bytes each. */
  readonly blocksMax: number
}

/** What the cache of a holder is like. */
export interface CacheTraits {
  /** It has room for so many bytes of prompts. */
  readonly bytesMax: number
  /** A block that was not used for so long counts as gone. */
  readonly keepMs: number
}

const none = -1
const holdersMax = 65_535

interface Holder<K> {
  readonly id: number
  readonly key: K
  count: number
  bytes: number
  keepMs: number
  /** Places at the ends of its list, least and most lately used. */
  oldest: number
  newest: number
}

export class PrefixIndex<K extends object> {
  readonly #options: PrefixIndexOptions
  #holders = new Map<K, Holder<K>>()
  #byId: (Holder<K> | null)[] = []
  #buckets: Int32Array
  /** The next place in the same bucket; of a free place, the next free one. */
  #next: Int32Array
  #left: Int32Array
  #right: Int32Array
  #holder: Uint16Array
  #bytes: Uint32Array
  #usedMs: Float64Array
  #older: Int32Array
  #newer: Int32Array
  #free = none
  /** Places from here on have never been used. */
  #fresh = 0

  constructor(options: PrefixIndexOptions) {
    const { blocksMax } = options
    this.#options = options
    this.#buckets = new Int32Array(2 ** Math.ceil(Math.log2(Math.max(2, blocksMax)))).fill(none)
    this.#next = new Int32Array(blocksMax)
    this.#left = new Int32Array(blocksMax)
    this.#right = new Int32Array(blocksMax)
    this.#holder = new Uint16Array(blocksMax)
    this.#bytes = new Uint32Array(blocksMax)
    this.#usedMs = new Float64Array(blocksMax)
    this.#older = new Int32Array(blocksMax)
    this.#newer = new Int32Array(blocksMax)
  }

  /** Blocks held, of all holders. */
  get blockCount(): number {
    let count = 0
    for (const holder of this.#holders.values()) count += holder.count
    return count
  }

  /** Bytes of the prompt's beginning that this holder has. */
  heldBytes(key: K, chain: PromptChain, nowMs: number): number {
    const holder = this.#holders.get(key)
    if (!holder) return 0
    let has = 0
    let lacks = chain.count + 1
    while (lacks - has > 1) {
      const middle = (has + lacks) >> 1
      const place = this.#find(chain, middle - 1, holder.id)
      if (place !== none && this.#isFresh(holder, place, nowMs)) has = middle
      else lacks = middle
    }
    return has === 0 ? 0 : (chain.ends[has - 1] as number)
  }

  /** Those that hold most of the prompt's beginning, at most `max`, the latest to have got it first. */
  bestHolders(chain: PromptChain, nowMs: number, max: number): K[] {
    let has = 0
    let lacks = chain.count + 1
    while (lacks - has > 1) {
      const middle = (has + lacks) >> 1
      if (this.#holdersOf(chain, middle - 1, nowMs, 1).length > 0) has = middle
      else lacks = middle
    }
    return has === 0 ? [] : this.#holdersOf(chain, has - 1, nowMs, max)
  }

  /** A prompt is on its way to this holder, which has such a cache. */
  note(key: K, chain: PromptChain, nowMs: number, { bytesMax, keepMs }: CacheTraits): void {
    if (chain.count === 0) return
    const holder = this.#holderOf(key)
    if (!holder) return
    holder.keepMs = keepMs
    this.#expire(holder, nowMs)
    for (let i = chain.count - 1; i >= 0; i--) {
      const place = this.#find(chain, i, holder.id)
      if (place === none) this.#insert(holder, chain, i, nowMs)
      else {
        this.#unlist(holder, place)
        this.#list(holder, place, nowMs)
      }
      while (holder.bytes > bytesMax && holder.oldest !== none) this.#remove(holder, holder.oldest)
    }
  }

  /** It was restarted, or is no more: it holds nothing. */
  forget(key: K): void {
    const holder = this.#holders.get(key)
    if (!holder) return
    while (holder.oldest !== none) this.#remove(holder, holder.oldest)
    this.#holders.delete(key)
    this.#byId[holder.id] = null
  }

  #holderOf(key: K): Holder<K> | null {
    const known = this.#holders.get(key)
    if (known) return known
    const gap = this.#byId.indexOf(null)
    const id = gap === -1 ? this.#byId.length : gap
    if (id >= holdersMax) return null
    const holder: Holder<K> = { id, key, count: 0, bytes: 0, keepMs: 0, oldest: none, newest: none }
    this.#byId[id] = holder
    this.#holders.set(key, holder)
    return holder
  }

  #isFresh(holder: Holder<K>, place: number, nowMs: number): boolean {
    return nowMs - (this.#usedMs[place] as number) <= holder.keepMs
  }

  #expire(holder: Holder<K>, nowMs: number): void {
    while (holder.oldest !== none && !this.#isFresh(holder, holder.oldest, nowMs)) this.#remove(holder, holder.oldest)
  }

  #bucketOf(left: number, right: number): number {
    return (Math.imul(left ^ (right >>> 16), 0x45d9f3b) >>> 3) & (this.#buckets.length - 1)
  }

  #find(chain: PromptChain, i: number, holderId: number): number {
    const left = chain.keys[2 * i] as number
    const right = chain.keys[2 * i + 1] as number
    let place = this.#buckets[this.#bucketOf(left, right)] as number
    while (place !== none) {
      if (this.#left[place] === left && this.#right[place] === right && this.#holder[place] === holderId) return place
      place = this.#next[place] as number
    }
    return none
  }

  #holdersOf(chain: PromptChain, i: number, nowMs: number, max: number): K[] {
    const left = chain.keys[2 * i] as number
    const right = chain.keys[2 * i + 1] as number
    const found: K[] = []
    let place = this.#buckets[this.#bucketOf(left, right)] as number
    while (place !== none && found.length < max) {
      const holder = this.#byId[this.#holder[place] as number]
      const isIt = this.#left[place] === left && this.#right[place] === right
      if (isIt && holder && this.#isFresh(holder, place, nowMs)) found.push(holder.key)
      place = this.#next[place] as number
    }
    return found
  }

  #insert(holder: Holder<K>, chain: PromptChain, i: number, nowMs: number): void {
    const place = this.#takePlace(holder)
    if (place === none) return
    const left = chain.keys[2 * i] as number
    const right = chain.keys[2 * i + 1] as number
    const bucket = this.#bucketOf(left, right)
    this.#left[place] = left
    this.#right[place] = right
    this.#holder[place] = holder.id
    this.#bytes[place] = (chain.ends[i] as number) - (i === 0 ? 0 : (chain.ends[i - 1] as number))
    this.#next[place] = this.#buckets[bucket] as number
    this.#buckets[bucket] = place
    holder.count++
    holder.bytes += this.#bytes[place]
    this.#list(holder, place, nowMs)
  }

  /** A free place; when there is none, the one that whoever holds most has used longest ago. */
  #takePlace(asking: Holder<K>): number {
    if (this.#free === none && this.#fresh === this.#options.blocksMax) {
      let largest = asking
      for (const holder of this.#holders.values()) if (holder.count > largest.count) largest = holder
      if (largest.oldest === none) return none
      this.#remove(largest, largest.oldest)
    }
    if (this.#free === none) return this.#fresh++
    const place = this.#free
    this.#free = this.#next[place] as number
    return place
  }

  #remove(holder: Holder<K>, place: number): void {
    this.#unlist(holder, place)
    holder.count--
    holder.bytes -= this.#bytes[place] as number
    const bucket = this.#bucketOf(this.#left[place] as number, this.#right[place] as number)
    const after = this.#next[place] as number
    let at = this.#buckets[bucket] as number
    if (at === place) this.#buckets[bucket] = after
    else {
      while (this.#next[at] !== place) at = this.#next[at] as number
      this.#next[at] = after
    }
    this.#next[place] = this.#free
    this.#free = place
  }

  /** Puts a place at the late end of its holder's list. */
  #list(holder: Holder<K>, place: number, nowMs: number): void {
    this.#usedMs[place] = nowMs
    this.#older[place] = holder.newest
    this.#newer[place] = none
    if (holder.newest === none) holder.oldest = place
    else this.#newer[holder.newest] = place
    holder.newest = place
  }

  #unlist(holder: Holder<K>, place: number): void {
    const older = this.#older[place] as number
    const newer = this.#newer[place] as number
    if (older === none) holder.oldest = newer
    else this.#newer[older] = newer
    if (newer === none) holder.newest = older
    else this.#older[newer] = older
  }
}
