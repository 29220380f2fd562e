/**
 * The last ten minutes of all workers together, a sample a second. What workers tell are sums since their start; here
 * they become what happened in between, so that one that dies or begins moves no curve.
 */
import { type Beat, quantileMs } from '../observe/pulse.ts'
import type { Totals } from '../observe/metric.ts'

export const samplePeriodMs = 1000
const samplesMax = 600
/** First tokens are few: each sample looks back so far. */
const firstTokenSamples = 10

/** What one worker has told last. */
export interface WorkerSums {
  readonly worker: string
  readonly totals: Totals
  readonly beat: Beat
}

type Counts = Record<string, number>

/** What happened within one second. */
interface Sample {
  readonly atMs: number
  calls: number
  failed: number
  outputTokens: number
  retries: number
  readonly firstTokens: number[]
  readonly codes: Counts
  readonly attemptCodes: Counts
  readonly callsLive: number
  readonly waiting: number
}

/** Curves, for whoever draws: one value a second each. */
export interface Curves {
  /** The number of the last sample; ask for what came behind it next time. */
  readonly last: number
  readonly atMs: readonly number[]
  readonly calls: readonly number[]
  readonly failed: readonly number[]
  readonly outputTokens: readonly number[]
  readonly firstTokenP50Ms: readonly (number | null)[]
  readonly firstTokenP95Ms: readonly (number | null)[]
  readonly callsLive: readonly number[]
  readonly waiting: readonly number[]
}

/** Sums over the last seconds. */
export interface Lately {
  /** So many seconds there were. */
  readonly seconds: number
  readonly calls: number
  readonly failed: number
  readonly outputTokens: number
  readonly retries: number
  readonly firstTokenP50Ms: number | null
  readonly firstTokenP95Ms: number | null
  readonly codes: Readonly<Counts>
  readonly attemptCodes: Readonly<Counts>
}

export class History {
  #before = new Map<string, WorkerSums>()
  #samples: Sample[] = []
  #last = 0

  /** Once a second. @param workers all that live; what the others told last is forgotten. */
  take(nowMs: number, workers: readonly WorkerSums[], { callsLive, waiting }: { callsLive: number; waiting: number }) {
    const counts = { calls: 0, failed: 0, outputTokens: 0, retries: 0 }
    const sample: Sample = { atMs: nowMs, ...counts, firstTokens: [], codes: {}, attemptCodes: {}, callsLive, waiting }
    for (const sums of workers) addSince(sample, this.#before.get(sums.worker) ?? null, sums)
    this.#before = new Map(workers.map((sums) => [sums.worker, sums]))
    this.#samples.push(sample)
    if (this.#samples.length > samplesMax) this.#samples.shift()
    this.#last++
  }

  /** What came behind the sample of this number; 0 for all there is. */
  curves(since: number): Curves {
    const all = this.#samples
    const isKnown = Number.isInteger(since) && since >= 0 && since <= this.#last
    const count = Math.min(all.length, isKnown ? this.#last - since : all.length)
    const from = all.length - count
    const fresh = all.slice(from)
    const firstToken = (share: number) => fresh.map((_, i) => quantileMs(this.#firstTokens(from + i), share))
    return {
      last: this.#last,
      atMs: fresh.map(({ atMs }) => atMs),
      calls: fresh.map(({ calls }) => calls),
      failed: fresh.map(({ failed }) => failed),
      outputTokens: fresh.map(({ outputTokens }) => outputTokens),
      firstTokenP50Ms: firstToken(0.5),
      firstTokenP95Ms: firstToken(0.95),
      callsLive: fresh.map(({ callsLive }) => callsLive),
      waiting: fresh.map(({ waiting }) => waiting),
    }
  }

  lately(seconds: number): Lately {
    const samples = this.#samples.slice(-seconds)
    const sum = (field: 'calls' | 'failed' | 'outputTokens' | 'retries'): number =>
      samples.reduce((total, sample) => total + sample[field], 0)
    const firstTokens = samples.reduce<number[]>((total, sample) => addEach(total, sample.firstTokens), [])
    const codes = (field: 'codes' | 'attemptCodes'): Counts =>
      samples.reduce<Counts>((total, sample) => addCounts(total, sample[field]), {})
    return {
      seconds: samples.length,
      calls: sum('calls'),
      failed: sum('failed'),
      outputTokens: sum('outputTokens'),
      retries: sum('retries'),
      firstTokenP50Ms: quantileMs(firstTokens, 0.5),
      firstTokenP95Ms: quantileMs(firstTokens, 0.95),
      codes: codes('codes'),
      attemptCodes: codes('attemptCodes'),
    }
  }

  /** Of the seconds up to this sample. */
  #firstTokens(index: number): number[] {
    const samples = this.#samples.slice(Math.max(0, index + 1 - firstTokenSamples), index + 1)
    return samples.reduce<number[]>((total, sample) => addEach(total, sample.firstTokens), [])
  }
}

/** A worker that has just begun has done what it tells; of one that was there before only what is more counts. */
function addSince(sample: Sample, before: WorkerSums | null, { totals, beat }: WorkerSums): void {
  for (const field of ['calls', 'failed', 'outputTokens', 'retries'] as const)
    sample[field] += totals[field] - (before?.totals[field] ?? 0)
  const past = before?.beat.firstTokens ?? []
  addEach(
    sample.firstTokens,
    beat.firstTokens.map((count, i) => count - (past[i] ?? 0)),
  )
  addCounts(sample.codes, beat.codes, before?.beat.codes)
  addCounts(sample.attemptCodes, beat.attemptCodes, before?.beat.attemptCodes)
}

function addEach(total: number[], more: readonly number[]): number[] {
  for (const [i, count] of more.entries()) total[i] = (total[i] ?? 0) + count
  return total
}

function addCounts(total: Counts, more: Readonly<Counts>, less: Readonly<Counts> = {}): Counts {
  for (const [code, count] of Object.entries(more)) {
    const change = count - (less[code] ?? 0)
    if (change > 0) total[code] = (total[code] ?? 0) + change
  }
  return total
}
