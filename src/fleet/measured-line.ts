/**
 * A time that grows with something, learnt from samples as a line: what a first token takes over the prompt's length,
 * say. It is to hold for the server at rest; so samples from quiet moments count, and the others only show that the
 * server is not the one any more that was measured.
 */
import { type Line, median, theilSen } from '../ground/theil-sen.ts'

/** Samples remembered. */
const windowMax = 256
/** Fewer say nothing yet. */
const samplesMin = 5
/** A line is drawn anew after so many samples. */
const refitEvery = 16
/** So many calls of ours at a server, beside one, disturb it so little that it passes for idle. */
const quietMax = 1
/** Where so many calls in a row were so many times as fast or as slow as usual, it is another server. */
const aloneCount = 16
const busyCount = 16
const changeFactor = 2
/** So many of those that are compared may be as they always were. */
const exceptionsMax = 2
/** Of the last moments, of any load: those with few and with many calls beside them are compared. */
const recentMax = 128
const compareEvery = 8
/** So many samples with the most calls, and as many with no more than this share of those. */
const lighterShare = 0.5
const extremeCount = 6
/** The wait with few calls is no less than this share of that with many: it is hardly they that are waited for. */
const reliefShare = 0.7
/** What was found under load is believed for so long, and then looked at anew: others may have been in the way. */
const slowMs = 600_000
/** What another one has learnt since, so much later than we did, is better than ours. */
const newerMs = 60_000
/** What was learnt longer ago is a hint: anything of one's own is better. */
const hintMs = 3_600_000

/** What was learnt, for others. */
export interface Learnt extends Line {
  /** Samples behind it. */
  readonly count: number
  /** When the last of them came; milliseconds since 1970. */
  readonly atMs: number
}

interface Sample {
  readonly x: number
  /** Of `x` what the call itself brought; the rest was before it, and is no reason for a wait at rest. */
  readonly ownX: number
  readonly tookMs: number
  /** Calls that the server had beside this one. */
  readonly others: number
}

export class MeasuredLine {
  /** Samples of quiet moments so far. */
  #count = 0
  #nowMs: () => number
  #xs: number[] = []
  #ys: number[] = []
  #knownMs = Number.NEGATIVE_INFINITY
  #line: Line | null = null
  #fittedAt = 0
  /** The first ones, however busy the server was: better than nothing, until there is something better. */
  #first: Sample[] = []
  #firstLine: Line | null = null
  #told: Learnt | null = null
  #alone: Sample[] = []
  #recent: Sample[] = []
  #seenCount = 0
  /** What was found under load, and until when it is believed. */
  #slowLine: Line | null = null
  #slowUntilMs = 0

