/**
 * A prompt as a chain of block hashes: h(i) of h(i−1) and the bytes of block i. Two prompts that begin alike have
 * chains that begin alike, so one number says "all of this up to here". Made from the bytes as the caller sent them.
 */
import type { JsonBody } from '../../dialect/json-body.ts'

/** What a model reads before the conversation, and the conversation; in the order of chat templates. */
const headFields = ['tools', 'system', 'instructions'] as const
const talkFields = ['messages', 'prompt', 'input'] as const

/** Blocks begin at this size, which doubles after so many: a short prompt has fine ones, a long one few. */
const blockBytesMin = 64
const blocksPerSize = 32
/** The last are of 4 KiB, all together of 254 KiB. What lies behind them counts as never read before. */
const blocksMax = 224

export interface PromptChain {
  readonly count: number
  /** Two words a block: 64 bits. */
  readonly keys: Int32Array
  /** Bytes of the prompt up to the end of each block. */
  readonly ends: Uint32Array
  /** Of the whole prompt. */
  readonly promptBytes: number
}

export const emptyChain: PromptChain = {
  count: 0,
  keys: new Int32Array(0),
  ends: new Uint32Array(0),
  promptBytes: 0,
}

/**
 * The chain of a call's prompt. `salt`: what else two calls must have in common to have a cache in common.
 */
export function promptChain(body: JsonBody, salt: string): PromptChain {
  draft.begin(salt)
  for (const name of headFields) draft.add(body.raw(name), true)
  for (const name of talkFields) draft.add(body.raw(name), false)
  return draft.take()
}

/** Collects the blocks of one prompt at a time; kept for the next. */
class Draft {
  #left = 0
  #right = 0
  #count = 0
  #doneBytes = 0
  #promptBytes = 0
  #keys = new Int32Array(2 * blocksMax)
  #ends = new Uint32Array(blocksMax)

  begin(salt: string): void {
    this.#left = 0x243f6a88
    this.#right = salt.length
    this.#count = this.#doneBytes = this.#promptBytes = 0
    for (let i = 0; i < salt.length; i++) this.#word(salt.charCodeAt(i))
  }

  /** `isHead`: it ends where it ends. The last bit of a conversation goes on in the next call. */
  add(field: Buffer | undefined, isHead: boolean): void {
    if (!field) return
    this.#promptBytes += field.length
    const view = new DataView(field.buffer, field.byteOffset, field.length)
    let at = 0
    while (at < field.length && this.#count < blocksMax) {
      const size = blockBytesMin << Math.floor(this.#count / blocksPerSize)
      if (at + size > field.length && !isHead) return
      const end = Math.min(field.length, at + size)
      this.#block(view, at, end)
      at = end
    }
  }

  take(): PromptChain {
    const count = this.#count
    if (count === 0) return { ...emptyChain, promptBytes: this.#promptBytes }
    return {
      count,
      keys: this.#keys.slice(0, 2 * count),
      ends: this.#ends.slice(0, count),
      promptBytes: this.#promptBytes,
    }
  }

  /** Multiply and rotate in two lanes, each of which also feeds the other: not for secrets, but fast (2 GB/s). */
  #block(view: DataView, from: number, end: number): void {
    let left = this.#left
    let right = this.#right
    let at = from
    for (; at + 8 <= end; at += 8) {
      left = Math.imul(left ^ view.getInt32(at, true), 0x9e3779b1)
      left = (left << 15) | (left >>> 17)
      right = Math.imul(right ^ view.getInt32(at + 4, true), 0x85ebca77)
      right = (right << 13) | (right >>> 19)
      left = (left + right) | 0
    }
    this.#left = left
    this.#right = right
    for (; at < end; at++) this.#word(view.getUint8(at))
    this.#word(end - from)
    this.#doneBytes += end - from
    this.#keys[2 * this.#count] = this.#left
    this.#keys[2 * this.#count + 1] = this.#right
    this.#ends[this.#count++] = this.#doneBytes
  }

  #word(word: number): void {
    const left = Math.imul(this.#left ^ word, 0x9e3779b1)
    this.#left = (left << 15) | (left >>> 17)
    this.#right = (Math.imul(this.#right ^ this.#left, 0x85ebca77) + 1) | 0
  }
}

const draft = new Draft()
