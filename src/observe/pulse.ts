/**
 * Running sums of one process, small enough to be told every second: what the console's curves and tables are made of.
 * Unlike metrics they need no library and no question, so that there is a history when somebody opens the console.
 */
import type { FaultCode } from '../fault/code.ts'
import type { Ray } from '../fault/ray.ts'
import type { ExchangeFact } from './exchange-fact.ts'

/** Upper ends of the classes of times to the first token, milliseconds: two a doubling, 1 ms to 12 minutes. */
export const firstTokenBoundsMs: readonly number[] = Array.from({ length: 40 }, (_, i) => 2 ** (i / 2))

/** A failure of one upstream, whether a caller noticed or not. */
export interface LastFailure {
  readonly code: FaultCode
  readonly ray: Ray
  readonly atMs: number
}

/** Sums since the start of the process. */
export interface Beat {
  /** Streamed calls by the class of their time to the first token; the last one is of all that were slower. */
  readonly firstTokens: readonly number[]
  /** Calls that failed for their callers, by code. */
  readonly codes: Readonly<Record<string, number>>
  /** Attempts that failed, by code; most of them were made good by another. */
  readonly attemptCodes: Readonly<Record<string, number>>
  readonly upstreams: Readonly<Record<string, { readonly attempts: number; readonly failed: number }>>
  readonly lastFailures: Readonly<Record<string, LastFailure>>
}

type SettledCall = Pick<ExchangeFact, 'atMs' | 'ray' | 'outcome' | 'code' | 'attempts' | 'isStream' | 'firstTokenMs'>

/** Its maps are as bounded as the table of faults and the configured upstreams. */
export class Pulse {
  #firstTokens = new Array<number>(firstTokenBoundsMs.length + 1).fill(0)
  #codes = new Map<string, number>()
  #attemptCodes = new Map<string, number>()
  #upstreams = new Map<string, { attempts: number; failed: number }>()
  #lastFailures = new Map<string, LastFailure>()

  settled({ atMs, ray, outcome, code, attempts, isStream, firstTokenMs }: SettledCall): void {
    if (outcome === 'failed' && code !== null) countUp(this.#codes, code)
    if (isStream && firstTokenMs !== null) {
      const index = classOf(firstTokenMs)
      this.#firstTokens[index] = (this.#firstTokens[index] ?? 0) + 1
    }
    for (const { upstream, code: why } of attempts) {
      let counts = this.#upstreams.get(upstream)
      if (!counts) this.#upstreams.set(upstream, (counts = { attempts: 0, failed: 0 }))
      counts.attempts++
      // One that lost a race, or whose caller left, has not failed.
      if (why === null || why === 'HF_OUTRUN' || why === 'HF_CLIENT_GONE') continue
      counts.failed++
      countUp(this.#attemptCodes, why)
      this.#lastFailures.set(upstream, { code: why, ray, atMs })
    }
  }

  get beat(): Beat {
    return {
      firstTokens: [...this.#firstTokens],
      codes: Object.fromEntries(this.#codes),
      attemptCodes: Object.fromEntries(this.#attemptCodes),
      upstreams: Object.fromEntries([...this.#upstreams].map(([name, counts]) => [name, { ...counts }])),
      lastFailures: Object.fromEntries(this.#lastFailures),
    }
  }
}

function countUp(counts: Map<string, number>, code: string): void {
  counts.set(code, (counts.get(code) ?? 0) + 1)
}

function classOf(ms: number): number {
  if (ms <= 1) return 0
  return Math.min(firstTokenBoundsMs.length, Math.ceil(2 * Math.log2(ms)))
}

/**
 * The time within which this share of the first tokens came, or null where there were none. Within its class it is
 * read off a straight line, so that it is right to about a fifth.
 */
export function quantileMs(counts: readonly number[], share: number): number | null {
  const wanted = share * counts.reduce((sum, count) => sum + count, 0)
  if (wanted === 0) return null
  let before = 0
  for (const [index, count] of counts.entries()) {
    if (count > 0 && before + count >= wanted) {
      const high = firstTokenBoundsMs[Math.min(index, firstTokenBoundsMs.length - 1)] ?? 0
      const low = index === 0 ? 0 : (firstTokenBoundsMs[index - 1] ?? high)
      return low + ((high - low) * (wanted - before)) / count
    }
    before += count
  }
  return firstTokenBoundsMs.at(-1) ?? null
}
