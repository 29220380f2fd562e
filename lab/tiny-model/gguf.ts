/**
 * Writes GGUF version 3, the file format of llama.cpp models: magic, counts, typed key-value pairs, a directory of
 * tensors, and then their data, each aligned. All numbers are little-endian; a string is its length (u64) and UTF-8.
 * Format: the "GGUF" document of the ggml project.
 */
import type { Tensor } from './weights.ts'

/** A value with the type it is written as. A `list` holds values of one type. */
export type GgufValue =
  | { readonly type: 'text'; readonly value: string }
  | { readonly type: 'count'; readonly value: number }
  | { readonly type: 'kind'; readonly value: number }
  | { readonly type: 'ratio'; readonly value: number }
  | { readonly type: 'flag'; readonly value: boolean }
  | { readonly type: 'list'; readonly value: readonly GgufValue[] }

export type GgufMetadata = ReadonlyMap<string, GgufValue>

/** Type numbers of the format: uint32, int32, float32, bool, string, array. */
const typeNumber = { count: 4, kind: 5, ratio: 6, flag: 7, text: 8, list: 9 } as const
/** Tensor element types of the format. */
const float32 = 0
const float16 = 1
/** Where tensor data may begin; the format's default, written down as `general.alignment` all the same. */
export const alignmentBytes = 32

/** The whole file. Vectors are kept as float32, as the engine demands for norms; matrices become float16. */
export function toGguf(metadata: GgufMetadata, tensors: readonly Tensor[]): Buffer {
  const parts: Buffer[] = [Buffer.from('GGUF'), u32(3), u64(tensors.length), u64(metadata.size)]
  for (const [key, value] of metadata) parts.push(text(key), u32(typeNumber[value.type]), payload(value))
  const data: Buffer[] = []
  let offset = 0
  for (const tensor of tensors) {
    const isVector = tensor.shape.length === 1
    const bytes = Buffer.from(isVector ? tensor.values.buffer : new Float16Array(tensor.values).buffer)
    parts.push(text(tensor.name), u32(tensor.shape.length), ...tensor.shape.map(u64))
    parts.push(u32(isVector ? float32 : float16), u64(offset))
    data.push(bytes, padding(bytes.length))
    offset += bytes.length + padding(bytes.length).length
  }
  const header = Buffer.concat(parts)
  return Buffer.concat([header, padding(header.length), ...data])
}

function payload(value: GgufValue): Buffer {
  switch (value.type) {
    case 'text':
      return text(value.value)
    case 'count':
    case 'kind':
      return u32(value.value)
    case 'ratio':
      return f32(value.value)
    case 'flag':
      return Buffer.from([value.value ? 1 : 0])
    case 'list': {
      const type = value.value[0]?.type ?? 'text'
      return Buffer.concat([u32(typeNumber[type]), u64(value.value.length), ...value.value.map(payload)])
    }
  }
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value)
  return Buffer.concat([u64(bytes.length), bytes])
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}

function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(BigInt(value))
  return bytes
}

function f32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeFloatLE(value)
  return bytes
}

/** Zeroes up to the next aligned place. */
function padding(length: number): Buffer {
  return Buffer.alloc((alignmentBytes - (length % alignmentBytes)) % alignmentBytes)
}
