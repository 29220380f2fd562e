/**
 * What a lab model is going to say: decided whole before the first token, since answer, length and stop are all fixed.
 */
import { answerId, answerLength, answerWord, expectedToolArguments, promptHash, type AnswerRange } from '../answer.ts'
import { decode, encode } from '../vocabulary.ts'
import type { Prompt } from './prompt.ts'

export interface PlanOptions {
  /** Most tokens to generate; the room left in the context when absent. */
  readonly tokensMax: number
  readonly stop: readonly string[]
  readonly ignoresEnd: boolean
  readonly range: AnswerRange
}

export interface Plan {
  readonly prompt: Prompt
  /** Tokens to generate. */
  readonly count: number
  /** Id and text of the generated token `at`, from 0; the text of the last one may be shortened by a stop string. */
  readonly idAt: (at: number) => number
  readonly textAt: (at: number) => string
  readonly finish: 'stop' | 'length' | 'tool_calls'
  /** The stop string that ended the answer, if one did. */
  readonly stopString: string | null
  /** The name of the function that is called instead of an answer in words. */
  readonly tool: string | null
}

/** The token in which the earliest stop string is complete, and how much of that token's text stays. */
function findStop(stop: readonly string[], count: number, textAt: (at: number) => string) {
  let text = ''
  const reach = Math.max(0, ...stop.map((s) => s.length))
  for (let at = 0; at < count; at++) {
    const before = text.length
    text += textAt(at)
    const from = Math.max(0, before - reach)
    const places = stop.filter((s) => s !== '').map((string) => ({ string, place: text.indexOf(string, from) }))
    const first = places.filter((p) => p.place >= 0).sort((a, b) => a.place - b.place)[0]
    if (first) return { at, string: first.string, place: first.place }
  }
  return null
}

/** An answer in words. */
export function planAnswer(prompt: Prompt, options: PlanOptions): Plan {
  const hash = promptHash(prompt.question)
  const rest = Math.max(0, answerLength(prompt.question, options.range) - prompt.answered)
  const wanted = options.ignoresEnd ? options.tokensMax : Math.min(rest, options.tokensMax)
  const idAt = (at: number): number => answerId(hash, prompt.answered + at)
  const textAt = (at: number): string => answerWord(hash, prompt.answered + at)
  const finish = !options.ignoresEnd && wanted === rest ? 'stop' : 'length'
  const plan: Plan = { prompt, count: wanted, idAt, textAt, finish, stopString: null, tool: null }
  const stop = options.stop.length > 0 ? findStop(options.stop, wanted, textAt) : null
  if (!stop) return plan
  // What the stop string had begun in earlier tokens is held back by engines too, so those tokens come out shortened.
  const texts: string[] = []
  let room = stop.place
  for (let at = 0; at <= stop.at; at++) {
    const text = textAt(at).slice(0, room)
    room -= text.length
    texts.push(text)
  }
  return { ...plan, count: stop.at + 1, textAt: (at) => texts[at] ?? '', finish: 'stop', stopString: stop.string }
}

/** A tool call with its fixed arguments, cut by `tokensMax` like any other answer. */
export function planToolCall(prompt: Prompt, tool: string, tokensMax: number): Plan {
  const ids = encode(expectedToolArguments(prompt.question))
  const isWhole = ids.length <= tokensMax
  return {
    prompt,
    count: isWhole ? ids.length : tokensMax,
    idAt: (at) => ids[at] ?? 0,
    textAt: (at) => decode(ids.slice(at, at + 1)),
    finish: isWhole ? 'tool_calls' : 'length',
    stopString: null,
    tool,
  }
}
