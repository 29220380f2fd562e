/**
 * The gate before traffic: the same prompts were asked of both releases, some times each; what does the new one worse?
 * A difference in one answer is chance, and so may two be: pairs are counted, and a sign test says when it is enough.
 */
import { median } from '../../ground/theil-sen.ts'
import { type GoldenAnswer, type GoldenPrompt, lacks } from './golden-prompt.ts'
import { signTest } from './sign-test.ts'
import { findMark, isEcho, isLooping } from './template-marks.ts'

export interface GatePair {
  readonly prompt: GoldenPrompt
  /** Null where there is no release before. */
  readonly present: GoldenAnswer | null
  readonly next: GoldenAnswer
}

export interface GateFinding {
  readonly name: string
  readonly isPassed: boolean
  readonly words: string
}

export interface GateReport {
  readonly isPassed: boolean
  readonly words: string
  readonly findings: readonly GateFinding[]
}

/** Pairs may lean so by chance, in each of ten questions. */
const chanceMax = 0.005
/** Without a release to compare with, so many answers may be wrong: one in ten. */
const wrongShareMax = 0.1
/** A mark of the template in two answers is no accident. */
const marksMax = 1
export const pairsMin = 5
/** Median of the ratios new to present, from which on it is slower. */
const slower = { ttftMs: 1.5, interTokenMs: 1.25 } as const

type Fails = (answer: GoldenAnswer, prompt: GoldenPrompt) => boolean

const isWhole = ({ fault }: GoldenAnswer): boolean => fault === null
const lacksAny: Fails = (answer, { checks }) => isWhole(answer) && checks.some((check) => lacks(answer, check) !== null)
const wantsTool = ({ checks }: GoldenPrompt): boolean => checks.some(({ is }) => is === 'tool')

const questions: readonly { readonly name: string; readonly fails: Fails }[] = [
  { name: 'fails', fails: (answer) => !isWhole(answer) },
  { name: 'wrong answers', fails: lacksAny },
  { name: 'truncated', fails: ({ finish, fault }) => fault === null && finish === 'length' },
  { name: 'refused', fails: ({ finish, fault }) => fault === null && finish === 'refused' },
  { name: 'tool calls', fails: (answer, prompt) => wantsTool(prompt) && isWhole(answer) && lacksAny(answer, prompt) },
  { name: 'repeats itself', fails: ({ text }) => isLooping(text) },
  { name: 'repeats the prompt', fails: ({ text }, { prompt }) => isEcho(text, prompt) },
  { name: 'says nothing', fails: (answer) => isWhole(answer) && answer.tokens === 0 && answer.toolCall === null },
]

export function judgeGate(pairs: readonly GatePair[]): GateReport {
  const findings =
    pairs.length < pairsMin
      ? [{ name: 'prompts', isPassed: false, words: `only ${pairs.length} answers` }]
      : [
          ...questions.map((question) => compareFailing(question.name, question.fails, pairs)),
          marksFinding(pairs),
          slowerFinding('first token', 'ttftMs', pairs),
          slowerFinding('token time', 'interTokenMs', pairs),
          lengthFinding(pairs),
        ]
  const failed = findings.filter(({ isPassed }) => !isPassed)
  const words =
    failed.length === 0
      ? `${pairs.length} answers as good as before`
      : failed.map((each) => `${each.name}: ${each.words}`).join('; ')
  return { isPassed: failed.length === 0, words, findings }
}

function compareFailing(name: string, fails: Fails, pairs: readonly GatePair[]): GateFinding {
  const alone = pairs.filter(({ present }) => present === null)
  if (alone.length > 0) {
    const count = alone.filter(({ prompt, next }) => fails(next, prompt)).length
    return { name, isPassed: count <= alone.length * wrongShareMax, words: `${count} of ${alone.length} answers` }
  }
  const verdicts = pairs.map(({ prompt, present, next }) => [present && fails(present, prompt), fails(next, prompt)])
  const worse = verdicts.filter(([before, after]) => !before && after).length
  const better = verdicts.filter(([before, after]) => before && !after).length
  const isWorse = signTest(worse, better) < chanceMax
  return { name, isPassed: !isWorse, words: `${worse} of ${pairs.length} worse than before, ${better} better` }
}

function marksFinding(pairs: readonly GatePair[]): GateFinding {
  const found = pairs.flatMap(({ prompt, present, next }) => {
    const mark = findMark(next.text, prompt.prompt)
    return mark === null || (present && findMark(present.text, prompt.prompt) === mark) ? [] : mark
  })
  const words = found.length === 0 ? 'none' : `${found.length} answers, such as ${found[0]}`
  return { name: 'marks of the template', isPassed: found.length <= marksMax, words }
}

const bothWhole = (pairs: readonly GatePair[]): { present: GoldenAnswer; next: GoldenAnswer }[] =>
  pairs.flatMap(({ present, next }) => (present && isWhole(present) && isWhole(next) ? [{ present, next }] : []))

/** Slow by the median of all, and in so many pairs that it is no chance. */
function slowerFinding(name: string, of: keyof typeof slower, pairs: readonly GatePair[]): GateFinding {
  const ratios = bothWhole(pairs)
    .filter(({ present, next }) => present[of] > 0 && next[of] > 0)
    .map(({ present, next }) => next[of] / present[of])
  return ratioFinding(name, ratios, slower[of], Infinity)
}

function lengthFinding(pairs: readonly GatePair[]): GateFinding {
  const ratios = bothWhole(pairs)
    .filter(({ present, next }) => present.tokens > 0 && next.tokens > 0)
    .map(({ present, next }) => next.tokens / present.tokens)
  return ratioFinding('length of answers', ratios, 1.6, 1.6)
}

function ratioFinding(name: string, ratios: readonly number[], moreMax: number, lessMax: number): GateFinding {
  const middle = median(ratios)
  const words = ratios.length === 0 ? 'nothing to compare with' : `${middle.toFixed(2)} times that of before`
  const isBeyond = (sign: 1 | -1, max: number): boolean => {
    const over = ratios.filter((ratio) => ratio ** sign > max).length
    return middle ** sign > max && signTest(over, ratios.length - over) < chanceMax
  }
  const isPassed = ratios.length < pairsMin || !(isBeyond(1, moreMax) || isBeyond(-1, lessMax))
  return { name, isPassed, words }
}
