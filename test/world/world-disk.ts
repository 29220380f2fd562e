/**
 * The disk that all simulated gateways share: what is here is kept, whoever dies. It takes the writes of a journal one
 * by one, each as a whole or not at all, and refuses those of a writer whose lease has gone to another.
 */
import type { Ray } from '../../src/fault/ray.ts'
import type { Clock } from '../../src/ground/clock.ts'
import type { AnswerInfo, Outcome } from '../../src/store/journal.ts'
import type { JournalOptions } from '../../src/store/journal-options.ts'

/** What an answer costs beyond its bytes. */
export const rowOverheadBytes = 1024
/** Further names of one answer, and their length. */
const namesMax = 16
const nameLengthMax = 1024

export interface KeptEvent {
  readonly event: Buffer
  readonly keptMs: number
  readonly epoch: number
}

/** One answer. */
export interface Row {
  readonly info: AnswerInfo
  request: Buffer | null
  readonly events: KeptEvent[]
  /** By number; emptied at the end. */
  readonly asides: Map<number, Buffer>
  /** The node that holds the lease; null when it was given back, or the answer has ended. */
  owner: string | null
  epoch: number
  outcome: Outcome | null
  isCancelled: boolean
  readonly beganMs: number
  sealedMs: number
  readMs: number
  releasedMs: number
  aliasCount: number
  bytes: number
}

/** What a journal asks the disk to write. `epoch` and `seq` are what it believes. */
export type Write =
  | {
      readonly do: 'begin'
      readonly info: AnswerInfo
      readonly request: Buffer | null
      readonly node: string
      readonly soleName: string | null
      /** On the monotonic clock. */
      readonly sinceMs: number
    }
  | (Claim & { readonly do: 'append'; readonly seq: number; readonly event: Buffer; readonly aside: Buffer | null })
  | (Claim & { readonly do: 'alias'; readonly id: string })
  | (Claim & { readonly do: 'seal'; readonly outcome: Outcome })
  | (Claim & { readonly do: 'release' | 'cancel' })

interface Claim {
  readonly ray: Ray
  readonly node: string
  readonly epoch: number
}

/** What happened on the disk, for the checkers. */
export type DiskFact =
  | { readonly what: 'begun' | 'released' | 'removed' | 'cancelled'; readonly row: Row; readonly by: string }
  | { readonly what: 'kept'; readonly row: Row; readonly by: string; readonly seq: number; readonly epoch: number }
  | { readonly what: 'sealed'; readonly row: Row; readonly by: string; readonly outcome: Outcome }
  | { readonly what: 'adopted'; readonly row: Row; readonly by: string; readonly from: string | null }

export class WorldDisk {
  readonly clock: Pick<Clock, 'monotonicMs'>
  readonly rows = new Map<string, Row>()
  readonly aliases = new Map<string, string>()
  /** While true, nothing can be written. */
  isFull = false
  /** False only where a test wants to see that stale writers are noticed. */
  isFenced = true
  bytes = 0
  /** Told of everything that changes. */
  onFact: (fact: DiskFact) => void = () => {}
  #options: JournalOptions
  /** When each node last showed a sign of life. */
  #signs = new Map<string, number>()
  /** Nodes that are known to be dead. */
  #buried = new Set<string>()

  constructor(clock: Pick<Clock, 'monotonicMs'>, options: JournalOptions) {
    this.clock = clock
    this.#options = options
  }

  /** By ray or alias. */
  find(id: string): Row | null {
    this.#forgetOld()
    return this.rows.get(id) ?? this.rows.get(this.aliases.get(id) ?? '') ?? null
  }

  newestFirst(): Row[] {
    this.#forgetOld()
    return [...this.rows.values()].toReversed()
  }

  sign(node: string): void {
    this.#signs.set(node, this.clock.monotonicMs())
    this.#buried.delete(node)
  }

  bury(node: string): void {
    this.#buried.add(node)
  }

