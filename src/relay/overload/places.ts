/** The places at all model servers, and the lines of those who wait for one: a gate for each, a line for each pool. */
import type { Fault } from '../../fault/fault.ts'
import type { Pool, Member } from '../../fleet/pool.ts'
import type { CallSize } from '../../fleet/load.ts'
import type { Upstream } from '../../fleet/upstream.ts'
import type { Clock, Timer } from '../../ground/clock.ts'
import type { Random } from '../../ground/random.ts'
import { Gate, type Passage } from './gate.ts'
import type { Demand, PoolDemand } from './demand.ts'
import { Line } from './line.ts'
import type { OverloadOptions } from './overload-options.ts'
import { PoolLines } from './pool-lines.ts'
import { serveLines } from './serve-lines.ts'
import { type Tier, tiers } from './tier.ts'

/** While calls are under way, gates are looked at this often. */
const lookMs = 250
/** What a server says, or does, that has no place for more. */
const fullCodes = new Set(['HF_UPSTREAM_BUSY', 'HF_UPSTREAM_RATE_LIMITED', 'HF_CONNECT_TIMEOUT'])

export interface LineFact {
  readonly pool: string
  readonly tier: Tier
  readonly waiting: number
  /** Forecasts that held, and that did not, since the start. */
  readonly heldCount: number
  readonly missedCount: number
}

export class Places {
  readonly options: OverloadOptions
  /** Null where no replicas are run. */
  readonly demand: Demand | null
  #clock: Clock
  #gates = new Map<Upstream, Gate>()
  #lines: PoolLines
  #timer: Timer | null = null
  #isServingSoon = false

  constructor(clock: Clock, random: Random, options: OverloadOptions, demand: Demand | null = null) {
    this.#clock = clock
    this.options = options
    this.demand = demand
    this.#lines = new PoolLines((others) => new Line(clock, random, options, others))
  }

  /** Who waits before each pool, and how often what they were told held. */
  *lineFacts(): IterableIterator<LineFact> {
    for (const [{ name }, line] of this.#lines)
      for (const [rank, tier] of tiers.entries()) {
        const { heldCount = 0, missedCount = 0 } = line.forecasts[rank] ?? {}
        yield { pool: name, tier, waiting: line.waitingOf(tier), heldCount, missedCount }
      }
  }

  /** What was asked of the pools of replicas since this was asked last. */
  takeDemand(): Record<string, PoolDemand> {
    const waiting = new Map<string, number>()
    for (const [{ name }, line] of this.#lines) waiting.set(name, line.waitingCount)
    return this.demand?.take((pool) => waiting.get(pool) ?? 0) ?? {}
  }

  gateOf(upstream: Upstream): Gate {
    let gate = this.#gates.get(upstream)
    if (gate) return gate
    gate = new Gate(upstream, this.options)
    if (!upstream.hasLeft) this.#gates.set(upstream, gate)
    return gate
  }

  /** It is no more. */
  forget(upstream: Upstream): void {
    this.#gates.delete(upstream)
    this.#lines.membersChanged()
  }

  /** One more is there: it may have room for those that wait. */
  welcome(): void {
    this.#lines.membersChanged()
    this.#serveSoon()
  }

  lineOf(pool: Pool): Line {
    return this.#lines.of(pool)
  }

  /** Whether it may be sent a call now. One that rests is not waited for: whoever asks it finds out how it is. */
  hasRoom({ upstream }: Member): boolean {
    return this.gateOf(upstream).hasRoom
  }

  /**
   * Whether one of them may be sent a call now. Those that rest count only when all do: the call then goes its way,
   * which knows what to do about servers that are down. But no more do so than those would be given at once if they
   * were up: all of them come over the first that is back.
   * @param inside calls that were let in before, and are not over.
   */
  hasPlace(members: readonly Member[], isResting: (member: Member) => boolean, inside: number): boolean {
    let isAnyUp = false
    for (const member of members) {
      if (isResting(member)) continue
      if (this.hasRoom(member)) return true
      isAnyUp = true
    }
    return !isAnyUp && inside < members.reduce((sum, { upstream }) => sum + this.gateOf(upstream).callsAtOnce, 0)
  }

  /** How full its servers are that do not rest: the emptiest counts. At least 1 while calls wait in its line. */
  saturation(pool: Pool): number {
    if ((this.#lines.find(pool)?.waitingCount ?? 0) > 0) return 1
    const up = pool.members.filter(({ upstream }) => upstream.restLeftMs === 0)
    return Math.min(...up.map(({ upstream }) => this.gateOf(upstream).saturation))
  }

  /** A call is sent to this server. @param model its name there. @param isStream not an answer in one piece. */
  enter(upstream: Upstream, model: string, size: CallSize, isStream: boolean): Passage {
    const passage = this.gateOf(upstream).enter(upstream.speed(model), size, this.#clock.monotonicMs(), isStream)
    passage.onRoom = this.#serveSoon
    this.#timer ??= this.#clock.after(lookMs, this.#look)
    return passage
  }

  /** A call failed there. */
  noteFault(upstream: Upstream, fault: Fault): void {
    if (fullCodes.has(fault.code)) this.gateOf(upstream).backOff(this.#clock.monotonicMs())
  }

  /** Ends all timers. */
  [Symbol.dispose](): void {
    this.#timer?.cancel()
    for (const [, line] of this.#lines) line[Symbol.dispose]()
  }

  /** Once for all that happens in this turn. */
  #serveSoon = (): void => {
    if (this.#isServingSoon || !this.#lines.isAnyWaiting) return
    this.#isServingSoon = true
    this.#clock.soon(() => {
      this.#isServingSoon = false
      serveLines(this.#lines.inTurn())
    })
  }

  #look = (): void => {
    this.#timer = null
    const nowMs = this.#clock.monotonicMs()
    let isBusy = false
    for (const [upstream, gate] of this.#gates) {
      gate.look(nowMs)
      isBusy ||= upstream.load.calls > 0
    }
    if (isBusy) this.#timer = this.#clock.after(lookMs, this.#look)
  }
}
