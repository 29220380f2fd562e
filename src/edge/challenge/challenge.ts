/**
 * Visitors of the hosted site who have no key prove, while the shield is up, that a browser works for them: a page has
 * it find a number, and for that it gets a pass, with which it is let through at the ordinary rate. Never for calls of
 * models.
 */
import type { IncomingHttpHeaders } from 'node:http'
import { Fault } from '../../fault/fault.ts'
import type { Clock } from '../../ground/clock.ts'
import type { Random } from '../../ground/random.ts'
import { type Rate, GuestBook } from '../crowd/guest-book.ts'
import { placeOf } from '../crowd/place.ts'
import type { Crowd } from '../crowd/crowd.ts'
import type { CrowdOptions } from '../crowd/crowd-options.ts'
import type { Asking } from '../visitor.ts'
import { challengePage, type ChallengePage } from './challenge-page.ts'
import { checkPass, checkSolution, makePass, makePuzzle, Signer } from './puzzle.ts'
import { passCookie, readCookie } from './read-cookie.ts'

/** Where solutions are sent. */
export const challengePath = '/.well-known/holdfast-challenge'
const solutionHeader = 'holdfast-solution'

/** Numbers to look through at each level of the shield, half of them on average. */
const numbersMax = [100_000, 100_000, 250_000, 500_000]
/** A puzzle is good for so long. */
const puzzleS = 300
/** Solutions that are looked at, by address. */
const tries: Rate = { perSecond: 0.5, burst: 10 }
const triersMax = 4096
/** Who cannot prove anything is told to come back then. */
const comeBackMs = 30_000

export interface ChallengeParts {
  readonly clock: Clock
  readonly random: Random
  readonly crowd: Crowd
  readonly options: CrowdOptions['challenge']
  /** Shared by all workers; asked for once, when it is needed. */
  readonly secret: () => Buffer
}

export class Challenge {
  #parts: ChallengeParts
  #signerMade: Signer | null = null
  #triers = new GuestBook(triersMax)
  /** From this level of the shield on; 0: always. */
  #levelMin: number

  constructor(parts: ChallengeParts) {
    this.#parts = parts
    this.#levelMin = parts.options.when === 'always' ? 0 : parts.options.fromLevel
  }

  /** Whether who comes from here has to prove it. */
  isOn(address: string): boolean {
    return this.#parts.crowd.networkMet(address, this.#levelMin) !== null
  }

  hasPass({ cookie }: IncomingHttpHeaders, address: string): boolean {
    const pass = readCookie(cookie, passCookie)
    if (pass === null) return false
    const network = this.#parts.crowd.networkMet(address, 0)
    return network !== null && checkPass(this.#signer, network, pass, this.#nowS)
  }

  /** Whether a request is let through as if there were no attack: of who has proved it, or is about to. */
  lets({ headers }: Asking, path: string, address: string): boolean {
    return path === challengePath ? this.mayTry(address) : this.hasPass(headers, address)
  }

  /** Whether one more solution from here is looked at. */
  mayTry(address: string): boolean {
    const unit = placeOf(address)?.unit ?? address
    const nowMs = this.#parts.clock.monotonicMs()
    return this.#triers.at(unit, tries, nowMs).take(tries, nowMs)
  }

  /** A request for what is no model's. @throws {Fault} HF_CHALLENGE */
  check(request: Asking, address: string, isKnown: () => boolean): void {
    if (!this.isOn(address) || isFree(request.url ?? '/')) return
    if (this.hasPass(request.headers, address) || isKnown()) return
    throw this.#refuse(address)
  }

  /**
   * Where others have used up what an address or a network may ask, who wants a page can still show that he is none of
   * them.
   */
  inPlaceOf(fault: Fault, request: Asking, address: string): Fault {
    if (fault.code !== 'HF_ADDRESS_RATE' || !this.isPage(request) || !this.isOn(address)) return fault
    if (this.#parts.crowd.isLocked(address) || isFree(request.url ?? '/')) return fault
    return this.hasPass(request.headers, address) ? fault : new Fault('HF_CHALLENGE', { retryAfterMs: comeBackMs })
  }

  #refuse(address: string): Fault {
    const { crowd } = this.#parts
    // While bots come and do not solve it, the attack goes on.
    if (crowd.shieldLevel > 0) crowd.refused(address)
    return new Fault('HF_CHALLENGE', { retryAfterMs: comeBackMs })
  }

  /** Whether a page is asked for, to be looked at: only there a browser can do what it is told. */
  isPage({ method, headers }: Asking): boolean {
    if (method !== 'GET') return false
    const mode = headers['sec-fetch-mode']
    if (mode !== undefined) return mode === 'navigate'
    return /(^|[\s,])text\/html\b/i.test(headers.accept ?? '')
  }

  /** The page with a new puzzle. */
  page(
    request: Asking,
    told: { readonly ray: string; readonly atMs: number; readonly address: string },
  ): ChallengePage {
    const { crowd, random, options } = this.#parts
    crowd.challenges.issued++
    const numberMax = numbersMax[Math.min(crowd.shieldLevel, numbersMax.length - 1)] ?? 0
    const network = crowd.networkMet(told.address, 0) ?? ''
    const puzzle = makePuzzle(this.#signer, network, {
      nonce: [0, 1, 2].map(() => random.bits(32).toString(16).padStart(8, '0')).join(''),
      number: Math.floor(random.unit() * (numberMax + 1)),
      numberMax,
      untilS: this.#nowS + puzzleS,
    })
    return challengePage(puzzle, { ...told, isLasting: options.when === 'always', request, path: challengePath })
  }

  /** Gives the `set-cookie` for a solution. @throws {Fault} HF_METHOD_UNKNOWN, HF_CHALLENGE */
  solve({ method, headers }: Asking, address: string, isSecure: boolean): string {
    if (method !== 'POST') throw new Fault('HF_METHOD_UNKNOWN', { param: 'POST' })
    const { crowd, options } = this.#parts
    const network = crowd.networkMet(address, 0) ?? ''
    const untilS = checkSolution(this.#signer, network, String(headers[solutionHeader] ?? ''), this.#nowS)
    if (untilS === null) {
      crowd.challenges.refused++
      throw this.#refuse(address)
    }
    crowd.challenges.solved++
    // Counted from when the puzzle was made, so that the same solution earns the same pass.
    const endS = untilS - puzzleS + Math.ceil(options.passMs / 1000)
    const pass = makePass(this.#signer, network, endS)
    const attributes = `Path=/; Max-Age=${endS - this.#nowS}; HttpOnly; SameSite=Lax${isSecure ? '; Secure' : ''}`
    return `${passCookie}=${pass}; ${attributes}`
  }

  get #signer(): Signer {
    return (this.#signerMade ??= new Signer(this.#parts.secret()))
  }

  get #nowS(): number {
    return Math.floor(this.#parts.clock.nowMs() / 1000)
  }
}

/** The models', and what programs fetch that have no browser, and should. */
function isFree(url: string): boolean {
  return /^\/(v1(\/|\?|$)|robots\.txt(\?|$)|\.well-known\/)/.test(url)
}
