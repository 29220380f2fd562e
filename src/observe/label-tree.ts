/**
 * What is counted, by the values of its labels. The metrics' library looks at labels anew each time, which is a
 * twentieth of the CPU time of a call; here each value leads on to the next. However many values there are, there are
 * no more than `leavesMax` leaves: what comes beyond is counted together, under `other`.
 */

/** Enough for some hundred models on some dozen upstreams; a scrape of so many still takes milliseconds. */
const leavesMaxUsual = 5000
const other = 'other'

/** What is known behind one value of a label. */
class Branch<T> {
  readonly next = new Map<string, Branch<T>>()
  leaf: T | null = null
}

export class LabelTree<T> {
  readonly leaves: T[] = []
  #names: readonly string[]
  #make: (labels: Record<string, string>) => T
  #leavesMax: number
  #root = new Branch<T>()

  /** `names`: at most four. */
  constructor(
    names: readonly string[],
    make: (labels: Record<string, string>) => T,
    leavesMax: number = leavesMaxUsual,
  ) {
    this.#names = names
    this.#make = make
    this.#leavesMax = leavesMax
  }

  /** The values stand in the order of the names. */
  at(a = '', b = '', c = '', d = ''): T {
    const count = this.#names.length
    let branch: Branch<T> | undefined = this.#root
    if (count > 0) branch = branch.next.get(a)
    if (count > 1) branch = branch?.next.get(b)
    if (count > 2) branch = branch?.next.get(c)
    if (count > 3) branch = branch?.next.get(d)
    return branch?.leaf ?? this.#grow([a, b, c, d])
  }

  #grow(given: readonly string[]): T {
    const isFull = this.leaves.length >= this.#leavesMax
    const values = this.#names.map((_, i) => (isFull ? other : (given[i] ?? '')))
    let branch = this.#root
    for (const value of values) {
      let next = branch.next.get(value)
      if (!next) branch.next.set(value, (next = new Branch()))
      branch = next
    }
    if (!branch.leaf) {
      branch.leaf = this.#make(Object.fromEntries(this.#names.map((name, i) => [name, values[i] ?? ''])))
      this.leaves.push(branch.leaf)
    }
    return branch.leaf
  }
}
