/**
 * Who comes before all others, whatever the load: those that do not rest, have room, and are of the lowest priority
 * number. Pure.
 */
import type { Member } from '../../fleet/pool.ts'
import type { Random } from '../../ground/random.ts'

/** How far a member may be used. */
export interface Standing {
  /** How long it still rests; 0 when it may be used. */
  readonly restMs: number
  /** Of its weight, 0 to 1: less for one that has just come back. */
  readonly share: number
}

export interface RankFacts {
  readonly tried: ReadonlySet<Member>
  standing(member: Member): Standing
  /** Whether it takes one more call now. */
  hasRoom(member: Member): boolean
}

/** Members that are equal in rank, and the sums of their weights up to and with each. */
export interface Rank {
  readonly members: Member[]
  readonly sums: number[]
}

/** Nobody's weight is nothing: where nobody else is, it takes everything. */
const shareMin = 0.001

/** The members that come before all others; empty when all have been tried. */
export function bestRank(members: readonly Member[], facts: RankFacts): Rank {
  const rank: Rank = { members: [], sums: [] }
  let bestRestMs = Infinity
  let hasRoomBest = false
  let bestPriority = Infinity
  let sum = 0
  for (const member of members) {
    if (facts.tried.has(member)) continue
    const { restMs, share } = facts.standing(member)
    if (restMs > bestRestMs) continue
    const hasRoom = facts.hasRoom(member)
    const { priority, weight } = member
    if (restMs === bestRestMs) {
      if (hasRoomBest && !hasRoom) continue
      if (hasRoomBest === hasRoom && priority > bestPriority) continue
    }
    if (restMs < bestRestMs || hasRoom !== hasRoomBest || priority < bestPriority) {
      rank.members.length = rank.sums.length = sum = 0
      bestRestMs = restMs
      hasRoomBest = hasRoom
      bestPriority = priority
    }
    sum += weight * Math.max(shareMin, share)
    rank.members.push(member)
    rank.sums.push(sum)
  }
  return rank
}

/**
 * Those of one cohort, drawn in proportion to what each weighs in all: so releases that run side by side get the
 * shares of calls that they are to have, however much work any of them has in hand. All of them where there are no
 * cohorts.
 * @param mark which one, 0 to 1
 */
export function drawCohort(rank: Rank, mark: () => number): Rank {
  const { members, sums } = rank
  const first = members[0]?.cohort ?? null
  if (members.every(({ cohort = null }) => cohort === first)) return rank
  const drawn = nth(rank, indexAt(rank, mark() * (sums.at(-1) as number))).member.cohort ?? null
  const own: Rank = { members: [], sums: [] }
  let sum = 0
  for (const [i, member] of members.entries()) {
    if ((member.cohort ?? null) !== drawn) continue
    sum += nth(rank, i).weight
    own.members.push(member)
    own.sums.push(sum)
  }
  return own
}

export interface Weighed {
  readonly member: Member
  readonly weight: number
}

export function nth({ members, sums }: Rank, i: number): Weighed {
  const before = i === 0 ? 0 : (sums[i - 1] as number)
  return { member: members[i] as Member, weight: (sums[i] as number) - before }
}

/** One by chance, in proportion to the weights. */
export function draw(rank: Rank, random: Random): Weighed {
  return nth(rank, indexAt(rank, random.unit() * (rank.sums.at(-1) as number)))
}

function indexAt({ sums }: Rank, mark: number): number {
  let low = 0
  let high = sums.length - 1
  while (low < high) {
    const middle = (low + high) >> 1
    if (mark < (sums[middle] as number)) high = middle
    else low = middle + 1
  }
  return low
}
