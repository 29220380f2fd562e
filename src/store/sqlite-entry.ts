/** One answer that this process writes into the shared file: what of it is kept, and what waits for the next commit. */
import type { Member } from '../ground/crowd.ts'
import type { AnswerInfo, EntryListener, JournalEntry, Outcome } from './journal.ts'
import { aliasesMax, aliasLengthMax, eventOverheadBytes } from './retention.ts'

/** What an entry needs of the writer. */
export interface EntryKeeper {
  /** Events may be delivered before they are in the file. */
  readonly isBehind: boolean
  /** Takes room. @throws {Fault} when there is none. */
  claim(entry: SqliteEntry, eventBytes: number, chargedBytes: number): void
  /** Takes room that an end needs, whether there is some or not. */
  claimEnd(chargedBytes: number): void
  /** Puts an entry on the list of the next commit. */
  touch(entry: SqliteEntry): void
}

const deaf: EntryListener = { onKept: () => {}, onLost: () => {}, onCancel: () => {} }

export class SqliteEntry implements JournalEntry, Member {
  place = 0
  readonly info: AnswerInfo
  epoch = 1
  listener: EntryListener
  count = 0
  /** Bytes of all its events. */
  eventBytes = 0
  /** Number of the answer in the file; 0 until its first commit. */
  id = 0
  /** Wait for the first commit. */
  request: Buffer | null = null
  soleName: string | null = null
  soleSinceMs = 0
  /** As in the file: events, the last piece, the charge, and what of that goes at the end. */
  keptCount = 0
  lastPiece = 0
  /** As it will be when the commit in hand has come about. */
  nextLastPiece = 0
  bytes = 0
  passingBytes = 0
  /** For the next commit. */
  pending: Buffer[] = []
  pendingAsides: (Buffer | null)[] | null = null
  pendingBytes = 0
  pendingPassingBytes = 0
  pendingAliases: string[] = []
  outcome: Outcome | null = null
  isReleased = false
  isDirty = false
  /** It is not ours any more; nothing of it is written. */
  isGone = false
  isCancelTold = false
  /** Up to when this process has noted that it is read; a later note is another's. */
  readMs = 0
  #aliasCount = 0
  #keeper: EntryKeeper

  constructor(keeper: EntryKeeper, info: AnswerInfo, listener: EntryListener) {
    this.#keeper = keeper
    this.info = info
    this.listener = listener
  }

  append(event: Buffer, aside?: Buffer): void {
    if (this.#isOver) return
    const asideBytes = aside?.length ?? 0
    const charge = event.length + asideBytes + eventOverheadBytes
    this.#keeper.claim(this, event.length, charge)
    this.#put(event, aside ?? null)
  }

  #put(event: Buffer, aside: Buffer | null): void {
    const asideBytes = aside?.length ?? 0
    const charge = event.length + asideBytes + eventOverheadBytes
    this.eventBytes += event.length
    this.pendingBytes += charge
    this.pendingPassingBytes += asideBytes
    if (aside) this.pendingAsides ??= this.pending.map(() => null)
    this.pendingAsides?.push(aside)
    this.pending.push(event)
    this.count++
    this.#keeper.touch(this)
    // The answer itself is always kept first: nothing is delivered of one that nobody could find again.
    if (this.#keeper.isBehind && this.id !== 0) this.listener.onKept(this.count)
  }

  alias(id: string): void {
    if (this.#isOver || id.length > aliasLengthMax || this.#aliasCount >= aliasesMax) return
    if (this.pendingAliases.includes(id)) return
    this.#aliasCount++
    this.pendingAliases.push(id)
    this.#keeper.touch(this)
  }

  seal(outcome: Outcome, lastWord?: Buffer): void {
    if (this.#isOver) return
    if (lastWord) {
      this.#keeper.claimEnd(lastWord.length + eventOverheadBytes)
      this.#put(lastWord, null)
    }
    this.outcome = outcome
    this.#keeper.touch(this)
  }

  release(): void {
    if (this.#isOver) return
    this.isReleased = true
    this.#keeper.touch(this)
  }

  /** The commit that held what was pending has come about. */
  settle(): void {
    this.keptCount = this.count
    this.lastPiece = this.nextLastPiece
    this.bytes += this.pendingBytes
    this.passingBytes += this.pendingPassingBytes
    this.drop()
  }

  /** What is pending is not to be written. Gives the bytes that had been claimed for it. */
  drop(): number {
    const claimed = this.pendingBytes
    this.pending = []
    this.pendingAsides = null
    this.pendingAliases = []
    this.pendingBytes = 0
    this.pendingPassingBytes = 0
    this.request = null
    return claimed
  }

  /** Nobody listens any more, and nothing of the call hangs on this. */
  deafen(): EntryListener {
    const { listener } = this
    this.listener = deaf
    return listener
  }

  get #isOver(): boolean {
    return this.outcome !== null || this.isReleased || this.isGone
  }
}
