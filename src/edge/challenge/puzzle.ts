/**
 * Proof of work for browsers, and the pass that it earns. A puzzle is a number to be found by its hash (the scheme of
 * ALTCHA: bounded work, no long tail); puzzle and pass are signed and bound to a network and an end, and kept nowhere.
 * A solution that is sent again earns the same pass to the second, so there is nothing to be had by it. Pure.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto'

const dayS = 86_400
const saltPattern = /^[\da-f]{24}\.\d{10}$/
const solutionPattern = /^([\da-f]{24}\.(\d{10}))\.(\d{1,7})\.([\w-]{43})$/
const passPattern = /^(\d{10})\.([\w-]{43})$/

export interface Puzzle {
  readonly salt: string
  /** SHA-256 of `<salt>.<number>`, in hex. */
  readonly goal: string
  /** The number is at most this. */
  readonly numberMax: number
  readonly signature: string
}

/** Signs with a key for each day, all of one secret: what ended before yesterday was signed with a key of the past. */
export class Signer {
  #secret: Buffer
  #keys = new Map<number, Buffer>()

  constructor(secret: Buffer) {
    this.#secret = secret
  }

  /** Of a text that is good until `untilS`; seconds since 1970. */
  sign(text: string, untilS: number): string {
    return createHmac('sha256', this.#keyOf(Math.floor(untilS / dayS)))
      .update(text)
      .digest('base64url')
  }

  #keyOf(day: number): Buffer {
    let key = this.#keys.get(day)
    if (key) return key
    if (this.#keys.size >= keysMax) this.#keys.clear()
    key = createHmac('sha256', this.#secret).update(`day ${day}`).digest()
    this.#keys.set(day, key)
    return key
  }
}

const keysMax = 16

/** `nonce`: 24 digits in hex, never twice; `number`: what is to be found. */
export function makePuzzle(
  signer: Signer,
  network: string,
  { nonce, number, numberMax, untilS }: { nonce: string; number: number; numberMax: number; untilS: number },
): Puzzle {
  const salt = `${nonce}.${untilS}`
  if (!saltPattern.test(salt) || number > numberMax) throw new RangeError('no puzzle can be made of this')
  const goal = goalOf(salt, number)
  return { salt, goal, numberMax, signature: signer.sign(`puzzle ${network} ${goal}`, untilS) }
}

/** `<salt>.<number>.<signature>`. Gives until when the puzzle is good; null for none, or one that is too late. */
export function checkSolution(signer: Signer, network: string, solution: string, nowS: number): number | null {
  const [, salt = '', until = '', number = '', signature = ''] = solutionPattern.exec(solution) ?? []
  const untilS = Number(until)
  if (salt === '' || untilS < nowS || (number.length > 1 && number.startsWith('0'))) return null
  const goal = goalOf(salt, Number(number))
  return isSame(signature, signer.sign(`puzzle ${network} ${goal}`, untilS)) ? untilS : null
}

export function makePass(signer: Signer, network: string, untilS: number): string {
  return `${untilS}.${signer.sign(`pass ${network} ${untilS}`, untilS)}`
}

export function checkPass(signer: Signer, network: string, pass: string, nowS: number): boolean {
  const [, until = '', signature = ''] = passPattern.exec(pass) ?? []
  if (until === '' || Number(until) < nowS) return false
  return isSame(signature, signer.sign(`pass ${network} ${until}`, Number(until)))
}

function goalOf(salt: string, number: number): string {
  return createHash('sha256').update(`${salt}.${number}`).digest('hex')
}

function isSame(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b))
}
