/**
 * How near this process is to what would end it, and what it does about that: a ladder of measures, each of which
 * gives up less than the next. Whatever is under way, is read again, cancelled or deleted goes on under all of them.
 * The pattern is Envoy's overload manager: the worst of all shares decides.
 */
import { Fault } from '../../fault/fault.ts'
import type { Random } from '../../ground/random.ts'
import { Ladder } from './ladder.ts'
import type { Tier } from './tier.ts'

/** What can run out here and is given back by taking less: the memory of JavaScript, all memory, time, sockets. */
export const ownResources = ['heap', 'memory', 'loop', 'connections'] as const
/** What only forgetting gives back: room on the disk, and room in the journal that live answers do not fill. */
export const storeResources = ['disk', 'journal'] as const

export type Resource = (typeof ownResources)[number] | (typeof storeResources)[number]

/** The share of each resource that is used, 0 to 1. */
export type Shares = Readonly<Record<Resource, number>>

/**
 * `trim`: nothing is cached; `part`: connections close behind their answers; `shed`: batch calls are refused; `refuse`:
 * all new calls are.
 */
export const rungs = ['calm', 'trim', 'part', 'shed', 'refuse'] as const
export type Rung = (typeof rungs)[number]
const ownMarks = [0.75, 0.85, 0.92, 0.97]

/** `compact`: the files give back what they do not need; `full`: what would have to be kept is refused. */
export const storeRungs = ['calm', 'compact', 'full'] as const
export type StoreRung = (typeof storeRungs)[number]
const storeMarks = [0.8, 0.9]

/** When those who are refused come back: not all at once. */
const retryMsMin = 2000
const retryMsMax = 6000

const noShares: Shares = { heap: 0, memory: 0, loop: 0, connections: 0, disk: 0, journal: 0 }

export class Pressure {
  #own = new Ladder(ownMarks)
  #store = new Ladder(storeMarks)
  #random: Random
  #shares = noShares
  /** What led onto the present rung. */
  #reason: Resource | null = null

  constructor(random: Random) {
    this.#random = random
  }

  get shares(): Shares {
    return this.#shares
  }

  get rung(): Rung {
    return rungs[this.#own.rung] as Rung
  }

  get storeRung(): StoreRung {
    return storeRungs[this.#store.rung] as StoreRung
  }

  /** The resource that led onto the present rungs; null where all is calm. */
  get reason(): Resource | null {
    return this.#reason
  }

  /** One look; `nowMs` by a monotonic clock. True when a rung has changed. */
  look(shares: Shares, nowMs: number): boolean {
    this.#shares = shares
    const before = this.#own.rung
    const own = worstOf(shares, ownResources)
    const store = worstOf(shares, storeResources)
    const hasMoved = this.#own.look(shares[own], nowMs)
    const hasStoreMoved = this.#store.look(shares[store], nowMs)
    if (this.#own.rung > before) this.#reason = own
    else if (this.#own.rung === 0) this.#reason = this.#store.rung > 0 ? store : null
    return hasMoved || hasStoreMoved
  }

  /** Whether an answer that could be asked for again may be held for that. */
  get mayCache(): boolean {
    return this.rung === 'calm'
  }

  /** Whether connections stay open behind their answers. */
  get mayStayOpen(): boolean {
    return this.#own.rung < rungs.indexOf('part')
  }

  /** Whether calls are taken at all; if not, their bodies need not be read. */
  get mayTakeCalls(): boolean {
    return this.rung !== 'refuse'
  }

  /** Whether a new call of this tier is taken. Batch is what can wait. */
  mayTake(tier: Tier): boolean {
    return this.mayTakeCalls && (tier !== 'batch' || this.rung !== 'shed')
  }

  /** @throws {Fault} HF_PRESSURE, HF_JOURNAL_FULL: for a new call of this tier. */
  need(tier: Tier): void {
    if (!this.mayTake(tier)) throw this.refusal()
    if (this.storeRung === 'full')
      throw new Fault('HF_JOURNAL_FULL', { detail: this.words, retryAfterMs: this.#retryAfterMs() })
  }

  refusal(): Fault {
    return new Fault('HF_PRESSURE', { detail: this.words, retryAfterMs: this.#retryAfterMs() })
  }

  /** For operators: what is short, and how short. */
  get words(): string {
    if (this.#reason === null) return 'all is calm'
    return `${this.#reason} at ${Math.round(100 * this.#shares[this.#reason])} %`
  }

  #retryAfterMs(): number {
    return Math.round(retryMsMin + this.#random.unit() * (retryMsMax - retryMsMin))
  }
}

function worstOf<T extends Resource>(shares: Shares, resources: readonly T[]): T {
  return resources.reduce((worst, each) => (shares[each] > shares[worst] ? each : worst))
}
