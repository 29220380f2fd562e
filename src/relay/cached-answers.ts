/**
 * The answer cache: finds answers that were given to calls that ask the same, and those that are being given. It keeps
 * nothing itself: answers lie in the journal under a further name, the same for all workers, and leave with its rules.
 */
import type { Route } from '../dialect/call.ts'
import { assemble } from '../dialect/seam/assemble.ts'
import type { Clock } from '../ground/clock.ts'
import type { Journal, JournalCursor } from '../store/journal.ts'
import type { CacheMark } from './cache-mark.ts'
import type { CacheRules, CacheWish } from './cache-wish.ts'
import type { Exchange } from './exchange.ts'
import { OpenedCursor, PacedCursor, WholeCursor } from './kept-cursor.ts'
import type { Order } from './order.ts'
import type { SemanticAnswers } from './semantic-answers.ts'

/** Read of a kept answer at once, and what of one that is to be put together. */
const pageBytes = 64 * 2 ** 10

/** A kept answer, ready for one reader. */
export interface Kept {
  readonly cursor: JournalCursor
  readonly mark: CacheMark
}

export interface Found {
  readonly fresh: Kept | null
  /** Too old, but better than none. */
  readonly stale: Kept | null
}

export const nothingFound: Found = { fresh: null, stale: null }

export class CachedAnswers {
  #journal: Pick<Journal, 'open'>
  #clock: Clock
  #rules: Pick<CacheRules, 'pace'>
  #semantic: Pick<SemanticAnswers, 'find'> | null
  /** Answers being made on this node to which others may be joined, by their live name. One a call under way. */
  #leaders = new Map<string, Exchange>()

  constructor(
    journal: Pick<Journal, 'open'>,
    clock: Clock,
    rules: Pick<CacheRules, 'pace'>,
    semantic: Pick<SemanticAnswers, 'find'> | null = null,
  ) {
    this.#journal = journal
    this.#clock = clock
    this.#rules = rules
    this.#semantic = semantic
  }

  /** The answer of this node that this call can be joined to. */
  leaderFor({ liveName, mayRead }: CacheWish): Exchange | null {
    const leader = mayRead ? this.#leaders.get(liveName) : undefined
    return leader && !leader.hasEnded ? leader : null
  }

  lead(exchange: Exchange): void {
    const { cache } = exchange.order
    if (cache?.mayLead && !exchange.hasEnded) this.#leaders.set(cache.liveName, exchange)
  }

  settled(exchange: Exchange): void {
    const { cache } = exchange.order
    if (cache && this.#leaders.get(cache.liveName) === exchange) this.#leaders.delete(cache.liveName)
  }

  /** Never throws: what cannot be looked up is not there. */
  async find({ call, cache }: Order): Promise<Found> {
    if (!cache?.mayRead) return nothingFound
    try {
      let stale: Kept | null = null
      for (const name of [cache.keptName, ...cache.otherNames]) {
        const kept = await this.#look(name, cache, call.route, call.isStream)
        if (kept?.mark.state === 'hit') return { fresh: kept, stale: null }
        stale ??= kept
      }
      return { fresh: null, stale }
    } catch {
      return nothingFound
    }
  }

  /** A fresh answer to another question, which means the same. Never throws. */
  async findSemantic(order: Order): Promise<Kept | null> {
    const { call, cache } = order
    if (!cache?.semantic || !this.#semantic) return null
    try {
      for (const { name, similarity } of await this.#semantic.find(order)) {
        const kept = await this.#look(name, cache, call.route, call.isStream)
        if (kept?.mark.state !== 'hit') continue
        return { cursor: kept.cursor, mark: { ...kept.mark, state: 'semantic', similarity } }
      }
    } catch {
      // It is a miss.
    }
    return null
  }

  /** The same answer, being made by another node. */
  async elsewhere({ cache }: Order): Promise<JournalCursor | null> {
    if (!cache?.mayRead) return null
    const cursor = await this.#journal.open(cache.liveName).catch(() => null)
    return cursor?.outcome === null && !cursor.isOrphan ? cursor : null
  }

  async #look(name: string, wish: CacheWish, route: Route, isStream: boolean): Promise<Kept | null> {
    const cursor = await this.#journal.open(name)
    if (cursor?.outcome !== 'complete') return null
    const ageMs = Math.max(0, this.#clock.nowMs() - cursor.info.beganMs)
    const isFresh = ageMs < wish.ageMsMax
    if (!isFresh && ageMs >= wish.ageMsMax + wish.staleMsMax) return null
    const mark: CacheMark = {
      state: isFresh ? 'hit' : 'stale',
      ageMs,
      leftMs: wish.ageMsMax - ageMs,
      answerRay: cursor.info.ray,
    }
    const page = await cursor.read(0, pageBytes)
    if (!page?.[0]) return null
    const opened = new OpenedCursor(cursor, page)
    if (cursor.info.isStream && !isStream) return { cursor: await this.#assembled(opened, route), mark }
    const { pace } = this.#rules
    return { cursor: isStream && pace > 0 ? new PacedCursor(opened, this.#clock, pace) : opened, mark }
  }

  async #assembled(cursor: JournalCursor, route: Route): Promise<JournalCursor> {
    const events: Buffer[] = []
    while (events.length < cursor.count) {
      const page = await cursor.read(events.length, pageBytes)
      if (!page || page.length === 0) throw new Error('it is gone')
      events.push(...page)
    }
    return new WholeCursor(cursor, assemble(route, events))
  }
}
