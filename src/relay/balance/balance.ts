/** Which upstream: pure, numbers in, a choice out. */
import type { CallSize } from '../../fleet/load.ts'
import type { BalanceOptions } from '../../fleet/pool-options.ts'
import type { Member } from '../../fleet/pool.ts'
import type { Upstream } from '../../fleet/upstream.ts'
import type { Random } from '../../ground/random.ts'
import { type EngineLoad, believedPace, type Outlook, outlookOf, type Pace, paceOf, usualPace } from './outlook.ts'
import { bestRank, draw, drawCohort, nth, type Rank, type RankFacts, type Weighed } from './rank.ts'
import { sessionHash, sessionMark } from './session.ts'

/** What is known beside the members. */
export interface Facts extends RankFacts {
  readonly random: Random
  readonly size: CallSize
  readonly options: BalanceOptions
  /** The conversation that the call belongs to; null where nobody said. */
  readonly session: string | null
  /** The model's name there. */
  modelAt(member: Member): string
  engine(upstream: Upstream): EngineLoad | null
  /** Tokens of the prompt that it has read lately. */
  cachedTokens(member: Member): number
  /** Those that have read most of it, the best first. */
  holders(): readonly Upstream[]
}

export type Reason = 'only' | 'load' | 'prefix' | 'session' | 'explore'

export interface Choice {
  readonly member: Member
  readonly reason: Reason
}

/**
 * Of more than so many not all are looked at: some drawn by weight, and whoever has read the prompt, compete. Two would
 * do against pile-ups, but eight also tell the mean, and the bench with 64 replicas has a busiest one of 1.2 times the
 * mean with eight, of 1.5 to 2 with two.
 */
const lookedMax = 32
const drawnCount = 8
/**
 * A cached token counts so many times: it need not be read now, nor does it push others out of a second cache later.
 * On the conversation trace of `bench/balance.ts` the first token comes soonest, on average, between 2 and 4.
 */
const cachedWorth = 3
/** An overloaded holder is given up when another would be so much sooner with the first token. */
const sparedSMin = 1
const sparedShare = 0.25
/** What a holder may have in hand beyond the bound, so that the bound means something while hardly anything goes on. */
const slackS = 2
const slackCalls = 2
/** Members in a session's own order that are looked at before it goes where there is least to do. */
const sessionTriesMax = 4
/** Chance among those that are about equal, in parts of what the call brings; settles who is first among idle ones. */
const noiseShare = 0.02
/** Such a cached beginning is worth a name. */
const prefixTokensMin = 64
/** Keeps the noise alive where a call brings nothing: the whole prompt is cached, say. */
const noiseMin = 1e-6

/**
 * The member to send to next, or null when none is left. Those that rest after failures come last, soonest first; those
 * without room behind those with; then the lowest priority number. Among the rest the one that has least to do for its
 * weight, the call itself included, for which it counts what of the prompt has been read there before. Of idle ones
 * that know nothing of the prompt each wins in proportion to its weight.
 */
export function choose(members: readonly Member[], facts: Facts): Choice | null {
  const [only] = members
  if (only && members.length === 1) return facts.tried.has(only) ? null : { member: only, reason: 'only' }
  // A conversation stays with its cohort.
  const rank = drawCohort(bestRank(members, facts), () => cohortMark(facts))
  const [first] = rank.members
  if (first === undefined) return null
  if (rank.members.length === 1) return { member: first, reason: 'only' }
  const { random, session, options, size } = facts
  const { affinity, exploreShare } = options
  const isCrowd = rank.members.length > lookedMax
  if (session !== null && (affinity === 'auto' || affinity === 'session')) {
    const scale = new Scale(facts, isCrowd ? sample(rank, random) : weighed(rank))
    const member = sessionMember(rank, scale, session)
    return member ? { member, reason: 'session' } : leastWork(scale.looked, scale, facts)
  }
  const minds = affinity === 'auto' || affinity === 'prefix'
  const isExploring = minds && random.unit() < exploreShare
  const scale = new Scale(facts, isCrowd ? sample(rank, random) : weighed(rank))
  const holders = isCrowd && minds ? holdersIn(rank, facts).map((each) => scale.look(each)) : []
  const rivals = isCrowd ? [...scale.looked, ...holders] : scale.looked
  if (isExploring && isMostlyNew(rivals, size)) return { member: draw(rank, random).member, reason: 'explore' }
  // They were drawn by weight: among idle ones the weight must not count once more.
  const drawnWeight = isCrowd ? (rank.sums.at(-1) as number) / rank.members.length : undefined
  return leastWork(rivals, scale, facts, drawnWeight)
}

function cohortMark({ session, random }: Facts): number {
  return session === null ? random.unit() : Math.exp(-sessionMark(sessionHash(session), 'cohort', 1))
}

