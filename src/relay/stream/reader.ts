/**
 * One caller's connection at an answer: delivers its events in order, each once, as fast as the caller takes them.
 *
 * A reader is *live* while it keeps up with the feed of an answer made on this node. It is *behind* when it began in
 * the middle, when its caller is slow, or when another node makes the answer: then it reads pages from the journal. So
 * a slow reader holds a bounded buffer and slows neither the upstream nor other readers.
 */
import { Fault, toFault } from '../../fault/fault.ts'
import type { Ray } from '../../fault/ray.ts'
import type { Clock, Timer } from '../../ground/clock.ts'
import type { JournalCursor } from '../../store/journal.ts'
import type { Reply } from '../reply.ts'
import { withNumbers } from './event-number.ts'
import type { Ending, Feed, Listener } from './feed.ts'

/** Bytes that may wait for a slow caller before the reader lets go of them and reads the journal later. */
const lagBytesMax = 256 * 2 ** 10
/** What is read from the journal in one go. */
const pageBytesMax = 256 * 2 ** 10
/** A larger piece goes out in parts, so that a caller who takes it slowly can be told from one who does not. */
const pieceBytesMax = 256 * 2 ** 10
/** How often the journal is asked for what another node has written; longer while nothing comes. */
const pollMs = 20
const pollMsMax = 200
/** Proxies cut connections that are silent for 15 to 60 seconds. */
const heartbeatMs = 10_000
const heartbeat = Buffer.from(': still here\n\n')
/** The first words to a reader that resumes bring the head on its way, and tell an EventSource when to come back. */
const greeting = Buffer.from(': resumed\nretry: 1000\n\n')

export interface ReaderOptions {
  readonly ray: Ray
  /** Number of the first event to deliver. */
  readonly next: number
  /** SSE events, or the one body of an answer that is not streamed. */
  readonly isStream: boolean
  /** The head goes out at once and not with the first event: an EventSource must not be kept waiting for it. */
  readonly isEager: boolean
  /** The feed of the answer where it is made on this node. */
  readonly feed: Feed | null
  /** Who had the call until now, for its head; null for one who reads again. */
  readonly timing: (() => string) | null
  /** Further headers of its head, told when that goes out. */
  readonly marks?: (() => readonly string[]) | undefined
  /** A cursor of the answer in the journal. */
  readonly open: () => Promise<JournalCursor | null>
  /** Reads why an answer failed from its last event. */
  readonly readFault: (event: Buffer) => Fault
  /** The event that tells of a fault, in the caller's language. */
  readonly tellFault: (fault: Fault) => Buffer
  readonly clock: Clock
  /** Called once: the answer was delivered to its end, broken off, or the caller left before. */
  readonly onEnded: (how: Ending | 'gone') => void
}

export class Reader implements Listener {
  place = 0
  /** Bytes handed to the caller's connection. */
  sentBytes = 0
  hasBegun = false
  #reply: Reply
  #options: ReaderOptions
  #feed: Feed | null
  #cursor: JournalCursor | null = null
  /** Number of the next event to be written. */
  #next: number
  #outbox: Buffer[] = []
  #outboxBytes = 0
  /** What is left of a piece that is being written. */
  #rest: Buffer | null = null
  #isBehind: boolean
  #isPulling = false
  #isBlocked = false
  #isOver = false
  /** The one body of a whole answer has been taken for writing. */
  #isBodyOut = false
  #wroteMs = 0
  #heartbeat: Timer | null = null

  constructor(reply: Reply, options: ReaderOptions) {
    this.#reply = reply
    this.#options = options
    this.#feed = options.feed
    this.#next = options.next
    this.#isBehind = options.feed === null || options.next < options.feed.keptCount
    options.feed?.add(this)
    reply.onDrain = () => {
      this.#isBlocked = false
      this.flush()
    }
    reply.onGone = () => this.#end('gone')
  }

  get isOver(): boolean {
    return this.#isOver
  }

