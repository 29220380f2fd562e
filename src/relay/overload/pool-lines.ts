/**
 * The lines of all pools. Pools may share servers: a place there goes to the highest tier that waits for it in any of
 * their lines, and among equal ones each pool has its turn.
 */
import type { Pool } from '../../fleet/pool.ts'
import type { Line, Neighbour, OtherLines } from './line.ts'

export class PoolLines {
  #open: (others: OtherLines) => Line
  #lines = new Map<Pool, Line>()
  /** Counts up so that each time another pool of equals is first. */
  #turn = 0
  #neighbours = new Map<Line, readonly Neighbour[]>()

  constructor(open: (others: OtherLines) => Line) {
    this.#open = open
  }

  [Symbol.iterator](): IterableIterator<[Pool, Line]> {
    return this.#lines.entries()
  }

  find(pool: Pool): Line | undefined {
    return this.#lines.get(pool)
  }

  of(pool: Pool): Line {
    let line = this.#lines.get(pool)
    if (!line) {
      this.#lines.set(pool, (line = this.#open(this.#othersOf(pool))))
      this.#neighbours.clear()
    }
    return line
  }

  /** Other pools may share servers now. */
  membersChanged(): void {
    this.#neighbours.clear()
  }

  get isAnyWaiting(): boolean {
    for (const line of this.#lines.values()) if (line.waitingCount > 0) return true
    return false
  }

  /** Those in which somebody waits, another one first each time. */
  inTurn(): Line[] {
    const waiting = [...this.#lines.values()].filter(({ waitingCount }) => waitingCount > 0)
    if (waiting.length < 2) return waiting
    const first = this.#turn++ % waiting.length
    return [...waiting.slice(first), ...waiting.slice(0, first)]
  }

  #othersOf(pool: Pool): OtherLines {
    const isAnyWaiting = (): boolean => this.isAnyWaiting
    return {
      get isAnyWaiting() {
        return isAnyWaiting()
      },
      inTurn: () => this.inTurn(),
      neighbours: () => this.#neighboursOf(pool),
    }
  }

  /** Lines before servers that this pool uses as well, its own one among them. */
  #neighboursOf(pool: Pool): readonly Neighbour[] {
    const line = this.of(pool)
    let found = this.#neighbours.get(line)
    if (!found) {
      found = [...this.#lines].flatMap(([other, itsLine]) => {
        const share = sharedPart(pool, other)
        return share > 0 ? [{ line: itsLine, share }] : []
      })
      this.#neighbours.set(line, found)
    }
    return found
  }
}

function sharedPart(own: Pool, other: Pool): number {
  if (own === other) return 1
  const theirs = new Set(other.members.map(({ upstream }) => upstream))
  return own.members.filter(({ upstream }) => theirs.has(upstream)).length / Math.max(1, own.members.length)
}
