/**
 * How long calls wait for their first token, by model, form and length of the prompt, whichever upstream answers: what
 * is usual, and so from when on a wait is not. Of answers in one piece the wait is for the whole.
 */
import { Spread } from '../../ground/spread.ts'

/** Waits known before the measure is trusted. */
const waitsMin = 50
/** Pools times models remembered; the one longest unknown is forgotten first. */
const modelsMax = 512
/** Prompts are told apart by powers of four tokens, from 64 on. */
const bucketCount = 8

/** What kind of call. */
export interface WaitKind {
  readonly pool: string
  readonly model: string
  readonly isStream: boolean
  readonly promptTokens: number
}

export class FirstTokenTimes {
  #models = new Map<string, (Spread | undefined)[]>()

  observe(kind: WaitKind, waitedMs: number): void {
    const name = nameOf(kind)
    const known = this.#models.get(name)
    const spreads = known ?? Array.from({ length: bucketCount }, (): undefined => undefined)
    if (!known) {
      const [oldest] = this.#models.keys()
      if (this.#models.size >= modelsMax && oldest !== undefined) this.#models.delete(oldest)
      this.#models.set(name, spreads)
    }
    const spread = (spreads[bucketOf(kind)] ??= new Spread())
    spread.observe(waitedMs)
  }

  /** The wait that 95 of 100 such calls stay under, milliseconds; null while too few are known. */
  p95Ms(kind: WaitKind): number | null {
    const spread = this.#models.get(nameOf(kind))?.[bucketOf(kind)]
    return spread && spread.count >= waitsMin ? spread.under(0.95) : null
  }
}

function nameOf({ pool, model, isStream }: WaitKind): string {
  return `${isStream ? 's' : 'w'} ${pool} ${model}`
}

function bucketOf({ promptTokens }: WaitKind): number {
  return Math.min(bucketCount - 1, Math.max(0, Math.floor(Math.log2(Math.max(1, promptTokens) / 64) / 2) + 1))
}
