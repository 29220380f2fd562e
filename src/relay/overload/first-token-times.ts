/**
 * How long calls wait for their first token, by model, form and length, whichever upstream answers: what is usual, and
 * so from when on a wait is not. Of answers in one piece the wait is for the whole.
 */
import { Spread } from '../../ground/spread.ts'

/** Waits known before the measure is trusted. */
const waitsMin = 50
/** Kinds of calls remembered; the one longest unknown is forgotten first. */
const kindsMax = 512
/** Lengths are told apart by powers of four tokens, from 64 on. */
const bucketCount = 8

/** What kind of call. */
export interface WaitKind {
  readonly pool: string
  readonly model: string
  readonly route: string
  readonly isStream: boolean
  /** What the wait grows with: of the prompt, or of an answer in one piece, as expected. */
  readonly tokens: number
}

export class FirstTokenTimes {
  #kinds = new Map<string, (Spread | undefined)[]>()

  observe(kind: WaitKind, waitedMs: number): void {
    const name = nameOf(kind)
    const known = this.#kinds.get(name)
    const spreads = known ?? Array.from({ length: bucketCount }, (): undefined => undefined)
    if (!known) {
      const [oldest] = this.#kinds.keys()
      if (this.#kinds.size >= kindsMax && oldest !== undefined) this.#kinds.delete(oldest)
      this.#kinds.set(name, spreads)
    }
    const spread = (spreads[bucketOf(kind)] ??= new Spread())
    spread.observe(waitedMs)
  }

  /** The wait that 95 of 100 such calls stay under, milliseconds; null while too few are known. */
  p95Ms(kind: WaitKind): number | null {
    const spread = this.#kinds.get(nameOf(kind))?.[bucketOf(kind)]
    return spread && spread.count >= waitsMin ? spread.under(0.95) : null
  }
}

function nameOf({ pool, model, route, isStream }: WaitKind): string {
  return `${isStream ? 's' : 'w'} ${route} ${pool} ${model}`
}

function bucketOf({ tokens }: WaitKind): number {
  return Math.min(bucketCount - 1, Math.max(0, Math.floor(Math.log2(Math.max(1, tokens) / 64) / 2) + 1))
}