  isOrphan({ outcome, owner }: Row): boolean {
    if (outcome !== null) return false
    if (owner === null || this.#buried.has(owner)) return true
    return this.clock.monotonicMs() - (this.#signs.get(owner) ?? 0) > this.#options.leaseMs
  }

  adopt(row: Row, by: string): void {
    const from = row.owner
    row.owner = by
    row.epoch++
    this.onFact({ what: 'adopted', row, by, from })
  }

  cancel(row: Row, by: string): void {
    if (row.isCancelled) return
    row.isCancelled = true
    this.onFact({ what: 'cancelled', row, by })
  }

  remove(row: Row, by: string): void {
    this.#forget(row)
    this.onFact({ what: 'removed', row, by })
  }

  /** One write. False when it is refused, since somebody else writes this answer now or it is gone. */
  write(write: Write): boolean {
    if (write.do === 'begin') return this.#begin(write)
    const row = this.rows.get(write.ray)
    if (!row || row.outcome !== null) return false
    if (this.isFenced && (row.owner !== write.node || row.epoch !== write.epoch)) return false
    const by = write.node
    if (write.do === 'append') return this.#append(row, write)
    if (write.do === 'alias') this.#alias(row, write.id)
    else if (write.do === 'seal') this.#seal(row, by, write.outcome)
    else if (write.do === 'cancel') this.cancel(row, by)
    else {
      row.owner = null
      row.releasedMs = this.clock.monotonicMs()
      this.onFact({ what: 'released', row, by })
    }
    return true
  }

  /** True when `bytes` more fit beside `claimedBytes`, after letting go of ended answers as far as needed. */
  makeRoom(bytes: number, claimedBytes: number): boolean {
    const isTooMuch = (): boolean => this.bytes + claimedBytes + bytes > this.#options.totalBytesMax
    if (!isTooMuch()) return true
    const ended = [...this.rows.values()].filter(({ outcome }) => outcome !== null)
    for (const row of ended.sort((a, b) => a.sealedMs - b.sealedMs)) {
      this.#forget(row)
      if (!isTooMuch()) return true
    }
    return false
  }

  #begin({ info, request, node: owner, soleName, sinceMs }: Write & { do: 'begin' }): boolean {
    if (this.rows.has(info.ray)) return false
    const bearer = soleName === null ? null : this.find(soleName)
    const isRecent = bearer?.outcome === 'complete' && bearer.sealedMs >= sinceMs
    if (bearer && (bearer.outcome === null || isRecent)) return false
    const nowMs = this.clock.monotonicMs()
    const bytes = rowOverheadBytes + (request?.length ?? 0)
    const row: Row = {
      info,
      request,
      events: [],
      asides: new Map(),
      owner,
      epoch: 1,
      outcome: null,
      isCancelled: false,
      beganMs: nowMs,
      sealedMs: 0,
      readMs: Number.NEGATIVE_INFINITY,
      releasedMs: 0,
      aliasCount: 0,
      bytes,
    }
    this.rows.set(info.ray, row)
    if (soleName !== null) this.#alias(row, soleName)
    this.bytes += bytes
    this.onFact({ what: 'begun', row, by: owner })
    return true
  }

  #append(row: Row, { node, epoch, seq, event, aside }: Write & { do: 'append' }): boolean {
    if (this.isFenced && seq !== row.events.length) return false
    row.events.push({ event, keptMs: this.clock.monotonicMs(), epoch })
    if (aside) row.asides.set(seq, aside)
    this.#charge(row, event.length + (aside?.length ?? 0))
    this.onFact({ what: 'kept', row, by: node, seq, epoch })
    return true
  }

  #alias(row: Row, id: string): void {
    if (id.length > nameLengthMax || row.aliasCount >= namesMax) return
    row.aliasCount++
    this.aliases.set(id, row.info.ray)
  }

  #seal(row: Row, by: string, outcome: Outcome): void {
    const asideBytes = [...row.asides.values()].reduce((sum, { length }) => sum + length, 0)
    this.#charge(row, -(row.request?.length ?? 0) - asideBytes)
    row.request = null
    row.asides.clear()
    row.outcome = outcome
    row.owner = null
    row.sealedMs = this.clock.monotonicMs()
    this.onFact({ what: 'sealed', row, by, outcome })
    if (this.#options.keepMs === 0 && !row.info.isStored) this.#forget(row)
  }

  #charge(row: Row, bytes: number): void {
    row.bytes += bytes
    this.bytes += bytes
  }

  #forget(row: Row): void {
    this.bytes -= row.bytes
    this.rows.delete(row.info.ray)
    for (const [id, ray] of this.aliases) if (ray === row.info.ray) this.aliases.delete(id)
  }

  /** The three clocks: since it began, since it ended, since it was last read. */
  #forgetOld(): void {
    const { keepMs, keepReadMs, keepMaxMs } = this.#options
    const nowMs = this.clock.monotonicMs()
    for (const row of this.rows.values()) {
      if (row.outcome === null) this.#failUnwanted(row, nowMs)
      if (row.outcome === null) continue
      const isTooOld = nowMs - row.beganMs > keepMaxMs
      const isUnused = nowMs - row.sealedMs > keepMs && nowMs - row.readMs > keepReadMs
      if (isTooOld || (isUnused && !row.info.isStored)) this.#forget(row)
    }
  }

  /** An orphan for which nobody has come in all the time that an ended answer would have been kept. */
  #failUnwanted(row: Row, nowMs: number): void {
    const aliveMs = row.owner === null ? row.releasedMs : (this.#signs.get(row.owner) ?? 0)
    if (this.isOrphan(row) && nowMs - aliveMs >= this.#options.keepMs) this.#seal(row, row.owner ?? 'nobody', 'failed')
  }
}