  /** @param nowMs milliseconds since 1970. */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs
  }

  /** @param others calls that the server had beside this one. Returns true when it turned out to be slower now. */
  observe(x: number, tookMs: number, others: number, ownX = x): boolean {
    if (!(tookMs >= 0 && Number.isFinite(x + ownX + tookMs))) return false
    const sample = { x, ownX, tookMs, others }
    if (this.#first.length < samplesMin) this.#first.push(sample)
    if (others <= quietMax) this.#add(sample)
    return this.#compare(sample)
  }

  /** One that holds whatever else was under way. */
  add(x: number, tookMs: number): void {
    if (tookMs >= 0 && Number.isFinite(x + tookMs)) this.#add({ x, tookMs })
  }

  /** Another one has learnt this. */
  learn(told: Learnt): void {
    if (this.#told === null || told.atMs > this.#told.atMs) this.#told = told
  }

  /** For others; null while nothing is known that they could rely on. */
  get learnt(): Learnt | null {
    const own = this.#own
    return own && { ...own, count: Math.min(this.#count, windowMax), atMs: this.#knownMs }
  }

  /** What is usual; null while unknown. */
  at(x: number): number | null {
    const line = this.#known
    // A time is never nothing.
    return line && Math.max(0.1, line.intercept + line.slope * x)
  }

  /** What one more of `x` costs; 0 while unknown. */
  get slope(): number {
    return this.#known?.slope ?? 0
  }

  /** Samples behind what is said; 0 while nothing is. */
  get count(): number {
    const known = this.#known
    if (known === null) return 0
    return known === this.#told ? this.#told.count : Math.max(this.#count, this.#first.length)
  }

  get #known(): Line | null {
    if (this.#slowLine !== null) {
      if (this.#nowMs() < this.#slowUntilMs) return this.#slowLine
      this.#slowLine = null
    }
    const own = this.#own
    const told = this.#told
    if (own) return told && told.atMs - this.#knownMs > newerMs ? told : own
    const hasFirst = this.#first.length >= samplesMin
    if (told && !(hasFirst && this.#nowMs() - told.atMs > hintMs)) return told
    return hasFirst ? (this.#firstLine ??= fit(this.#first)) : null
  }

  get #own(): Line | null {
    if (this.#count < samplesMin) return null
    if (this.#line === null || this.#count - this.#fittedAt >= refitEvery) {
      this.#fittedAt = this.#count
      this.#line = fitPoints(this.#xs, this.#ys)
    }
    return this.#line
  }

  #add({ x, tookMs }: Pick<Sample, 'x' | 'tookMs'>): void {
    const place = this.#count++ % windowMax
    this.#xs[place] = x
    this.#ys[place] = tookMs
    this.#knownMs = this.#nowMs()
  }

  /**
   * A server that was replaced or moved would look congested, whatever little it is given, or at rest, whatever waits
   * in it, until the old samples are outnumbered. Under load there may never come any from quiet moments.
   */
  #compare(sample: Sample): boolean {
    if (sample.others === 0 && this.#alone.push(sample) >= aloneCount) {
      const alone = this.#alone.splice(0)
      if (isOther(this.#ratio(alone))) this.#begin(alone)
    }
    this.#recent[this.#seenCount++ % recentMax] = sample
    if (this.#seenCount % compareEvery !== 0 || this.#recent.length < busyCount) return false
    const newest = this.#newest(busyCount)
    const ratios = newest.map((each) => this.#ratioOf(each)).sort((a, b) => b - a)
    // Nothing is faster than at rest; but for prompts that were in a cache, so it must be nearly all.
    if ((ratios[exceptionsMax] as number) <= 1 / changeFactor) this.#quicken(newest)
    return median(ratios) >= changeFactor && this.#slow()
  }

  #quicken(newest: readonly Sample[]): void {
    if (this.#slowLine === null) return this.#begin(newest)
    // It is as it was before, as far as a busy server can tell.
    this.#slowLine = null
    this.#recent = []
    this.#seenCount = 0
  }

  /**
   * What it takes with many calls there and with few says what it would take with none: the wait behind others grows
   * more than in proportion to them, so a line through the two is on the safe side.
   */
  #slow(): boolean {
    const order = this.#recent.toSorted((a, b) => callsOf(b) - callsOf(a))
    const heavy = order.slice(0, extremeCount)
    const lightMax = lighterShare * Math.min(...heavy.map(callsOf))
    const light = order.filter((each) => callsOf(each) <= lightMax)
    if (light.length < extremeCount || this.#ratioWithAhead(light) < changeFactor) return false
    const [few, many] = [median(light.map(callsOf)), median(heavy.map(callsOf))]
    const [ratio, heavyRatio] = [this.#ratio(light), this.#ratio(heavy)]
    const atRest = ratio - (Math.max(0, heavyRatio - ratio) * few) / (many - few)
    if (atRest < changeFactor || ratio < reliefShare * heavyRatio) return false
    this.#slowLine = fit(light.map((each) => ({ ...each, x: each.ownX })))
    this.#slowUntilMs = this.#nowMs() + slowMs
    this.#recent = []
    this.#seenCount = 0
    return true
  }

  /** How many times as long as usual they took. */
  #ratio(samples: readonly Sample[]): number {
    return median(samples.map((each) => this.#ratioOf(each)))
  }

  /** The same, where all that was before them had to be done first. */
  #ratioWithAhead(samples: readonly Sample[]): number {
    return median(samples.map(({ x, tookMs }) => tookMs / (this.at(x) ?? tookMs)))
  }

  #ratioOf({ ownX, tookMs }: Sample): number {
    const usualMs = this.at(ownX)
    return usualMs === null ? 1 : tookMs / usualMs
  }

  #newest(count: number): Sample[] {
    const all = this.#recent.length
    const from = this.#seenCount % recentMax
    const inOrder = all < recentMax ? this.#recent : [...this.#recent.slice(from), ...this.#recent.slice(0, from)]
    return inOrder.slice(-count)
  }

  /** It is another server: these are all that is known of it. */
  #begin(samples: readonly Sample[]): void {
    this.#count = 0
    this.#xs = []
    this.#ys = []
    this.#line = null
    for (const sample of samples) this.#add(sample)
    this.#alone = []
    this.#recent = []
    this.#seenCount = 0
    this.#slowLine = null
  }
}

function isOther(ratio: number): boolean {
  return ratio >= changeFactor || ratio <= 1 / changeFactor
}

function callsOf({ others }: Sample): number {
  return others + 1
}

function fit(samples: readonly Sample[]): Line {
  return fitPoints(
    samples.map(({ x }) => x),
    samples.map(({ tookMs }) => tookMs),
  )
}

function fitPoints(xs: readonly number[], ys: readonly number[]): Line {
  const line = theilSen(xs, ys)
  if (line.slope > 0) return line
  // Neither reading nor a fuller batch makes anything faster: what looks so is noise.
  return theilSen(
    xs.map(() => 0),
    ys,
  )
}