  start(): void {
    if (this.#options.isEager && this.#options.isStream) {
      this.#begin(null)
      this.#write(greeting)
    }
    if (this.#isBehind) void this.#pull()
  }

  offer(from: number, events: readonly Buffer[]): void {
    if (this.#isBehind || this.#isOver) return
    // A reader that asked for what is still to come begins in the middle of what has come together.
    const skipped = Math.max(0, this.#next + this.#outbox.length - from)
    // Usually it has nothing left: a list of just these is smaller than one that grows.
    const isEmpty = this.#outbox.length === 0
    if (isEmpty) this.#outbox = events.slice(skipped)
    for (let i = skipped; i < events.length; i++) {
      const event = events[i] as Buffer
      if (!isEmpty) this.#outbox.push(event)
      this.#outboxBytes += event.length
    }
    if (this.#isBlocked && this.#options.isStream && this.#outboxBytes > lagBytesMax) this.#fallBehind()
  }

  flush(): void {
    if (this.#isOver) return
    this.#writeRest()
    if (this.#rest) return
    if (this.#isBodyOut) return this.#succeed()
    if (this.#isBehind) return void this.#pull()
    if (this.#isStillborn && this.#feed?.fault) return this.fail(this.#feed.fault)
    if (this.#options.isStream && this.#outbox.length > 0 && !this.#isBlocked) this.#writeEvents(this.#takeOutbox())
    const isAllOut = !this.#rest && (!this.#options.isStream || this.#outbox.length === 0)
    if (isAllOut && this.#feed?.isDone) this.#finish(this.#feed)
  }

  follow(): void {
    this.#feed = null
    this.#cursor = null
    this.#fallBehind()
    this.flush()
  }

  /**
   * It cannot be read on: the answer failed, or, `isOfReading`, only this reading of it. Before anything of it was sent
   * the caller gets an error answer, afterwards a last word.
   */
  fail(fault: Fault, isOfReading = false): void {
    if (this.#isOver) return
    if (!this.hasBegun) {
      this.#reply.fail(fault, isOfReading ? undefined : (this.#cursor?.info.ray ?? this.#options.ray))
      return this.#end('breakOff')
    }
    if (this.#options.isStream && !this.#rest && !this.#isBlocked) this.#write(this.#options.tellFault(fault))
    this.#breakOff()
  }

  /** The house closes now: what the caller has not taken is left, and its connection will break. */
  abandon(): void {
    this.#breakOff()
  }

  /** It failed without a word but the one that says why: as long as nothing was sent, that is an error answer. */
  get #isStillborn(): boolean {
    const isUntouched = !this.hasBegun && this.#next === 0 && this.#outbox.length <= 1
    return isUntouched && this.#feed?.ending === 'breakOff' && this.#feed.isDone
  }

  #takeOutbox(): Buffer[] {
    const events = this.#outbox
    this.#outbox = []
    this.#outboxBytes = 0
    return events
  }

  #fallBehind(): void {
    this.#takeOutbox()
    this.#isBehind = true
  }

  #finish({ ending, fault, lastWords }: Feed): void {
    if (lastWords && fault && !this.hasBegun) return this.fail(fault)
    if (this.#options.isStream) {
      if (lastWords) this.#write(lastWords)
      return ending === 'end' ? this.#succeed() : this.#breakOff()
    }
    const [body] = this.#takeOutbox()
    if (ending === 'end' && body) this.#writeWhole(body)
    else if (fault) this.fail(fault)
    else this.#breakOff()
  }

  #writeWhole(body: Buffer): void {
    this.#begin(body.length)
    this.#isBodyOut = true
    this.#write(body)
    if (!this.#rest) this.#succeed()
  }

  #succeed(): void {
    if (this.#isOver) return
    this.#reply.end()
    this.#end('end')
  }

  #breakOff(): void {
    if (this.#isOver) return
    this.#reply.breakOff()
    this.#end('breakOff')
  }

  #end(how: Ending | 'gone'): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#heartbeat?.cancel()
    this.#takeOutbox()
    this.#rest = null
    this.#feed?.remove(this)
    this.#options.onEnded(how)
  }

  // Writing.

  #begin(lengthBytes: number | null): void {
    if (this.hasBegun) return
    this.hasBegun = true
    const headers = { 'holdfast-ray': this.#cursor?.info.ray ?? this.#options.ray }
    const { timing, marks } = this.#options
    this.#reply.begin({ lengthBytes, headers, timing: timing?.() ?? null, marks: marks?.() ?? null })
    if (lengthBytes !== null) return
    this.#wroteMs = this.#options.clock.monotonicMs()
    this.#heartbeat = this.#options.clock.every(heartbeatMs, () => this.#beat())
  }

  /** Silence while an upstream thinks or another node takes over must not look like a dead connection. */
  #beat(): void {
    const isSilent = this.#options.clock.monotonicMs() - this.#wroteMs >= heartbeatMs / 2
    if (isSilent && !this.#isBlocked && !this.#rest) this.#write(heartbeat)
  }

  #writeEvents(events: readonly Buffer[]): void {
    this.#begin(null)
    const first = this.#next
    this.#next += events.length
    this.#write(withNumbers(first, events))
  }

  #write(bytes: Buffer): void {
    this.#rest = bytes
    this.#wroteMs = this.#options.clock.monotonicMs()
    this.#writeRest()
  }

  #writeRest(): void {
    while (this.#rest && !this.#isBlocked && !this.#isOver) {
      const bytes: Buffer = this.#rest
      const piece = bytes.length <= pieceBytesMax ? bytes : bytes.subarray(0, pieceBytesMax)
      this.#rest = piece === bytes ? null : bytes.subarray(pieceBytesMax)
      this.sentBytes += piece.length
      this.#isBlocked = !this.#reply.write(piece)
    }
  }

  // Reading the journal.

  async #pull(): Promise<void> {
    if (this.#isPulling) return
    this.#isPulling = true
    try {
      while (this.#isBehind && !this.#isOver && !this.#isBlocked && !this.#rest) {
        this.#cursor ??= await this.#options.open()
        if (!(await this.#readPage(this.#cursor))) break
      }
    } catch (thrown) {
      this.fail(toFault(thrown), true)
    } finally {
      this.#isPulling = false
    }
    if (!this.#isBehind) this.flush()
  }

  /** False when the reading is over. */
  async #readPage(cursor: JournalCursor | null): Promise<boolean> {
    const events = (await cursor?.read(this.#next, pageBytesMax)) ?? null
    if (this.#isOver) return false
    if (!cursor || !events) return this.#lose(cursor)
    const [first] = events
    if (first && this.#next === 0 && cursor.count === 1 && isBroken(cursor) && !this.hasBegun) {
      this.fail(this.#options.readFault(first))
      return false
    }
    if (this.#options.isStream && events.length > 0) {
      this.#writeEvents(events)
      return true
    }
    const isRead = this.#next + events.length >= cursor.count
    if (cursor.outcome !== null && isRead) return this.#finishRead(cursor, events)
    const feed = this.#feed
    if (feed && feed.keptCount <= this.#next + events.length) {
      this.#outbox.push(...events)
      this.#isBehind = false
      return false
    }
    // A feed that is ahead of what can be read is waited for too: never a loop that holds the thread.
    if (!feed || events.length === 0) await this.#wait()
    return true
  }

  #finishRead(cursor: JournalCursor, events: readonly Buffer[]): false {
    const isWhole = cursor.outcome === 'complete'
    if (this.#options.isStream) {
      if (isWhole) this.#succeed()
      else this.#breakOff()
      return false
    }
    const [body] = events
    if (body && isWhole) this.#writeWhole(body)
    else this.#breakOff()
    return false
  }

  /** The answer is gone under its reader: past its time, or removed before its end. */
  #lose(cursor: JournalCursor | null): false {
    const isCutShort = this.hasBegun && (cursor?.outcome ?? null) === null
    const fault = isCutShort ? new Fault('HF_CANCELLED', { detail: 'it was removed' }) : new Fault('HF_ANSWER_EXPIRED')
    this.fail(fault, true)
    return false
  }

  #pollMs = pollMs
  #seenCount = 0
  #wait(): Promise<void> {
    const isMoving = this.#next > this.#seenCount
    this.#seenCount = this.#next
    this.#pollMs = isMoving ? pollMs : Math.min(pollMsMax, this.#pollMs * 1.3)
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#options.clock.after(this.#pollMs, resolve)
    return promise
  }
}

function isBroken({ outcome }: JournalCursor): boolean {
  return outcome !== null && outcome !== 'complete'
}
