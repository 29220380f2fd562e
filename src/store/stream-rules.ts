/** What may be appended to a stream, and when a new one is the same as one that exists. The same for all engines. */
import {
  type Append,
  type AppendRefusal,
  type NewStream,
  type Position,
  type ProducerStamp,
  recordOverheadBytes,
} from './stream-store.ts'

/** What the writers of a stream have come to. */
export interface WriterState {
  readonly contentType: string
  readonly tail: Position
  readonly isClosed: boolean
  /** Whose append closed it; null for an anonymous one. */
  readonly closedBy: ProducerStamp | null
  readonly writerSeq: string | null
}

/** Epoch and the highest sequence kept of one producer. */
export interface ProducerState {
  readonly epoch: number
  readonly seq: number
}

export type Verdict = 'accept' | { readonly kind: 'duplicate'; readonly seq: number | null } | AppendRefusal

/**
 * Order of the checks: closed, type, producer, writer's sequence. A producer comes before the writer's sequence, so
 * that a repetition that bears both is known as one.
 */
export function judgeAppend(state: WriterState, producer: ProducerState | null, append: Append): Verdict {
  const { contentType, writerSeq } = append
  if (state.isClosed) return judgeClosed(state, append)
  if (contentType !== null && mediaType(contentType) !== mediaType(state.contentType)) return { kind: 'type' }
  const fromProducer = append.producer ? judgeProducer(producer, append.producer) : 'accept'
  if (fromProducer !== 'accept') return fromProducer
  if (writerSeq !== null && state.writerSeq !== null && writerSeq <= state.writerSeq) return { kind: 'writer-seq' }
  return 'accept'
}

/** Nothing is added after the end; but whoever closed it may say so again. */
function judgeClosed({ closedBy, tail }: WriterState, { producer, records, closes }: Append): Verdict {
  if (!producer) return closes && records.length === 0 ? { kind: 'duplicate', seq: null } : { kind: 'closed', tail }
  const isSame = closedBy?.id === producer.id && closedBy.epoch === producer.epoch && closedBy.seq === producer.seq
  return isSame ? { kind: 'duplicate', seq: producer.seq } : { kind: 'closed', tail }
}

function judgeProducer(state: ProducerState | null, { epoch, seq }: ProducerStamp): Verdict {
  if (state && epoch < state.epoch) return { kind: 'stale-epoch', epoch: state.epoch }
  if (state && epoch > state.epoch) return seq === 0 ? 'accept' : { kind: 'new-epoch' }
  if (state && seq <= state.seq) return { kind: 'duplicate', seq: state.seq }
  const expectedSeq = state ? state.seq + 1 : 0
  return seq === expectedSeq ? 'accept' : { kind: 'gap', expectedSeq }
}

/** What decides whether a stream was made in the same way. */
export interface Making {
  readonly contentType: string
  readonly ttlSeconds: number | null
  readonly expiresAt: string | null
  /** A fork that took its time to live from the source. */
  readonly inheritsTime: boolean
  readonly isClosed: boolean
  readonly sourceKey: string | null
  readonly forkAt: Position | null
  readonly subOffset: number
}

/** What a fork leaves open (type, place, time to live) it takes from its source, so it fits whatever that gave. */
export function isSameMaking(made: Making, asked: NewStream): boolean {
  const { fork } = asked
  const isType = asked.contentType === null || mediaType(made.contentType) === mediaType(asked.contentType)
  const isTime =
    (made.inheritsTime && asked.ttlSeconds === null && asked.expiresAt === null) ||
    (made.ttlSeconds === asked.ttlSeconds && sameTime(made.expiresAt, asked.expiresAt))
  const isOrigin = made.sourceKey === (fork?.source ?? null) && made.subOffset === (fork?.subOffset ?? 0)
  const isPlace = !fork?.at || (made.forkAt?.no === fork.at.no && made.forkAt.bytes === fork.at.bytes)
  return isType && isTime && isOrigin && isPlace && made.isClosed === asked.isClosed
}

function sameTime(one: string | null, other: string | null): boolean {
  return one === other || (one !== null && other !== null && Date.parse(one) === Date.parse(other))
}

/** `Text/Plain; charset=utf-8` → `text/plain`. */
export function mediaType(contentType: string): string {
  return (contentType.split(';', 1)[0] ?? '').trim().toLowerCase()
}

/** When a stream expires, milliseconds since 1970; null for never. */
export function deadlineMs(ttlSeconds: number | null, expiresAt: string | null, nowMs: number): number | null {
  if (ttlSeconds !== null) return nowMs + ttlSeconds * 1000
  return expiresAt === null ? null : Date.parse(expiresAt)
}

/** What records cost, their overhead included. */
export function costBytes(records: readonly Buffer[]): number {
  return records.reduce((sum, { length }) => sum + length + recordOverheadBytes, 0)
}
