/**
 * What the clients of the overload bench want, and when: Poisson arrivals of tenants in three tiers, with prompts and
 * answers of log-normal length. The same seed gives the same calls.
 *
 * The spreads are those of a public trace of chats (Azure, 2023: sigma of ln 0.99 in, 0.86 out); the medians, 1020 and
 * 129 tokens there, are a quarter of that here, so that an answer takes a second and a level half a minute.
 */
import type { Random } from '../../src/ground/random.ts'

export type Tier = 'premium' | 'standard' | 'batch'

export interface Tenant {
  readonly name: string
  readonly tier: Tier
  /** Of all calls, 0 to 1. */
  readonly share: number
}

export interface Arrival {
  readonly number: number
  /** Milliseconds from the beginning. */
  readonly atMs: number
  readonly tenant: Tenant
  readonly promptTokens: number
  readonly answerTokens: number
}

/** One in the middle tier asks for half of it; the other three share the rest. */
export const tenants: readonly Tenant[] = [
  { name: 'premium', tier: 'premium', share: 0.15 },
  { name: 'greedy', tier: 'standard', share: 0.275 },
  { name: 'modest-1', tier: 'standard', share: 0.275 / 3 },
  { name: 'modest-2', tier: 'standard', share: 0.275 / 3 },
  { name: 'modest-3', tier: 'standard', share: 0.275 / 3 },
  { name: 'batch', tier: 'batch', share: 0.3 },
]

/** The key a tenant calls with. */
export const keyOf = (tenant: string): string => `bench-key-${tenant}`

interface Lengths {
  readonly median: number
  /** Of the logarithm. */
  readonly sigma: number
  readonly min: number
  readonly max: number
}

const promptLengths: Lengths = { median: 256, sigma: 0.99, min: 16, max: 2048 }
/** The longest takes 3.6 s of an engine that is full. */
const answerLengths: Lengths = { median: 32, sigma: 0.86, min: 4, max: 160 }

/** Standard normal, by Box and Muller. */
function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random.unit())) * Math.cos(2 * Math.PI * random.unit())
}

function drawLength({ median, sigma, min, max }: Lengths, random: Random): number {
  return Math.min(max, Math.max(min, Math.round(median * Math.exp(sigma * normal(random)))))
}

function drawTenant(random: Random): Tenant {
  let left = random.unit()
  for (const tenant of tenants) {
    left -= tenant.share
    if (left < 0) return tenant
  }
  // Only rounding comes this far.
  return tenants.at(-1) as Tenant
}

/** The calls in the order of their coming, without end; `callsPerSecond` Infinity puts all at the beginning. */
export function* arrivals(random: Random, callsPerSecond: number): Generator<Arrival, never> {
  let atMs = 0
  for (let number = 0; ; number++) {
    atMs += (-Math.log(1 - random.unit()) * 1000) / callsPerSecond
    const tenant = drawTenant(random)
    yield {
      number,
      atMs,
      tenant,
      promptTokens: drawLength(promptLengths, random),
      answerTokens: drawLength(answerLengths, random),
    }
  }
}

const filler = 'the quick brown fox jumps over the lazy dog and comes back to tell of it '.repeat(100)

/** The text of a call's question: about three bytes a token, and none begins like another. */
export function promptOf({ number, promptTokens, answerTokens }: Arrival, seed: number): string {
  const head = `call ${number} of seed ${seed} tokens:${answerTokens} `
  return head + filler.slice(0, Math.max(0, promptTokens * 3 - head.length))
}
