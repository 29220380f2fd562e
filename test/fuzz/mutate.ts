/**
 * Changes bytes as networks, attackers and bugs do: bits, lengths, words of the language, pieces doubled, swapped and
 * spliced. What comes of a seed is the same each time.
 */
import type { Random } from '../../src/ground/random.ts'

/** Numbers at which lengths, counts and signs turn over. */
const oddNumbers = [
  ...['0', '-1', '1', '7', '00', '+1', '1e9', '1e400', '0x10', '127', '128', '255', '256', '65535', '65536'],
  ...['2147483647', '4294967296', '9007199254740993', '18446744073709551616', '-9223372036854775809', '99999999999999'],
]
const oddBytes = [0, 1, 9, 10, 13, 32, 34, 37, 44, 45, 58, 59, 91, 92, 93, 123, 125, 127, 128, 192, 224, 240, 254, 255]
/** Names of Object's own, characters that are not what they look like, ends of lines, halves of pairs. */
const oddTexts = [
  ...['__proto__', 'constructor', 'toString', 'hasOwnProperty', '\ufeff', '\u2028', '\u0000', '\u202e', '\u00df'],
  ...['\r\n', '\n\n', '\r', '\r\n\r\n', '%00', '%2e%2e%2f', '%', '\\ud800', '\u{1f600}', '\ud7ff', '../', '${', '*'],
  ...['"', '\\"', '[]', '{}', '[[[[', '{"":', 'null', 'true', '1e999', '-0', ',', ';', '=', ':', '()', '\t'],
].map((text) => Buffer.from(text))
const brokenUtf8 = ['c0af', 'eda080', 'f4908080', 'e28082', 'ff', 'c3', 'f09f98'].map((hex) => Buffer.from(hex, 'hex'))

const growthMax = 512

export interface MutatorOptions {
  readonly random: Random
  /** Words of the language: field names, marks, numbers. */
  readonly words: readonly Buffer[]
  /** Longer ones are cut. */
  readonly bytesMax: number
}

type Change = (bytes: Buffer, other: Buffer) => Buffer

export class Mutator {
  #random: Random
  #words: readonly Buffer[]
  #bytesMax: number
  #changes: readonly Change[]

