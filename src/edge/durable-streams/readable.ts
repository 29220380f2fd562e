/** Whatever a reader can be given: a stream of the store, or one that is written elsewhere. */
import type { Absence, Position, Slice, StreamInfo, StreamStore } from '../../store/stream-store.ts'
import type { ReadOnlySlice, ReadOnlyStream } from './read-only-source.ts'
import { absenceFault, misplacedFault } from './stream-fault.ts'

export interface Readable {
  look(): Promise<StreamInfo | Absence>
  /** `isWoken`: after a wake, so what others were given in this turn will do. */
  read(from: Position, bytesMax: number, isWoken: boolean): Promise<Slice | Absence | 'misplaced'>
  /** Somebody reads it: what expires unread does so later. */
  touch(): void
  watch(listener: () => void): Disposable
}

export function storedStream(store: StreamStore, key: string): Readable {
  return {
    look: () => store.look(key),
    read: (from, bytesMax, isWoken) => store.read(key, from, bytesMax, isWoken),
    touch: () => store.touch(key),
    watch: (listener) => store.watch(key, listener),
  }
}

/** Its positions are numbers of events alone. */
export function readOnlyStream(stream: ReadOnlyStream): Readable {
  const infoOf = ({ count, isClosed }: ReadOnlySlice): StreamInfo => ({
    id: 0,
    contentType: stream.contentType,
    ttlSeconds: null,
    expiresAt: null,
    tail: { no: count, bytes: 0 },
    isClosed,
  })
  return {
    look: async () => {
      const slice = await stream.read(0, 0)
      return slice ? infoOf(slice) : 'missing'
    },
    read: async ({ no, bytes }, bytesMax) => {
      const slice = await stream.read(no, bytesMax)
      if (!slice) return 'missing'
      if (bytes !== 0 || no > slice.count) return 'misplaced'
      const records = slice.events.map((data, i) => ({ data, end: { no: no + i + 1, bytes: 0 } }))
      return { info: infoOf(slice), records }
    },
    touch: () => {},
    watch: (listener) => stream.onChange(listener),
  }
}

/** @throws {Fault} HF_STREAM_UNKNOWN, HF_STREAM_GONE */
export async function infoOf(stream: Readable): Promise<StreamInfo> {
  const info = await stream.look()
  if (typeof info === 'string') throw absenceFault(info)
  return info
}

/** @throws {Fault} HF_STREAM_UNKNOWN, HF_STREAM_GONE, HF_STREAM_REQUEST for a position of no record */
export async function sliceOf(stream: Readable, from: Position, bytesMax: number, isWoken = false): Promise<Slice> {
  const slice = await stream.read(from, bytesMax, isWoken)
  if (slice === 'misplaced') throw misplacedFault()
  if (typeof slice === 'string') throw absenceFault(slice)
  return slice
}