/** Then nobody loses much when it is sent anywhere. */
function isMostlyNew(rivals: readonly Outlook[], { promptTokens }: CallSize): boolean {
  return rivals.every(({ cachedTokens }) => 2 * cachedTokens <= promptTokens)
}

function weighed(rank: Rank): Weighed[] {
  return rank.members.map((_, i) => nth(rank, i))
}

function sample(rank: Rank, random: Random): Weighed[] {
  return Array.from({ length: drawnCount }, () => draw(rank, random))
}

/** Those of this rank that have read most of the prompt. */
function holdersIn(rank: Rank, facts: Facts): Weighed[] {
  return facts.holders().flatMap((holder) => {
    const i = rank.members.findIndex(({ upstream }) => upstream === holder)
    return i === -1 ? [] : [nth(rank, i)]
  })
}

/** In which unit work is told, and how much of it is usual: from members that were looked at. */
class Scale {
  readonly looked: readonly Outlook[]
  #facts: Facts
  /** Null when nobody's speed is known, and calls are counted. */
  #usual: Pace | null
  #meanWork: number

  constructor(facts: Facts, sampled: readonly Weighed[]) {
    this.#facts = facts
    const paces = sampled.map(({ member }) => this.#paceOf(member))
    this.#usual = usualPace(paces)
    this.looked = sampled.map((each, i) => this.#outlook(each, paces[i] as Pace | null))
    let work = 0
    let weight = 0
    for (const each of this.looked) {
      work += each.work
      weight += each.weight
    }
    this.#meanWork = work / weight
  }

  look(each: Weighed): Outlook {
    return this.#outlook(each, this.#paceOf(each.member))
  }

  /** Whether it has no more in hand than a favourite may have. */
  isWithinBound({ work, weight }: Outlook): boolean {
    return work <= this.#facts.options.loadBound * this.#meanWork * weight + (this.#usual ? slackS : slackCalls)
  }

  #paceOf(member: Member): Pace | null {
    const { upstream } = member
    return paceOf(upstream.speed(this.#facts.modelAt(member)), upstream.load.calls + 1)
  }

  #outlook({ member, weight }: Weighed, pace: Pace | null): Outlook {
    const { size } = this.#facts
    const cachedTokens = this.#facts.cachedTokens(member)
    const engine = this.#facts.engine(member.upstream)
    return outlookOf({
      member,
      weight,
      size,
      cachedTokens,
      engine,
      pace: this.#usual && believedPace(pace, this.#usual),
    })
  }
}

/** The first within the bound in the session's own order. */
function sessionMember(rank: Rank, scale: Scale, session: string): Member | null {
  const hash = sessionHash(session)
  const marks = rank.members.map(({ upstream }, i) => sessionMark(hash, upstream.name, nth(rank, i).weight))
  for (let tries = 0; tries < sessionTriesMax; tries++) {
    let best = 0
    for (let i = 1; i < marks.length; i++) if ((marks[i] as number) < (marks[best] as number)) best = i
    if (marks[best] === Infinity) return null
    const each = nth(rank, best)
    if (scale.isWithinBound(scale.look(each))) return each.member
    marks[best] = Infinity
  }
  return null
}

/** `drawnWeight`: by which chance is weighed in place of each one's own. */
function leastWork(rivals: readonly Outlook[], scale: Scale, { random }: Facts, drawnWeight?: number): Choice {
  let soonestS = Infinity
  for (const each of rivals) soonestS = Math.min(soonestS, each.firstTokenS)
  const latestS = soonestS + Math.max(sparedSMin, sparedShare * soonestS)
  const favoured = rivals.map((each) =>
    each.firstTokenS <= latestS && scale.isWithinBound(each) ? each.cachedTokens : 0,
  )
  const favouredMax = Math.max(...favoured)
  let costMin = Infinity
  for (const { cost } of rivals) costMin = Math.min(costMin, cost)
  let best = rivals[0] as Outlook
  let bestScore = Infinity
  let bestFavoured = 0
  for (const [i, each] of rivals.entries()) {
    const lost = (cachedWorth - 1) * (favouredMax - (favoured[i] as number)) * each.readUnit
    const noise = -Math.log(1 - random.unit()) * (noiseShare * costMin + noiseMin)
    const score = (each.work + each.cost - costMin + lost) / each.weight + noise / (drawnWeight ?? each.weight)
    if (score < bestScore) [best, bestScore, bestFavoured] = [each, score, favoured[i] as number]
  }
  const isPrefix = bestFavoured >= prefixTokensMin && favoured.some((tokens) => tokens < bestFavoured)
  return { member: best.member, reason: isPrefix ? 'prefix' : 'load' }
}