  constructor({ random, words, bytesMax }: MutatorOptions) {
    this.#random = random
    this.#words = [...words, ...oddTexts, ...brokenUtf8]
    this.#bytesMax = bytesMax
    this.#changes = [
      (bytes) => this.#flip(bytes),
      (bytes) => this.#set(bytes),
      (bytes) => this.#cut(bytes),
      (bytes) => this.#end(bytes),
      (bytes) => this.#double(bytes),
      (bytes) => this.#swap(bytes),
      (bytes) => this.#number(bytes),
      (bytes) => this.#nest(bytes),
      (bytes) => this.#insert(bytes, this.#one(this.#words)),
      (bytes) => this.#insert(bytes, this.#one(this.#words)),
      (bytes) => this.#replace(bytes, this.#one(this.#words)),
      (bytes, other) => this.#splice(bytes, other),
    ]
  }

  /** `other`: an input of the same kind, to be crossed with. */
  mutate(bytes: Buffer, other: Buffer): Buffer {
    let changed = bytes
    const count = 1 + Math.floor(this.#random.unit() ** 3 * 12)
    for (let i = 0; i < count; i++) changed = this.#one(this.#changes)(changed, other)
    return changed.subarray(0, this.#bytesMax)
  }

  below(count: number): number {
    return Math.floor(this.#random.unit() * count)
  }

  #one<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T
  }

  #span(bytes: Buffer): readonly [from: number, to: number] {
    const from = this.below(bytes.length + 1)
    return [from, Math.min(bytes.length, from + 1 + this.below(this.#random.unit() < 0.8 ? 16 : bytes.length + 1))]
  }

  #flip(bytes: Buffer): Buffer {
    const changed = Buffer.from(bytes)
    const at = this.below(bytes.length)
    if (at < changed.length) changed[at] = (changed[at] as number) ^ (1 << this.below(8))
    return changed
  }

  #set(bytes: Buffer): Buffer {
    const changed = Buffer.from(bytes)
    const at = this.below(bytes.length)
    if (at < changed.length) changed[at] = this.#random.unit() < 0.5 ? this.#one(oddBytes) : this.below(256)
    return changed
  }

  #cut(bytes: Buffer): Buffer {
    const [from, to] = this.#span(bytes)
    return Buffer.concat([bytes.subarray(0, from), bytes.subarray(to)])
  }

  #end(bytes: Buffer): Buffer {
    return bytes.subarray(0, this.below(bytes.length + 1))
  }

  #double(bytes: Buffer): Buffer {
    const [from, to] = this.#span(bytes)
    const piece = bytes.subarray(from, to)
    const times = Math.min(
      1 + this.below(this.#random.unit() < 0.9 ? 3 : 200),
      Math.ceil(growthMax / (piece.length + 1)),
    )
    return Buffer.concat([bytes.subarray(0, to), ...Array.from({ length: times }, () => piece), bytes.subarray(to)])
  }

  #swap(bytes: Buffer): Buffer {
    const [from, middle] = this.#span(bytes)
    const to = Math.min(bytes.length, middle + 1 + this.below(16))
    const parts = [
      bytes.subarray(0, from),
      bytes.subarray(middle, to),
      bytes.subarray(from, middle),
      bytes.subarray(to),
    ]
    return Buffer.concat(parts)
  }

  /** Another number in the place of one that is there: mostly a length. */
  #number(bytes: Buffer): Buffer {
    const found = [...bytes.toString('latin1').matchAll(/\d+/g)]
    if (found.length === 0) return this.#set(bytes)
    const { index, 0: text } = found[this.below(found.length)] as RegExpExecArray
    const number = this.#random.unit() < 0.5 ? this.#one(oddNumbers) : String(Number(text) + 1 - 2 * this.below(2))
    return Buffer.concat([bytes.subarray(0, index), Buffer.from(number), bytes.subarray(index + text.length)])
  }

  /** Deep in each other: what calls itself for each level runs out of stack. */
  #nest(bytes: Buffer): Buffer {
    const depth = this.#random.unit() < 0.9 ? 1 + this.below(40) : 1 + this.below(this.#bytesMax >> 2)
    const [open, close] = this.#one([
      ['[', ']'],
      ['{"a":', '}'],
      ['(', ')'],
      ['"', '"'],
    ] as const)
    const at = this.below(bytes.length + 1)
    const inner = this.#random.unit() < 0.5 ? '0' : ''
    const nested = Buffer.from(open.repeat(depth) + inner + (this.#random.unit() < 0.7 ? close.repeat(depth) : ''))
    // In the place of a value, where that can be told.
    const value = /(?<=[:,[]\s*)(?:"[^"]*"|-?\d+|true|false|null)/.exec(bytes.toString('latin1', at))
    const [from, to] = value ? [at + value.index, at + value.index + value[0].length] : [at, at]
    return Buffer.concat([bytes.subarray(0, from), nested, bytes.subarray(to)])
  }

  #insert(bytes: Buffer, word: Buffer): Buffer {
    const at = this.below(bytes.length + 1)
    return Buffer.concat([bytes.subarray(0, at), word, bytes.subarray(at)])
  }

  #replace(bytes: Buffer, word: Buffer): Buffer {
    const [from, to] = this.#span(bytes)
    return Buffer.concat([bytes.subarray(0, from), word, bytes.subarray(to)])
  }

  #splice(bytes: Buffer, other: Buffer): Buffer {
    return Buffer.concat([
      bytes.subarray(0, this.below(bytes.length + 1)),
      other.subarray(this.below(other.length + 1)),
    ])
  }
}
