/**
 * The contract of the journal: an answer is a numbered sequence of events, and each is kept here before it goes to
 * anyone's wire. The number (0, 1, 2 …) is given once, at `append`, and never changes, whichever node, upstream or
 * connection carries the answer.
 *
 * One node at a time writes an answer: the one that holds its lease. The lease has an epoch, which grows by one each
 * time it changes hands. Every append carries the epoch and the number it expects to be the next; the engine refuses
 * anything else, so a node that was thought dead and comes back can neither write nor deliver.
 */
import type { Fault } from '../fault/fault.ts'
import type { Ray } from '../fault/ray.ts'
import type { JournalOptions } from './journal-options.ts'

export interface AnswerInfo {
  readonly ray: Ray
  readonly route: string
  readonly model: string
  /** Name of the caller's key; empty when the gateway takes calls without one. */
  readonly caller: string
  /** Milliseconds since 1970. */
  readonly beganMs: number
  readonly isStream: boolean
  /** The caller asked to store it: kept until `keepMaxMs`, however long ago it ended. */
  readonly isStored: boolean
  /** What a repetition of the same call is known by, within one caller; null for a call that is not to be found so. */
  readonly callKey: string | null
}

export type Outcome = 'complete' | 'failed' | 'cancelled'

/** What the writer of an answer is told. */
export interface EntryListener {
  /**
   * So many of its events may be delivered: they are safe or, with `delivery: behind`, about to be. May be called
   * within `append`.
   */
  onKept(keptCount: number): void
  /**
   * Events could not be kept after all, and nothing more can be written: HF_JOURNAL_FULL (the disk failed), or
   * HF_LEASE_LOST (another node has taken the answer, or it was removed). Called once; later appends do nothing.
   */
  onLost(fault: Fault): void
  /** Somebody asked to cancel the answer, on this node or another. At most once, within a second of the asking. */
  onCancel(): void
}

/** One answer being written, by the holder of its lease. */
export interface JournalEntry {
  readonly epoch: number
  /** Events appended so far, and so the number of the next one. */
  readonly count: number
  /**
   * Adds an event; the bytes must not change afterwards. It is kept once `onKept` has named a larger count.
   * `aside` belongs to the event but goes to nobody's wire (the ids of its tokens); it is forgotten at the end.
   * @throws {Fault} HF_UPSTREAM_TOO_LARGE, HF_JOURNAL_FULL: nothing of this event is kept then.
   */
  append(event: Buffer, aside?: Buffer): void
  /** A further name of the answer (the id that its upstream gave it), under which `open` finds it. */
  alias(id: string): void
  /**
   * Ends the answer; later calls do nothing. The request and the asides are forgotten. `lastWord`: one more event that
   * says why it ended; it is taken where `append` would find the answer or the journal too large, too.
   */
  seal(outcome: Outcome, lastWord?: Buffer): void
  /** Gives the lease back without an end, events so far being kept: any node may adopt the answer at once. */
  release(): void
}

/** A look at one answer. What is known grows with each `read` while somebody still writes. */
export interface JournalCursor {
  readonly info: AnswerInfo
  /** Null while it is under way: being written, or waiting to be adopted. */
  readonly outcome: Outcome | null
  /** Events kept. */
  readonly count: number
  /** Somebody has asked to cancel it. */
  readonly isCancelled: boolean
  /** It is under way, but its node is dead or gave it back, and no other has taken it yet. */
  readonly isOrphan: boolean
  /**
   * Kept events from number `from` on: as many as fit into `bytesMax`, and at least one if there is one. Empty at the
   * end. Counts as a reading for `keepReadMs`. Null once the answer has been forgotten.
   */
  read(from: number, bytesMax: number): Promise<readonly Buffer[] | null>
}

/** What the node that takes an answer over needs to know of it. */
export interface Adopted {
  readonly info: AnswerInfo
  readonly entry: JournalEntry
  /** As given to `begin`; null when it was too large to be kept. */
  readonly request: Buffer | null
  /** All events so far with their asides. */
  readonly events: readonly { readonly event: Buffer; readonly aside: Buffer | null }[]
  /** A cancel was asked for before the lease changed hands; `onCancel` is not called for it. */
  readonly isCancelled: boolean
}

export interface Journal extends AsyncDisposable {
  readonly engine: JournalOptions['engine']
  /** Bytes kept now: events, asides and requests. */
  readonly keptBytes: number
  /** Those among them that no forgetting gives back: of answers under way, whichever node writes them. */
  readonly liveBytes: number
  /** Answers kept now, live ones included. */
  readonly answerCount: number
  /**
   * Begins an answer, with this node as holder of its lease, epoch 1. `request` is what another node needs to go on
   * with it, opaque to the journal; null where that must not be kept. One larger than `requestBytesMax` is left out.
   *
   * `soleName`: a further name, which only one answer that is under way or complete may bear. Where another bears it
   * by the time at which this one would be kept, whichever node began that, this one is not kept at all, and `onLost`
   * says HF_LEASE_LOST. A complete one that ended before `sinceMs` (since 1970; default 0) does not count.
   * @throws {Fault} HF_JOURNAL_FULL
   */
  begin(
    answer: AnswerInfo,
    request: Buffer | null,
    listener: EntryListener,
    soleName?: string | null,
    sinceMs?: number,
  ): JournalEntry
  /** By ray or alias; null when there is no such answer (any more). */
  open(id: string): Promise<JournalCursor | null>
  /** Answers of this caller under this `callKey`, newest first, at most 16. */
  find(caller: string, callKey: string): Promise<readonly JournalCursor[]>
  /** All events of a live answer with their asides, for its own writer; null when there is none. */
  recall(ray: Ray): Promise<Adopted['events'] | null>
  /**
   * Whether somebody on another node reads this live answer of one's own. It may be half a minute before it is known
   * that nobody does any more.
   */
  isReadElsewhere(ray: Ray): Promise<boolean>
  /** Unsealed answers whose lease has run out or was given back, oldest first, at most 1000. */
  orphans(): Promise<readonly Ray[]>
  /** Takes the lease of an orphan, epoch + 1. Null when it is none: another was faster, or its node lives. */
  adopt(ray: Ray, listener: EntryListener): Promise<Adopted | null>
  /** Another node is known to be dead: its answers are orphans now and not only after `leaseMs`. */
  bury(node: string): Promise<void>
  /**
   * Asks the holder of the lease to cancel; kept, so that a successor is told too. False when there is none or it
   * ended.
   */
  cancel(id: string): Promise<boolean>
  /** Forgets an answer, live ones included, before it resolves. False when there is none. */
  remove(id: string): Promise<boolean>
  /** Gives the disk back, in the background, what is not needed now. Forgets nothing that could be asked for. */
  compact(): void
}
