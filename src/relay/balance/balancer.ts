/**
 * Keeps what choices are made from: who has read which prompts, and how often what was chosen. One for all calls of a
 * process.
 */
import type { Call, Usage } from '../../dialect/call.ts'
import { loadNow } from '../../fleet/engine-metrics.ts'
import { modelAt, type Target } from '../../fleet/fleet.ts'
import type { CallSize } from '../../fleet/load.ts'
import type { BalanceOptions } from '../../fleet/pool-options.ts'
import type { Member } from '../../fleet/pool.ts'
import type { Upstream } from '../../fleet/upstream.ts'
import type { Clock } from '../../ground/clock.ts'
import type { Random } from '../../ground/random.ts'
import { choose, type Facts, type Reason } from './balance.ts'
import type { EngineLoad } from './outlook.ts'
import { PrefixIndex } from './prefix-index.ts'
import { emptyChain, type PromptChain, promptChain } from './prompt-chain.ts'
import type { Standing } from './rank.ts'

const blocksMaxDefault = 2 ** 18
/** Of a cache whose size is known, we know what was pushed out; one of unknown size is believed for minutes only. */
const keepMs = 3_600_000
const keepMsUnknown = 600_000
const cacheTokensUnknown = 500_000
/** Upstreams that have read most of a prompt, looked at beside those that are drawn, where there are many. */
const holdersMax = 2

/** Fewer tokens say nothing of how far a cache keeps what we think. */
const learntTokensMin = 256
/** Weight of the newest answer in how far an upstream is trusted to keep what it has read. */
const newest = 0.1

/** A call as it is for one upstream. */
export interface ReadSize extends CallSize {
  /** Tokens of the prompt that it has read before, whether it has kept them or not. */
  readonly heldTokens: number
}

/** What others know of members; left out, it is read off the upstream. */
export interface BalancerParts {
  readonly clock: Clock
  readonly random: Random
  readonly standing?: (member: Member, upstreamModel: string) => Standing
  readonly hasRoom?: (member: Member) => boolean
  /** Blocks of prompts remembered, of all upstreams. Default: 262,144, which are 10 MB when they are in use. */
  readonly blocksMax?: number
  /** Tokens that its KV cache holds; null when unknown. */
  readonly cacheTokens?: (upstream: Upstream) => number | null
}

/** One call that looks for an upstream. */
export interface AskOrder {
  readonly target: Target
  readonly size: CallSize
  readonly call: Call
  /** Name of the caller's key. */
  readonly caller: string
  readonly session: string | null
}

/** Routes on which what was read before is of use. */
const cachedRoutes: ReadonlySet<string> = new Set(['chat', 'completions', 'responses', 'messages'])

/** As the engine tells. */
function toldCacheTokens({ engine }: Upstream): number | null {
  const tokens = (engine?.kvBlocks ?? 0) * (engine?.blockTokens ?? 0)
  return tokens > 0 ? tokens : null
}

export class Balancer {
  readonly parts: BalancerParts
  readonly index: PrefixIndex<Upstream>
  readonly counts: Record<Reason, number> = { only: 0, load: 0, prefix: 0, session: 0, explore: 0 }
  /** Of all prompts that were compared: their tokens, and those that the chosen upstream should have in its cache. */
  readonly promptTokens = { asked: 0, cached: 0 }
  #absences = new WeakMap<Upstream, number>()
  /** The share of what it has read that it turns out to have kept, where it tells: some have no cache, or share it. */
  #keptShares = new WeakMap<Upstream, number>()

  constructor(parts: BalancerParts) {
    this.parts = parts
    this.index = new PrefixIndex({ blocksMax: parts.blocksMax ?? blocksMaxDefault })
  }

  ask(order: AskOrder): Ask {
    return new Ask(this, order)
  }

  keptShare(upstream: Upstream): number {
    return this.#keptShares.get(upstream) ?? 1
  }

  /** Learns from the counts of an answer how much the upstream had kept. */
  learn(upstream: Upstream, { heldTokens }: ReadSize, { cachedTokens }: Usage): void {
    if (cachedTokens === undefined || heldTokens < learntTokensMin) return
    const share = Math.min(1, Math.max(0, cachedTokens / heldTokens))
    const before = this.keptShare(upstream)
    this.#keptShares.set(upstream, before + newest * (share - before))
  }

