/**
 * Things that come and go all the time, with a place each. A Set or Map that is churned leaves dead tables in V8's old
 * space, and each keeps alive what it last pointed at until the next full collection: whole calls with all that hangs
 * on them. Together with `cli/engine.ts` this took young collections under load from 10 ms to 1 ms.
 */

/** What can be in one crowd at a time. */
export interface Member {
  /** Its place in the crowd; the crowd's own business. */
  place: number
}

export class Crowd<T extends Member> implements Iterable<T> {
  #members: T[] = []

  get size(): number {
    return this.#members.length
  }

  /** The one that is in it where there is only one: for loops that run so often that the snapshot would tell. */
  get sole(): T | null {
    return this.#members.length === 1 ? (this.#members[0] as T) : null
  }

  add(member: T): void {
    member.place = this.#members.length
    this.#members.push(member)
  }

  /** Takes out a member that is in; the last one takes its place, so the order changes. */
  remove(member: T): void {
    const last = this.#members.pop()
    if (last === undefined || last === member) return
    this.#members[member.place] = last
    last.place = member.place
  }

  /** A snapshot, so that members may leave meanwhile. */
  [Symbol.iterator](): Iterator<T> {
    return [...this.#members].values()
  }
}
