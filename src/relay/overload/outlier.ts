/**
 * Which of several servers that do the same work does it worse than the others: pure, numbers in, a verdict out.
 *
 * Spread: mean and standard deviation of failure rates with at least 5 servers of at least 100 calls (success rate
 * below mean − 1.9 σ, after Envoy); also, and for speed, median and MAD: x > med + 3.5 · 1.4826 · MAD (Iglewicz and
 * Hoaglin).
 * Of two servers neither says which is the odd one; there the worse one must be far worse than the other. Everywhere
 * what is found must also matter, and not be chance: in a large fleet somebody is always 1.9 σ away.
 */

/** What is known of one server over the last minute. */
export interface Peer {
  readonly calls: number
  readonly failures: number
  /** Answers of which the wait for the first token, and the gap between tokens, is known; and their typical values. */
  readonly firstTokens: number
  readonly firstTokenMs: number
  readonly gaps: number
  readonly gapMs: number
  /** Not in use already: it counts among those that may be out at once. */
  readonly isOut: boolean
}

export interface Outlier {
  /** Its place in the list. */
  readonly index: number
  /** What it is taken out for, in words. */
  readonly reason: string
}

export interface OutlierRules {
  /** Waits longer by less than this matter to nobody; milliseconds. 0 for none. */
  readonly firstTokenMarginMs: number
  readonly gapMarginMs: number
}

/** Fewer say nothing. */
const samplesMin = 20
/** Fewer failures are bad luck, however rare they are elsewhere. */
const failuresMin = 5
const sigmas = 1.9
const sigmaPeersMin = 5
const sigmaCallsMin = 100
const madFactor = 3.5 * 1.4826
/** A failure rate matters from so much above the typical one on, and so many times that. */
const rateMargin = 0.1
const rateRatio = 3
/** As slow as so many times the median; and of two, as so many times the other, since either may be the normal one. */
const slowRatio = 3
const slowRatioOfTwo = 5
/** Fleets below this size may lose two servers at once, but not more than half; larger ones a tenth. */
const smallFleet = 20

/** How many of `count` servers may be out at once: never the last one. */
export function outMaxOf(count: number): number {
  if (count < smallFleet) return Math.min(2, Math.floor(count / 2))
  return Math.floor(count / 10)
}

interface Finding extends Outlier {
  readonly excess: number
}

/** The worst first; never so many that more than `outMaxOf` would be out. */
export function findOutliers(peers: readonly Peer[], rules: OutlierRules): Outlier[] {
  const outCount = peers.filter(({ isOut }) => isOut).length
  const allowed = Math.min(outMaxOf(peers.length) - outCount, peers.length - outCount - 1)
  if (allowed <= 0) return []
  const findings = [
    ...byExcess(findFailing(peers)),
    ...byExcess([
      ...findSlow(peers, {
        name: 'first token',
        marginMs: rules.firstTokenMarginMs,
        read: ({ firstTokens, firstTokenMs }) => [firstTokens, firstTokenMs],
      }),
      ...findSlow(peers, {
        name: 'next token',
        marginMs: rules.gapMarginMs,
        read: ({ gaps, gapMs }) => [gaps, gapMs],
      }),
    ]),
  ]
  const found = new Map<number, Outlier>()
  for (const { index, reason } of findings) if (!found.has(index)) found.set(index, { index, reason })
  return [...found.values()].slice(0, allowed)
}

function byExcess(findings: readonly Finding[]): Finding[] {
  return findings.toSorted((a, b) => b.excess - a.excess)
}

