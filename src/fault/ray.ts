/**
 * The Ray ID: the identity of one exchange, on every response, log line and fact.
 *
 *     06c8m0dfk2 h3vd 4zq7k1hb - ams
 *     time       node chance     site
 *
 * (written without the blanks). Crockford base32, lower case: 10 characters of milliseconds since 1970, so that
 * rays sort by time; 4 of the node that gave it; 8 of chance, of which the first 2 count up within a millisecond.
 */
import type { Clock } from '../ground/clock.ts'
import type { Random } from '../ground/random.ts'

export type Ray = string & { readonly ray: unique symbol }

const alphabet = '0123456789abcdefghjkmnpqrstvwxyz'
const shape = /^[0-9a-hjkmnp-tv-z]{22}-[a-z0-9]{1,12}$/
const nodeBits = 20

export interface RayParts {
  /** When the exchange began, milliseconds since 1970. */
  readonly timeMs: number
  /** The node that gave it, 0 to 2^20 - 1. */
  readonly node: number
  /** The site of that node, 1 to 12 characters of a-z and 0-9. */
  readonly site: string
}

/** All pairs of letters, by their value. */
const pairs = Array.from({ length: 1024 }, (_, i) => `${alphabet[i >> 5]}${alphabet[i & 31]}`)

/** `length` is even. */
function encode(value: number, length: number): string {
  let text = ''
  let rest = value
  for (let i = 0; i < length; i += 2) {
    text = pairs[rest % 1024] + text
    rest = Math.floor(rest / 1024)
  }
  return text
}

function decode(text: string): number {
  let value = 0
  for (const letter of text) value = value * 32 + alphabet.indexOf(letter)
  return value
}

/**
 * Gives out rays for one node; strictly increasing as text even within one millisecond and when the wall clock steps
 * back.
 */
export class RaySource {
  #clock: Clock
  #random: Random
  #suffix: string
  #node: string
  #lastMs = 0
  #time = ''
  #count = 0

  constructor(clock: Clock, random: Random, identity: { node: number; site: string }) {
    this.#clock = clock
    this.#random = random
    this.#node = encode(identity.node % 2 ** nodeBits, 4)
    this.#suffix = `-${identity.site}`
  }

  next(): Ray {
    const nowMs = this.#clock.nowMs()
    if (nowMs > this.#lastMs) this.#start(nowMs)
    else if (++this.#count === 1024) this.#start(this.#lastMs + 1) // borrow from the next millisecond
    const chance = encode(this.#random.bits(30), 6)
    return `${this.#time}${this.#node}${encode(this.#count, 2)}${chance}${this.#suffix}` as Ray
  }

  #start(ms: number): void {
    this.#lastMs = ms
    this.#time = encode(ms, 10)
    this.#count = 0
  }
}

/** The parts of a ray, or null when the text is not one. */
export function parseRay(text: string): RayParts | null {
  if (!shape.test(text)) return null
  return { timeMs: decode(text.slice(0, 10)), node: decode(text.slice(10, 14)), site: text.slice(23) }
}
