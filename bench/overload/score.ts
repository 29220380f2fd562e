/** From the records of one level to its figures: pure. */
import { median, quantile } from '../statistics.ts'
import type { CallRecord } from './record.ts'
import type { Tier } from './workload.ts'

export interface LevelSpan {
  /** What comes before is warm-up; seconds. */
  readonly settleSeconds: number
  readonly seconds: number
  readonly deadlineSeconds: Readonly<Record<Tier, number>>
}

/** Shares are 0 to 1, NaN where there was nothing to share. */
export interface LevelScore {
  readonly offeredPerSecond: number
  /** Answers that ended whole within their deadline, and their tokens. */
  readonly goodPerSecond: number
  readonly goodTokensPerSecond: number
  /** Of the calls that came in time to end before the level did. */
  readonly heldShare: Readonly<Record<Tier, number>>
  /** The same for the tenants of the middle tier: the greedy one, and the others. */
  readonly greedyHeldShare: number
  readonly modestHeldShare: number
  /** The greedy tenant's part of the tokens that its tier got; it asks for half of them, four fair parts are 0.25. */
  readonly greedyTokenShare: number
  /** Of the good ones. */
  readonly firstTokenP50Ms: number
  readonly firstTokenP99Ms: number
  readonly totalP99Ms: number
  /** Refusals that stood, by fault code. */
  readonly refused: Readonly<Record<string, number>>
  readonly refusedInP50Ms: number
  readonly refusedInP99Ms: number
  /** What the refused were told, and how many of them were told a moment behind their deadline. */
  readonly retryAfterP50Ms: number
  readonly toldTooLateShare: number
  readonly lateCount: number
  /** Clients that came back as told, and the share of those that then got in. */
  readonly comebackCount: number
  readonly comebackInShare: number
  readonly broken: Readonly<Record<string, number>>
  /** p99 of how late the load itself sent. */
  readonly lagP99Ms: number
}

const share = (part: number, whole: number): number => (whole === 0 ? Number.NaN : part / whole)

function countBy(texts: readonly string[]): Record<string, number> {
  const groups = [...Map.groupBy(texts, (text) => text)].map(([text, all]) => [text, all.length] as const)
  return Object.fromEntries(groups.toSorted((a, b) => b[1] - a[1]))
}

export function scoreLevel(all: readonly CallRecord[], span: LevelSpan): LevelScore {
  const fromMs = span.settleSeconds * 1000
  const toMs = span.seconds * 1000
  const windowSeconds = span.seconds - span.settleSeconds
  const came = all.filter(({ atMs }) => atMs >= fromMs && atMs < toMs)
  const good = all.filter(({ outcome, endMs }) => outcome === 'good' && endMs >= fromMs && endMs < toMs)
  const deadlineMs = ({ tier }: CallRecord): number => span.deadlineSeconds[tier] * 1000
  // Who came back may not know in time.
  const settled = came.filter((call) => call.atMs + deadlineMs(call) < toMs && call.outcome !== 'unsettled')
  const heldShare = (isOf: (call: CallRecord) => boolean): number => {
    const own = settled.filter(isOf)
    return share(own.filter(({ outcome }) => outcome === 'good').length, own.length)
  }
  const tokens = (calls: readonly CallRecord[]): number => calls.reduce((sum, call) => sum + call.tokens, 0)
  const standard = good.filter(({ tier }) => tier === 'standard')
  const isModest = ({ tier, tenant }: CallRecord): boolean => tier === 'standard' && tenant !== 'greedy'
  const refusedOnce = came.filter(({ refusedInMs }) => refusedInMs !== null)
  const told = refusedOnce.filter(({ retryAfterMs }) => retryAfterMs !== null)
  const comebacks = came.flatMap((call) => call.comebacks)
  const refusedInMs = refusedOnce.flatMap((call) => call.refusedInMs ?? [])
  const firstTokenMs = good.flatMap(({ atMs, firstTokenMs: firstMs }) => (firstMs === null ? [] : [firstMs - atMs]))
  const codes = (outcome: CallRecord['outcome']): string[] =>
    came.filter((call) => call.outcome === outcome).map(({ code }) => code ?? '')
  return {
    offeredPerSecond: came.length / windowSeconds,
    goodPerSecond: good.length / windowSeconds,
    goodTokensPerSecond: tokens(good) / windowSeconds,
    heldShare: {
      premium: heldShare(({ tier }) => tier === 'premium'),
      standard: heldShare(({ tier }) => tier === 'standard'),
      batch: heldShare(({ tier }) => tier === 'batch'),
    },
    greedyHeldShare: heldShare(({ tenant }) => tenant === 'greedy'),
    modestHeldShare: heldShare(isModest),
    greedyTokenShare: share(tokens(standard.filter((call) => !isModest(call))), tokens(standard)),
    firstTokenP50Ms: median(firstTokenMs),
    firstTokenP99Ms: quantile(firstTokenMs, 0.99),
    totalP99Ms: quantile(
      good.map(({ atMs, endMs }) => endMs - atMs),
      0.99,
    ),
    refused: countBy(codes('refused')),
    refusedInP50Ms: median(refusedInMs),
    refusedInP99Ms: quantile(refusedInMs, 0.99),
    retryAfterP50Ms: median(told.flatMap((call) => call.retryAfterMs ?? [])),
    toldTooLateShare: share(
      told.filter((call) => (call.refusedInMs ?? 0) + (call.retryAfterMs ?? 0) > deadlineMs(call)).length,
      told.length,
    ),
    lateCount: came.filter(({ outcome }) => outcome === 'late').length,
    comebackCount: comebacks.length,
    comebackInShare: share(comebacks.filter(({ isIn }) => isIn).length, comebacks.length),
    broken: countBy(codes('broken')),
    lagP99Ms: quantile(
      came.map(({ lagMs }) => lagMs),
      0.99,
    ),
  }
}
