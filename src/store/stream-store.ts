/**
 * The contract of the store of durable streams: named logs that callers append to and read from by position. An
 * append is one act: its records, the state of its producer and the end of the stream are kept together or not at all,
 * and a promise resolves only after that. What was refused is never readable.
 *
 * Keys are opaque here; who may use which is the business of whoever makes them. Every promise may reject with a Fault:
 * HF_STREAMS_FULL when the disk refuses, HF_STREAM_BUSY when the store cannot be had in time; nothing is kept then.
 */
import type { StreamStoreOptions } from './stream-store-options.ts'

/** Kept for each record beside its bytes, and counted as such, so that many tiny ones are bounded too. */
export const recordOverheadBytes = 64
/** How deep forks of forks go. */
export const forkDepthMax = 32
/** A producer that has not written for so long makes room for another. */
export const producerIdleMs = 7 * 86_400_000

/** A place between two records: how many lie before it, and how many bytes. A fork shares those of its source. */
export interface Position {
  readonly no: number
  readonly bytes: number
}

export const startPosition: Position = { no: 0, bytes: 0 }

/** Of a stream as it is now. */
export interface StreamInfo {
  /** Never used again in this store, also when the key is. */
  readonly id: number
  /** As it was given at creation. */
  readonly contentType: string
  /** It is forgotten when it was neither read nor written for so long; null for never. */
  readonly ttlSeconds: number | null
  /** RFC 3339, as it was given; null for never. */
  readonly expiresAt: string | null
  readonly tail: Position
  readonly isClosed: boolean
}

/** `gone`: removed or expired while forks still need it; its key is not free. */
export type Absence = 'missing' | 'gone'

export interface NewStream {
  /** Null, for forks only: that of the source. */
  readonly contentType: string | null
  readonly ttlSeconds: number | null
  readonly expiresAt: string | null
  readonly isClosed: boolean
  /** Its first records. */
  readonly records: readonly Buffer[]
  readonly fork: ForkOrigin | null
}

export interface ForkOrigin {
  readonly source: string
  /** Null: its tail. */
  readonly at: Position | null
  /** What was asked for beyond `at`, in messages or bytes; only compared when the same fork is made again. */
  readonly subOffset: number
  /** What `subOffset` stands for: the first records of the fork. */
  readonly prefix: readonly Buffer[]
  /** Id of the source that `at` and `prefix` were read from; null when nothing was. */
  readonly sourceId: number | null
}

export type CreateRefusal =
  /** There is a stream of this key that was made otherwise. */
  | 'differs'
  /** The key is that of a removed stream which forks still need. */
  | 'gone'
  | 'source-missing'
  | 'source-gone'
  /** Content types of source and fork differ. */
  | 'source-type'
  /** `at` is no position of the source. */
  | 'source-position'
  | 'too-deep'
  | 'stream-full'
  | 'store-full'

export type Created =
  | { readonly kind: 'created' | 'exists'; readonly info: StreamInfo }
  | { readonly kind: 'refused'; readonly refusal: CreateRefusal }

/** Who appends, for appends that may be repeated: sequences of one epoch begin at 0 and have no gap. */
export interface ProducerStamp {
  readonly id: string
  readonly epoch: number
  readonly seq: number
}

export interface Append {
  /** Empty only when it closes. */
  readonly records: readonly Buffer[]
  /** Must be the stream's; null where nothing is appended. */
  readonly contentType: string | null
  /** Must be greater, byte by byte, than that of the append before it. */
  readonly writerSeq: string | null
  readonly producer: ProducerStamp | null
  readonly closes: boolean
}

export type AppendRefusal =
  | { readonly kind: Absence }
  | { readonly kind: 'closed'; readonly tail: Position }
  | { readonly kind: 'type' | 'writer-seq' | 'new-epoch' | 'too-many-producers' | 'stream-full' | 'store-full' }
  | { readonly kind: 'stale-epoch'; readonly epoch: number }
  | { readonly kind: 'gap'; readonly expectedSeq: number }

export type Appended =
  /** `duplicate`: it was kept before; `seq` is the highest kept of its producer. Both null without a producer. */
  | {
      readonly kind: 'appended' | 'duplicate'
      readonly info: StreamInfo
      readonly epoch: number | null
      readonly seq: number | null
    }
  | AppendRefusal

export interface Slice {
  readonly info: StreamInfo
  /** Records in order, each with the position after it. */
  readonly records: readonly { readonly data: Buffer; readonly end: Position }[]
}

export interface StreamStore extends AsyncDisposable {
  readonly engine: StreamStoreOptions['engine']
  /** Makes a stream, or finds one that was made in the same way. */
  create(key: string, stream: NewStream): Promise<Created>
  append(key: string, append: Append): Promise<Appended>
  look(key: string): Promise<StreamInfo | Absence>
  /**
   * Records from a position on: as many as fit into `bytesMax`, and at least one if there is one. `misplaced`: the
   * position is none of this stream, but of one before it, or made up. `isWoken`: the reader was called back by
   * `watch`, so it may be given what another one was given in the same turn.
   */
  read(key: string, from: Position, bytesMax: number, isWoken?: boolean): Promise<Slice | Absence | 'misplaced'>
  /** A reading or a writing happened: the time to live of the stream begins anew, to within a hundredth of it. */
  touch(key: string): void
  /** Resolves once it cannot come back. */
  remove(key: string): Promise<'removed' | Absence>
  /** Keys that begin with `prefix` and come after `after`, in order. */
  list(prefix: string, after: string, countMax: number): Promise<readonly string[]>
  /** Calls back after the stream has changed, on this node or another, or may have; until disposed of. */
  watch(key: string, listener: () => void): Disposable
  readonly notes: Notes
}

/** Small documents beside the streams, shared by all nodes and kept as safely. */
export interface Notes {
  get(key: string): Promise<Note | null>
  /**
   * Writes if the note is still of this version (0: if there is none), `value` null removes it. False when another was
   * faster. `dueMs`: when somebody has to look at it, milliseconds since 1970.
   */
  put(key: string, version: number, value: string | null, dueMs: number | null): Promise<boolean>
  /** Keys and versions of the notes whose keys begin with `prefix`, in order. */
  list(prefix: string, countMax: number): Promise<readonly { readonly key: string; readonly version: number }[]>
  /** Keys of the notes that are due, the longest first. */
  due(nowMs: number, countMax: number): Promise<readonly string[]>
}

export interface Note {
  readonly version: number
  readonly value: string
}