  /** It is no more. */
  forget(upstream: Upstream): void {
    this.index.forget(upstream)
  }

  /** What it had read before it went away it has no longer. */
  forgetIfGone(upstream: Upstream): void {
    const { absenceCount } = upstream
    if (absenceCount === (this.#absences.get(upstream) ?? 0)) return
    this.#absences.set(upstream, absenceCount)
    this.index.forget(upstream)
  }
}

export class Ask implements Facts {
  tried: ReadonlySet<Member> = new Set()
  readonly random: Random
  readonly size: CallSize
  readonly options: BalanceOptions
  readonly session: string | null
  #balancer: Balancer
  #order: AskOrder
  #chain: PromptChain | null = null
  /** Of the choice under way: the clock is not asked for each member. */
  #nowMs = 0

  constructor(balancer: Balancer, order: AskOrder) {
    this.#balancer = balancer
    this.#order = order
    this.random = balancer.parts.random
    this.size = order.size
    this.options = order.target.pool.balance
    this.session = order.session === null ? null : `${order.caller}\n${order.session}`
  }

  /** The next to send to, of all or of `among`; null when all have been tried. */
  choose(tried: ReadonlySet<Member>, among = this.#order.target.members): Member | null {
    this.tried = tried
    this.#nowMs = this.#balancer.parts.clock.monotonicMs()
    const choice = choose(among, this)
    if (choice) this.#balancer.counts[choice.reason]++
    return choice && choice.member
  }

  /** The call goes to this one now. Returns its size there: without what of the prompt need not be read again. */
  send(member: Member): ReadSize {
    const { index, parts, promptTokens } = this.#balancer
    const { size } = this
    this.#nowMs = parts.clock.monotonicMs()
    const chain = this.#promptChain()
    if (chain.count === 0) return { ...size, heldTokens: 0 }
    const { upstream } = member
    const heldTokens = this.#heldTokens(upstream)
    const cachedTokens = heldTokens * this.#balancer.keptShare(upstream)
    promptTokens.asked += size.promptTokens
    promptTokens.cached += cachedTokens
    const cacheTokens = (parts.cacheTokens ?? toldCacheTokens)(upstream)
    const bytesPerToken = chain.promptBytes / Math.max(1, size.promptTokens)
    index.note(upstream, chain, this.#nowMs, {
      bytesMax: (cacheTokens ?? cacheTokensUnknown) * bytesPerToken,
      keepMs: cacheTokens === null ? keepMsUnknown : keepMs,
    })
    return { ...size, promptTokens: size.promptTokens - cachedTokens, heldTokens }
  }

  modelAt(member: Member): string {
    return modelAt(member, this.#order.target)
  }

  standing(member: Member): Standing {
    const { standing } = this.#balancer.parts
    return standing
      ? standing(member, this.#order.target.upstreamModel)
      : { restMs: member.upstream.restLeftMs, share: 1 }
  }

  hasRoom(member: Member): boolean {
    return this.#balancer.parts.hasRoom?.(member) ?? true
  }

  engine(upstream: Upstream): EngineLoad | null {
    const { engine } = upstream
    return engine && { ...loadNow(engine, upstream.load.calls), kvUsage: engine.kvUsage ?? 0 }
  }

  cachedTokens({ upstream }: Member): number {
    return this.#heldTokens(upstream) * this.#balancer.keptShare(upstream)
  }

  #heldTokens(upstream: Upstream): number {
    const chain = this.#promptChain()
    if (chain.count === 0) return 0
    this.#balancer.forgetIfGone(upstream)
    const heldBytes = this.#balancer.index.heldBytes(upstream, chain, this.#nowMs)
    return heldBytes === 0 ? 0 : (heldBytes / chain.promptBytes) * this.size.promptTokens
  }

  holders(): readonly Upstream[] {
    return this.#balancer.index.bestHolders(this.#promptChain(), this.#nowMs, holdersMax)
  }

  /** Made when it is first asked for: with one upstream there is nothing to compare. */
  #promptChain(): PromptChain {
    if (this.#chain) return this.#chain
    const { target, call, caller } = this.#order
    const { affinity } = this.options
    const isOfUse =
      target.pool.members.length > 1 && (affinity === 'auto' || affinity === 'prefix') && cachedRoutes.has(call.route)
    return (this.#chain = isOfUse ? promptChain(call.body, `${target.upstreamModel}\n${caller}`) : emptyChain)
  }
}
