/** A kept answer as a reader of the cache gets it: its first page read beforehand, at its pace, or as one body. */
import type { Clock } from '../ground/clock.ts'
import type { JournalCursor } from '../store/journal.ts'

/** Events that are due together go out together: so often at most. */
const stepMsMin = 10

abstract class Wrapped implements JournalCursor {
  protected readonly cursor: JournalCursor

  constructor(cursor: JournalCursor) {
    this.cursor = cursor
  }

  get info(): JournalCursor['info'] {
    return this.cursor.info
  }
  get outcome(): JournalCursor['outcome'] {
    return this.cursor.outcome
  }
  get count(): number {
    return this.cursor.count
  }
  get isCancelled(): boolean {
    return this.cursor.isCancelled
  }
  get isOrphan(): boolean {
    return this.cursor.isOrphan
  }
  abstract read(from: number, bytesMax: number): Promise<readonly Buffer[] | null>
}

/** Its first page has been read: it was still there. */
export class OpenedCursor extends Wrapped {
  #page: readonly Buffer[] | null

  constructor(cursor: JournalCursor, page: readonly Buffer[]) {
    super(cursor)
    this.#page = page
  }

  async read(from: number, bytesMax: number): Promise<readonly Buffer[] | null> {
    const page = this.#page
    this.#page = null
    return from === 0 && page ? page : this.cursor.read(from, bytesMax)
  }
}

/** Hands out so many events a second, the first at once. */
export class PacedCursor extends Wrapped {
  #clock: Clock
  #perSecond: number
  #beganMs: number
  #page: readonly Buffer[] = []
  #pageFrom = 0

  constructor(cursor: JournalCursor, clock: Clock, perSecond: number) {
    super(cursor)
    this.#clock = clock
    this.#perSecond = perSecond
    this.#beganMs = clock.monotonicMs()
  }

  async read(from: number, bytesMax: number): Promise<readonly Buffer[] | null> {
    if (from < this.#pageFrom || from >= this.#pageFrom + this.#page.length) {
      const page = await this.cursor.read(from, bytesMax)
      if (!page || page.length === 0) return page
      this.#page = page
      this.#pageFrom = from
    }
    const dueMs = this.#beganMs + (from * 1000) / this.#perSecond
    const waitMs = dueMs - this.#clock.monotonicMs()
    if (waitMs > 0) await this.#wait(Math.max(waitMs, stepMsMin))
    const dueCount = Math.floor(((this.#clock.monotonicMs() - this.#beganMs) * this.#perSecond) / 1000) + 1
    const at = from - this.#pageFrom
    return this.#page.slice(at, Math.max(at + 1, dueCount - this.#pageFrom))
  }

  #wait(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#clock.after(ms, resolve)
    return promise
  }
}

/** A streamed answer put together as one body. */
export class WholeCursor extends Wrapped {
  #body: Buffer

  constructor(cursor: JournalCursor, body: Buffer) {
    super(cursor)
    this.#body = body
  }

  override get count(): number {
    return 1
  }

  async read(from: number): Promise<readonly Buffer[] | null> {
    return from === 0 ? [this.#body] : []
  }
}
