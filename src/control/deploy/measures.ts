/**
 * What of a release is judged, and which difference from the present one matters. Two margins each: up to `harmless` it
 * is let through, from `harmful` on it is to be stopped; in between either is right.
 */
import type { ReleaseLook } from './release-look.ts'

/** Of a share of calls: `rate × (1 + relative) + absolute`. Of an amount: `value × (1 + relative) + absolute`. */
export interface Margin {
  readonly relative: number
  readonly absolute: number
}

interface Margins {
  readonly name: MeasureName
  readonly harmless: Margin
  readonly harmful: Margin
}

/** How often something happens. */
export interface RateMeasure extends Margins {
  readonly kind: 'rate'
  hits(look: ReleaseLook): number
  count(look: ReleaseLook): number
  /** Which share of the present release's calls it must concern to be waited for, 0 to 1. */
  readonly shareMin: number
}

/** How much of something there is, compared at a quantile. */
export interface AmountMeasure extends Margins {
  readonly kind: 'amount'
  readonly of: 'ttftMs' | 'interTokenMs' | 'answerTokens'
  readonly quantile: number
  /** What would be wrong: more of it or less. */
  readonly wrong: 'more' | 'less'
}

export type Measure = RateMeasure | AmountMeasure

export type MeasureName =
  | 'failures'
  | 'truncated'
  | 'refused'
  | 'empty'
  | 'tool calls broken'
  | 'tool calls missing'
  | `${'first token' | 'token time' | 'longer answers' | 'shorter answers'} p${number}`

const margin = (relative: number, absolute = 0): Margin => ({ relative, absolute })
const sumOf = (counts: Readonly<Record<string, number>>): number => Object.values(counts).reduce((a, b) => a + b, 0)
const finished = (look: ReleaseLook): number => look.finished

const rates: readonly RateMeasure[] = [
  {
    ...{ kind: 'rate', name: 'failures', shareMin: 0, harmless: margin(0.25, 0.004), harmful: margin(1, 0.02) },
    hits: ({ failures }) => sumOf(failures),
    count: ({ calls }) => calls,
  },
  {
    ...{ kind: 'rate', name: 'truncated', shareMin: 0, harmless: margin(0.25, 0.01), harmful: margin(0.6, 0.04) },
    hits: ({ truncated }) => truncated,
    count: finished,
  },
  {
    ...{ kind: 'rate', name: 'refused', shareMin: 0, harmless: margin(0.3, 0.01), harmful: margin(1, 0.04) },
    hits: ({ refused }) => refused,
    count: finished,
  },
  {
    ...{ kind: 'rate', name: 'empty', shareMin: 0, harmless: margin(0.3, 0.004), harmful: margin(1, 0.025) },
    hits: ({ empty }) => empty,
    count: finished,
  },
  {
    ...{ kind: 'rate', name: 'tool calls broken', shareMin: 0.02, harmless: margin(0.3, 0.015) },
    harmful: margin(1, 0.1),
    hits: (look) => look.toolCallsBroken,
    count: (look) => look.toolCalls,
  },
  {
    ...{ kind: 'rate', name: 'tool calls missing', shareMin: 0.02, harmless: margin(0.1, 0.05) },
    harmful: margin(0.25, 0.15),
    hits: ({ toolOffers, toolCalls }) => toolOffers - toolCalls,
    count: ({ toolOffers }) => toolOffers,
  },
]

const amounts: readonly AmountMeasure[] = [
  { ...amount('first token', 'ttftMs', 0.5, 'more'), harmless: margin(0.2, 25), harmful: margin(0.5, 50) },
  { ...amount('first token', 'ttftMs', 0.95, 'more'), harmless: margin(0.35, 80), harmful: margin(1, 200) },
  { ...amount('token time', 'interTokenMs', 0.5, 'more'), harmless: margin(0.12, 0.5), harmful: margin(0.28, 1) },
  { ...amount('token time', 'interTokenMs', 0.95, 'more'), harmless: margin(0.2, 1), harmful: margin(0.6, 2) },
  { ...amount('longer answers', 'answerTokens', 0.5, 'more'), harmless: margin(0.25, 2), harmful: margin(0.6, 8) },
  { ...amount('longer answers', 'answerTokens', 0.9, 'more'), harmless: margin(0.25, 2), harmful: margin(0.8, 8) },
  { ...amount('shorter answers', 'answerTokens', 0.1, 'less'), harmless: margin(0.25, 1), harmful: margin(0.7, 2) },
  { ...amount('shorter answers', 'answerTokens', 0.5, 'less'), harmless: margin(0.2, 2), harmful: margin(0.6, 4) },
  { ...amount('shorter answers', 'answerTokens', 0.9, 'less'), harmless: margin(0.25, 2), harmful: margin(0.8, 4) },
]

function amount(
  name: 'first token' | 'token time' | 'longer answers' | 'shorter answers',
  of: AmountMeasure['of'],
  quantile: number,
  wrong: AmountMeasure['wrong'],
): Omit<AmountMeasure, 'harmless' | 'harmful'> {
  return { kind: 'amount', name: `${name} p${Math.round(quantile * 100)}`, of, quantile, wrong }
}

export const measures: readonly Measure[] = [...rates, ...amounts]
