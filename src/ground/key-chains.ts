/**
 * Which owners have a key, newest first, in flat arrays of numbers: a Map of some hundred thousand keys is that many
 * strings, entries and sets for the collector to walk through, and its tables are made anew again and again.
 *
 * Keys are known by 64 bits of hash alone (two 32-bit hashes in the manner of MurmurHash2); who asks tells whether an
 * owner that was found has the key indeed.
 */
const none = -1

export class KeyChains {
  /** By hash, its first node; as many as there is room for nodes. */
  #heads = filled(64)
  #hashes = filled(64)
  #secondHashes = filled(64)
  #owners = filled(64)
  #next = filled(64)
  #previous = filled(64)
  /** The next node of the same owner, or of those that are free. */
  #siblings = filled(64)
  #firstOfOwner = filled(64)
  #freeNode = none
  #usedCount = 0
  #hash = 0
  #secondHash = 0

  /** `kind` keeps equal texts of different meaning apart; `owner` is a small number. */
  add(kind: number, key: string, owner: number): void {
    this.#look(kind, key)
    this.#link(owner)
  }

  /** As `add`, and no other owner has the key any more. */
  take(kind: number, key: string, owner: number): void {
    this.#look(kind, key)
    const former = this.#firstNode() // there is at most one, since each came this way
    if (former !== none) {
      this.#leaveOwner(former)
      this.#free(former)
    }
    this.#link(owner)
  }

  /** The newest owners of the key that `isIt` says yes to, at most `countMax` of them. */
  newest(kind: number, key: string, countMax: number, isIt: (owner: number) => boolean): number[] {
    this.#look(kind, key)
    const found: number[] = []
    for (let node = this.#firstNode(); node !== none && found.length < countMax; node = this.#nextNode(node)) {
      const owner = this.#owners[node] as number
      if (isIt(owner)) found.push(owner)
    }
    return found
  }

  /** Takes all keys from the owner. */
  remove(owner: number): void {
    let node = this.#firstOfOwner[owner] ?? none
    if (node === none) return
    this.#firstOfOwner[owner] = none
    while (node !== none) {
      const sibling = this.#siblings[node] as number
      this.#free(node)
      node = sibling
    }
  }

  #look(kind: number, key: string): void {
    let a = kind ^ key.length
    let b = Math.imul(kind + 1, 0x9e3779b1)
    for (let i = 0; i < key.length; i++) {
      const code = key.charCodeAt(i)
      a = Math.imul(a ^ code, 0x5bd1e995)
      a ^= a >>> 15
      b = Math.imul(b ^ code, 0x01000193)
      b ^= b >>> 13
    }
    this.#hash = a
    this.#secondHash = b
  }

  #firstNode(): number {
    return this.#equalNode(this.#heads[this.#hash & (this.#heads.length - 1)] as number)
  }

  #nextNode(node: number): number {
    return this.#equalNode(this.#next[node] as number)
  }

  /** The first from `node` on that has the key that was looked for last. */
  #equalNode(node: number): number {
    let at = node
    while (at !== none && (this.#hashes[at] !== this.#hash || this.#secondHashes[at] !== this.#secondHash)) {
      at = this.#next[at] as number
    }
    return at
  }

  #link(owner: number): void {
    const node = this.#newNode()
    while (owner >= this.#firstOfOwner.length) this.#firstOfOwner = grown(this.#firstOfOwner)
    this.#hashes[node] = this.#hash
    this.#secondHashes[node] = this.#secondHash
    this.#owners[node] = owner
    this.#siblings[node] = this.#firstOfOwner[owner] as number
    this.#firstOfOwner[owner] = node
    this.#putFirst(node)
  }

  #putFirst(node: number): void {
    const at = (this.#hashes[node] as number) & (this.#heads.length - 1)
    const second = this.#heads[at] as number
    this.#next[node] = second
    this.#previous[node] = none
    if (second !== none) this.#previous[second] = node
    this.#heads[at] = node
  }

  #free(node: number): void {
    const before = this.#previous[node] as number
    const after = this.#next[node] as number
    if (before === none) this.#heads[(this.#hashes[node] as number) & (this.#heads.length - 1)] = after
    else this.#next[before] = after
    if (after !== none) this.#previous[after] = before
    this.#siblings[node] = this.#freeNode
    this.#freeNode = node
  }

  #leaveOwner(node: number): void {
    const owner = this.#owners[node] as number
    const sibling = this.#siblings[node] as number
    let at = this.#firstOfOwner[owner] as number
    if (at === node) {
      this.#firstOfOwner[owner] = sibling
      return
    }
    while (this.#siblings[at] !== node) at = this.#siblings[at] as number
    this.#siblings[at] = sibling
  }

  #newNode(): number {
    const node = this.#freeNode
    if (node !== none) {
      this.#freeNode = this.#siblings[node] as number
      return node
    }
    if (this.#usedCount === this.#owners.length) this.#grow()
    return this.#usedCount++
  }

  /** Twice the room; only when no node is free, so all of them are in a chain. */
  #grow(): void {
    const oldHeads = this.#heads
    const oldNext = this.#next.slice()
    this.#heads = filled(oldHeads.length * 2)
    this.#hashes = grown(this.#hashes)
    this.#secondHashes = grown(this.#secondHashes)
    this.#owners = grown(this.#owners)
    this.#next = grown(this.#next)
    this.#previous = grown(this.#previous)
    this.#siblings = grown(this.#siblings)
    const chain: number[] = []
    for (const head of oldHeads) {
      chain.length = 0
      for (let node = head; node !== none; node = oldNext[node] as number) chain.push(node)
      for (let i = chain.length - 1; i >= 0; i--) this.#putFirst(chain[i] as number)
    }
  }
}

const filled = (length: number): Int32Array<ArrayBuffer> => new Int32Array(length).fill(none)

function grown(old: Int32Array): Int32Array<ArrayBuffer> {
  const larger = filled(old.length * 2)
  larger.set(old)
  return larger
}
