/** Which upstream: pure, numbers in, a choice out. */
import type { Member } from '../../fleet/pool.ts'
import type { Random } from '../../ground/random.ts'

/**
 * The member to send to next, or null when none is left. Those that rest after failures come last, soonest first; then
 * the lowest priority number; then the least loaded for its weight and the share of it that it gets just now. Among
 * idle ones the draw is an exponential race, so that each wins in proportion to its weight.
 * @param standing `restMs` is 0 for one that may be used, `share` above 0, to 1.
 */
export function choose(
  members: readonly Member[],
  tried: ReadonlySet<Member>,
  random: Random,
  standing: (member: Member) => { readonly restMs: number; readonly share: number } = restOnly,
): Member | null {
  let best: Member | null = null
  let bestRestMs = 0
  let bestLoad = 0
  for (const member of members) {
    if (tried.has(member)) continue
    const { restMs, share } = standing(member)
    const load = (member.upstream.load.calls - Math.log(1 - random.unit())) / (member.weight * share)
    const isBetter =
      best === null ||
      restMs < bestRestMs ||
      (restMs === bestRestMs &&
        (member.priority < best.priority || (member.priority === best.priority && load < bestLoad)))
    if (isBetter) [best, bestRestMs, bestLoad] = [member, restMs, load]
  }
  return best
}

function restOnly({ upstream }: Member): { restMs: number; share: number } {
  return { restMs: upstream.restLeftMs, share: 1 }
}
