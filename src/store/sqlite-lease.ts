/**
 * The lease of a process over all the answers that it writes, in the shared file: it shows signs of life ("beats"), and
 * looks at those of the others. A node is silent when its beat has not changed for `leaseMs` by the looker's own
 * monotonic clock, so that a wall clock that jumps orphans nobody. Only when a node is seen for the first time must the
 * time of its beat do.
 */
import type { Clock } from '../ground/clock.ts'
import type { SqliteFile } from './sqlite-file.ts'

/** It looks and beats four times a lease, and a commit that comes along in the second half of that beats as well. */
export const beatsPerLease = 4

interface NodeRow {
  readonly id: number
  readonly name: string
  readonly beat: number
  readonly beat_ms: number
}

interface Sight {
  readonly beat: number
  /** Monotonic time since which it is known to be so. */
  readonly sinceMs: number
}

export class SqliteLease {
  readonly name: string
  #file: SqliteFile
  #clock: Clock
  #leaseMs: number
  /** Number of this node in the file; null until it has beaten, and when that is not certain any more. */
  #id: number | null = null
  #beatMs = Number.NEGATIVE_INFINITY
  #sights = new Map<number, Sight>()
  #lookedMs = Number.NEGATIVE_INFINITY
  #otherCount = 0

  constructor(file: SqliteFile, clock: Clock, name: string, leaseMs: number) {
    this.#file = file
    this.#clock = clock
    this.name = name
    this.#leaseMs = leaseMs
  }

  /** This node's number: what it holds is marked with it. -1 as long as it holds nothing. */
  get id(): number {
    return this.#id ?? -1
  }

  get isBeatDue(): boolean {
    return this.#id === null || this.#clock.monotonicMs() - this.#beatMs >= this.#leaseMs / beatsPerLease / 2
  }

  /** A sign of life; within a write transaction. A node that was buried alive rises with a new number. */
  beat(): void {
    const row = this.#file
      .sql(
        `INSERT INTO node (name, beat, beat_ms) VALUES (?, 1, ?)
        ON CONFLICT (name) DO UPDATE SET beat = beat + 1, beat_ms = excluded.beat_ms RETURNING id`,
      )
      .get(this.name, this.#clock.nowMs())
    this.#id = Number(row?.['id'])
    this.#beatMs = this.#clock.monotonicMs()
  }

  /** False when it was buried since its last beat. */
  get isListed(): boolean {
    return this.#file.sql('SELECT 1 FROM node WHERE id = ?').get(this.id) !== undefined
  }

  /** The transaction of the last beat came to nothing. */
  unbeat(): void {
    this.#id = null
    this.#beatMs = Number.NEGATIVE_INFINITY
  }

  /** Other nodes that hold answers, as of the last look. */
  get otherCount(): number {
    return this.#otherCount
  }

  /** Looks at the beats of all nodes. */
  look(): void {
    const nowMs = this.#clock.monotonicMs()
    const wallMs = this.#clock.nowMs()
    const seen = new Map<number, Sight>()
    for (const { id, beat, beat_ms } of this.#file
      .sql('SELECT id, beat, beat_ms FROM node')
      .all() as unknown as NodeRow[]) {
      const known = this.#sights.get(id)
      const ageMs = known ? 0 : Math.max(0, wallMs - beat_ms)
      seen.set(id, known?.beat === beat ? known : { beat, sinceMs: nowMs - ageMs })
    }
    this.#sights = seen
    this.#lookedMs = nowMs
    this.#otherCount = 0
    for (const [id, { sinceMs }] of seen) if (id !== this.#id && nowMs - sinceMs <= this.#leaseMs) this.#otherCount++
  }

  /** Whether the holder of this number, or nobody (null), has stopped writing. This node itself never has. */
  isSilent(owner: number | null): boolean {
    if (owner === null) return true
    if (owner === this.#id) return false
    if (this.#clock.monotonicMs() - this.#lookedMs >= this.#leaseMs / beatsPerLease / 2) this.look()
    const sight = this.#sights.get(owner) ?? this.#lookAgain(owner)
    return !sight || this.#clock.monotonicMs() - sight.sinceMs > this.#leaseMs
  }

  /** Numbers of all silent nodes, as JSON for a query. */
  silentIds(): string {
    this.look()
    return JSON.stringify([...this.#sights.keys()].filter((id) => this.isSilent(id)))
  }

  /** Within a write transaction: what the node `name` holds is orphaned, and it is forgotten. */
  bury(name: string): void {
    const row = this.#file.sql('DELETE FROM node WHERE name = ? RETURNING id').get(name)
    if (!row) return
    this.#file
      .sql('UPDATE head SET owner = NULL, left_ms = ? WHERE owner = ?')
      .run(this.#clock.nowMs(), row['id'] as number)
  }

  /** Within a write transaction: forgets silent nodes that hold nothing. */
  forgetNodes(): void {
    this.#file
      .sql(
        `DELETE FROM node WHERE id IN (SELECT value FROM json_each(?))
        AND id NOT IN (SELECT owner FROM head WHERE owner IS NOT NULL)`,
      )
      .run(this.silentIds())
  }

  #lookAgain(owner: number): Sight | undefined {
    this.look()
    return this.#sights.get(owner)
  }
}