function findFailing(peers: readonly Peer[]): Finding[] {
  const known = [...peers.entries()].filter(([, { isOut, calls }]) => !isOut && calls >= samplesMin)
  if (known.length < 2) return []
  const rates = known.map(([, { failures, calls }]) => failures / calls)
  const normOf = norms(rates)
  const hasSigma = known.length >= sigmaPeersMin && known.every(([, { calls }]) => calls >= sigmaCallsMin)
  const sigmaLimit = hasSigma ? mean(rates) + sigmas * deviation(rates) : Number.POSITIVE_INFINITY
  // Each of a thousand servers draws a lot every ten seconds: chance is to stay far below that.
  const zMin = 3 + Math.sqrt(2 * Math.log(known.length))
  const all = sum(known.map(([, { calls }]) => calls))
  const allFailed = sum(known.map(([, { failures }]) => failures))
  return known.flatMap(([index, { calls, failures }], i) => {
    const rate = rates[i] as number
    const { typical, limit } = normOf(i)
    const z = compareRates(failures, calls, allFailed - failures, all - calls)
    const matters = failures >= failuresMin && rate - typical >= rateMargin && rate >= rateRatio * typical
    if (!(rate > Math.min(limit, sigmaLimit) && matters && z >= zMin)) return []
    return [{ index, excess: rate, reason: `${percent(rate)} of its calls fail, ${percent(typical)} with its peers` }]
  })
}

/**
 * By how many deviations two rates differ that would be one but for chance: the signed root of the G statistic
 * (likelihood ratio, a table of two by two). Of rare failures chance brings many at once more often than a normal
 * distribution has it, and a plain z-test would see an outlier there.
 */
function compareRates(failures: number, calls: number, othersFailures: number, othersCalls: number): number {
  const common = (failures + othersFailures) / (calls + othersCalls)
  const part = (seen: number, expected: number): number => (seen === 0 ? 0 : seen * Math.log(seen / expected))
  const both = (failed: number, all: number): number =>
    part(failed, all * common) + part(all - failed, all * (1 - common))
  const deviance = 2 * (both(failures, calls) + both(othersFailures, othersCalls))
  const sign = failures * othersCalls >= othersFailures * calls ? 1 : -1
  return sign * Math.sqrt(Math.max(0, deviance))
}

interface Measure {
  /** Of what, in words. */
  readonly name: string
  readonly marginMs: number
  readonly read: (peer: Peer) => readonly [samples: number, ms: number]
}

function findSlow(peers: readonly Peer[], { name, marginMs, read }: Measure): Finding[] {
  const known = peers.flatMap((peer, index) => {
    const [samples, ms] = read(peer)
    return !peer.isOut && samples >= samplesMin && ms > 0 && Number.isFinite(ms) ? [{ index, ms }] : []
  })
  if (known.length < 2) return []
  const normOf = norms(known.map(({ ms }) => ms))
  const ratioMin = known.length === 2 ? slowRatioOfTwo : slowRatio
  return known.flatMap(({ index, ms }, i) => {
    const { typical, limit } = normOf(i)
    if (!(ms > limit && ms >= ratioMin * typical && ms - typical > marginMs)) return []
    return [{ index, excess: ms / typical, reason: `${name} after ${span(ms)}, ${span(typical)} with its peers` }]
  })
}

interface Norm {
  readonly typical: number
  /** What is above stands out. */
  readonly limit: number
}

/** The norm for each of the values. Of two, the other one is the norm. */
function norms(values: readonly number[]): (index: number) => Norm {
  if (values.length === 2) {
    return (index) => ({ typical: values[1 - index] as number, limit: values[1 - index] as number })
  }
  const typical = median(values)
  const norm = { typical, limit: typical + madFactor * median(values.map((value) => Math.abs(value - typical))) }
  return () => norm
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const half = sorted.length >> 1
  const upper = sorted[half] as number
  return sorted.length % 2 === 1 ? upper : ((sorted[half - 1] as number) + upper) / 2
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}

function mean(values: readonly number[]): number {
  return sum(values) / values.length
}

function deviation(values: readonly number[]): number {
  const middle = mean(values)
  return Math.sqrt(mean(values.map((value) => (value - middle) ** 2)))
}

function percent(rate: number): string {
  return `${Math.round(rate * 100)} %`
}

function span(ms: number): string {
  return ms >= 1000 ? `${(ms / 1000).toFixed(1)} s` : `${Math.round(ms)} ms`
}
