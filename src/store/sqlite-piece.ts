/** How events lie in a row: their bytes one after the other, their lengths beside them, and a checksum over both. */
import { crc32 } from 'node:zlib'
import { Damage } from './sqlite-file.ts'

/** Events as they are written. */
export interface Parcel {
  /** Null for one event: it is as long as the data. */
  readonly lengths: Uint8Array | null
  readonly data: Buffer
  readonly sum: number
}

const none = -1

export function pack(events: readonly Buffer[]): Parcel {
  const [first] = events
  if (events.length === 1 && first) return { lengths: null, data: first, sum: crc32(first) }
  const lengths = bytesOf(Int32Array.from(events, ({ length }) => length))
  const data = Buffer.concat(events)
  return { lengths, data, sum: crc32(data, crc32(lengths)) }
}

/** @throws {Damage} when it is not what was written. */
export function unpack(lengths: Uint8Array | null, data: Uint8Array, sum: number): Buffer[] {
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength)
  if (lengths === null) {
    if (crc32(bytes) !== sum) throw new Damage('an event of the journal is not what was written')
    return [bytes]
  }
  if (crc32(bytes, crc32(lengths)) !== sum) throw new Damage('events of the journal are not what was written')
  return cut(bytes, sizesOf(lengths))
}

/** Asides of the events of one piece; null when none has one. */
export function packAsides(asides: readonly (Buffer | null)[]): { lengths: Uint8Array; data: Buffer } | null {
  if (asides.every((aside) => aside === null)) return null
  const lengths = bytesOf(Int32Array.from(asides, (aside) => aside?.length ?? none))
  return { lengths, data: Buffer.concat(asides.filter((aside) => aside !== null)) }
}

export function unpackAsides(lengths: Uint8Array, data: Uint8Array): (Buffer | null)[] {
  const sizes = sizesOf(lengths)
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength)
  const cuts = cut(
    bytes,
    sizes.map((size) => Math.max(0, size)),
  )
  return cuts.map((aside, i) => (sizes[i] === none ? null : aside))
}

const bytesOf = (sizes: Int32Array): Uint8Array => new Uint8Array(sizes.buffer)

/** A copy: the bytes of a row may begin anywhere, and numbers may not. */
const sizesOf = (lengths: Uint8Array): number[] => [...new Int32Array(Uint8Array.from(lengths).buffer)]

function cut(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  let at = 0
  return sizes.map((size) => bytes.subarray(at, (at += size)))
}
