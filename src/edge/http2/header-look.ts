/**
 * Reads the names and values that a client writes out in a block of headers (HPACK, RFC 7541), for what must not be in
 * them (RFC 9113, sections 8.2 and 8.2.1). nghttp2 leaves such a field out and lets the request go on, where the whole
 * of it is malformed. What is named by its place in a table was looked at when it entered. No table is kept, so it says
 * nothing of blocks that cannot be decompressed: nghttp2 does. Pure.
 */
import { huffmanTree } from './huffman.ts'

// What the next byte is.
const representation = 0
const restOfIndex = 1
const stringStart = 2
const restOfLength = 3
const stringBytes = 4
/** Whatever comes of this block is not looked at. */
const lost = 5

const lengthBitsMax = 28
/** `huffmanTree` says it so. */
const endOfString = 256

const [nul, lf, cr, tab, blank, colon] = [0, 10, 13, 9, 32, 58] as const
const nameBytes = new Uint8Array(256)
for (const byte of Buffer.from("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz")) nameBytes[byte] = 1

export class HeaderLook {
  /** Of this block so far. */
  fieldCount = 0
  #state = representation
  /** Behind the index, or the name. */
  #next = representation
  #isName = false
  #isHuffman = false
  #left = 0
  #shift = 0
  #node = 0
  #count = 0
  #lastByte = 0

  /** A block begins. */
  begin(): void {
    this.#state = representation
    this.fieldCount = 0
  }

  /** A piece of the block. False for a name or value that must not be. */
  read(bytes: Buffer, from: number, to: number): boolean {
    for (let at = from; at < to; at++) if (!this.#step(bytes[at] as number)) return false
    return true
  }

  #step(byte: number): boolean {
    switch (this.#state) {
      case representation:
        this.#begin(byte)
        return true
      case restOfIndex:
        if (byte < 0x80) this.#state = this.#next
        return true
      case stringStart:
        this.#isHuffman = byte >= 0x80
        this.#left = byte & 0x7f
        this.#shift = 0
        if (this.#left === 0x7f) this.#state = restOfLength
        return this.#left === 0x7f || this.#startString()
      case restOfLength:
        // Zeros behind the number are no part of it, and nghttp2 takes some.
        if (this.#shift < lengthBitsMax) this.#left += (byte & 0x7f) * 2 ** this.#shift
        else if ((byte & 0x7f) !== 0) this.#state = lost
        this.#shift += 7
        return byte >= 0x80 || this.#state === lost || this.#startString()
      case stringBytes:
        return this.#readByte(byte)
      default:
        return true
    }
  }

  #begin(byte: number): void {
    this.fieldCount++
    const isLiteral = byte < 0x80 && (byte & 0xe0) !== 0x20
    const mask = byte >= 0x80 ? 0x7f : byte >= 0x40 ? 0x3f : byte >= 0x20 ? 0x1f : 0x0f
    const index = byte & mask
    this.#isName = isLiteral && index === 0
    this.#next = isLiteral ? stringStart : representation
    this.#state = index === mask ? restOfIndex : this.#next
  }

  #startString(): boolean {
    this.#state = stringBytes
    this.#node = 0
    this.#count = 0
    this.#lastByte = 0
    return this.#left > 0 || this.#endString()
  }

  #readByte(byte: number): boolean {
    if (!(this.#isHuffman ? this.#unpack(byte) : this.#see(byte))) return false
    return this.#state === lost || --this.#left > 0 || this.#endString()
  }

  /** What is left of the last byte is filled up with ones, which make no symbol. */
  #unpack(byte: number): boolean {
    for (let bit = 7; bit >= 0; bit--) {
      const next = huffmanTree[2 * this.#node + ((byte >> bit) & 1)] as number
      if (next >= 0) this.#node = next
      else if (~next === endOfString) {
        this.#state = lost
        return true
      } else {
        this.#node = 0
        if (!this.#see(~next)) return false
      }
    }
    return true
  }

  #see(byte: number): boolean {
    const isFirst = this.#count++ === 0
    this.#lastByte = byte
    if (this.#isName) return nameBytes[byte] === 1 || (isFirst && byte === colon)
    if (byte === nul || byte === lf || byte === cr) return false
    return !isFirst || !isBlank(byte)
  }

  #endString(): boolean {
    const isGood = this.#isName ? this.#count > 0 : this.#count === 0 || !isBlank(this.#lastByte)
    this.#state = this.#isName ? stringStart : representation
    this.#isName = false
    return isGood
  }
}

function isBlank(byte: number): boolean {
  return byte === blank || byte === tab
}
