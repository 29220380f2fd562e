/** The judge of the failover table: what a caller heard, and what else was asked for, becomes a verdict. */
import { answerText } from './answer-text.ts'
import type { Hearing } from './hearing.ts'

/**
 * `pass`: the whole answer as the scenario wants it. `partial`: the whole answer, but late, or at the cost of attempts
 * that do harm. `safe`: a clean typed error. `fail`: a hang, a bare error, a wrong or repeated word, or a cut that
 * looks like a success.
 */
export const verdicts = ['pass', 'partial', 'safe', 'fail'] as const
export type Verdict = (typeof verdicts)[number]

/** Something a pass needs beside the answer; `words` say what was seen instead. */
export interface Demand {
  readonly isMet: boolean
  readonly words: string
}

export interface Judgement {
  readonly verdict: Verdict
  /** In one line; empty for a pass. */
  readonly why: string
}

/** What has arrived, whatever was wanted. */
type Arrival = { readonly kind: 'whole' | 'error' | 'naked'; readonly words: string }

function arrival(hearing: Hearing, expected: string): Arrival {
  const { text, error, complaint, end, finishReasons, isDone, status } = hearing
  const naked = (words: string): Arrival => ({ kind: 'naked', words })
  const share = `${text.length} of ${expected.length} characters`
  if (complaint !== null) return naked(complaint)
  if (end === 'late') return naked(`hangs: not over after ${seconds(hearing.durationMs)}, ${share}`)
  if (!expected.startsWith(text)) return naked(`wrong or repeated words behind character ${agreement(text, expected)}`)
  if (error !== null) {
    if (!error.isTyped) return naked(`an error that no program can read: ${error.words}`)
    if (isDone || finishReasons.length > 0) return naked(`an error, and yet an end as of success: ${error.words}`)
    return { kind: 'error', words: error.words }
  }
  if (text.length < expected.length) {
    const looksWhole = isDone || finishReasons.length > 0 || (end === 'clean' && status === 200)
    return naked(looksWhole ? `cut and looks whole: ${share}` : `cut without a word (${end}): ${share}`)
  }
  if (finishReasons.length !== 1) return naked(`the text is whole, with ${finishReasons.length} finish reasons`)
  if (finishReasons[0] !== 'stop') return naked(`finish reason ${finishReasons[0]}`)
  if (hearing.roleCount > 1) return naked(`the role comes ${hearing.roleCount} times`)
  if (!isDone) return naked('the text is whole, but its end mark never came')
  return { kind: 'whole', words: '' }
}

function agreement(text: string, expected: string): number {
  let length = 0
  while (length < text.length && text[length] === expected[length]) length++
  return length
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`

/** For scenarios that are to be answered. */
export function judgeAnswer(hearing: Hearing, demands: readonly Demand[], expected = answerText): Judgement {
  const { kind, words } = arrival(hearing, expected)
  if (kind === 'naked') return { verdict: 'fail', why: words }
  if (kind === 'error') return { verdict: 'safe', why: words }
  return verdictOf(demands)
}

/** For scenarios that are to be refused: a typed error passes, an answer that was got round the refusal does not. */
export function judgeRefusal(hearing: Hearing, demands: readonly Demand[]): Judgement {
  const { kind, words } = arrival(hearing, answerText)
  if (kind === 'naked') return { verdict: 'fail', why: words }
  if (kind === 'whole') return { verdict: 'partial', why: 'answered all the same' }
  return verdictOf(demands)
}

/** For calls beyond what can be served: whole, or a typed error that says when to come back. */
export function judgeUnderLoad(hearing: Hearing, demands: readonly Demand[]): Judgement {
  const { kind, words } = arrival(hearing, answerText)
  if (kind === 'naked') return { verdict: 'fail', why: words }
  const saysWhen = kind === 'whole' || (hearing.error?.saysWhen ?? false)
  return verdictOf([demand(saysWhen, `does not say when to come back: ${words}`), ...demands])
}

function verdictOf(demands: readonly Demand[]): Judgement {
  const unmet = demands.filter(({ isMet }) => !isMet).map(({ words }) => words)
  return { verdict: unmet.length === 0 ? 'pass' : 'partial', why: unmet.join('; ') }
}

/** The worst of several, with its reason. */
export function worst(judgements: readonly Judgement[]): Judgement {
  const rank = ({ verdict }: Judgement): number => verdicts.indexOf(verdict)
  const sorted = judgements.toSorted((a, b) => rank(b) - rank(a))
  return sorted[0] ?? { verdict: 'fail', why: 'nothing was tried' }
}

// What scenarios ask for beside the answer.

export function within(hearing: Hearing, limitMs: number): Demand {
  return {
    isMet: hearing.durationMs <= limitMs,
    words: `took ${seconds(hearing.durationMs)}, at most ${seconds(limitMs)}`,
  }
}

export function demand(isMet: boolean, words: string): Demand {
  return { isMet, words }
}

export function usagePresent({ usage }: Hearing): Demand {
  const isMet = usage !== null && usage.completion_tokens > 0 && usage.prompt_tokens > 0
  return { isMet, words: usage === null ? 'no usage' : `usage ${JSON.stringify(usage)}` }
}
