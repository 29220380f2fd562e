/**
 * What a lab model is going to say: decided whole before the first token, since answer, length and stop are all fixed.
 * A prompt may ask for more than words: `think:20` for a thought of 20 tokens first, `call:f` for a call of the offered
 * tool f (several for several), `words:5` for so many words before it, `answer:json` for JSON instead of words.
 */
import {
  answerId,
  answerLength,
  answerWord,
  expectedJson,
  expectedToolArguments,
  promptHash,
  thoughtIndex,
  type AnswerRange,
} from '../answer.ts'
import { decode, encode } from '../vocabulary.ts'
import type { Prompt } from './prompt.ts'

export interface PlanOptions {
  /** Most tokens to generate; the room left in the context when absent. */
  readonly tokensMax: number
  readonly stop: readonly string[]
  readonly ignoresEnd: boolean
  readonly range: AnswerRange
  /** Functions that are called after the words, in this order. */
  readonly calls?: readonly string[]
  /** The request demands JSON; grammars begin at their root, whatever has been said before. */
  readonly isJsonForced?: boolean
  /** Other words at every asking: mixed into the prompt's hash. 0 for none. */
  readonly salt?: number
  /** The route tells thoughts apart from words. */
  readonly mayThink?: boolean
}

/** A stretch of an answer's tokens, `from` up to, not including, `to`. */
export interface Segment {
  readonly kind: 'thought' | 'text' | 'call'
  /** The function's name, for a call. */
  readonly name: string
  readonly from: number
  readonly to: number
}

export interface Plan {
  readonly prompt: Prompt
  /** Tokens to generate. */
  readonly count: number
  /** What they are, in order; never empty, the only one may have no tokens. */
  readonly segments: readonly Segment[]
  /** Id and text of the generated token `at`, from 0; the text of the last one may be shortened by a stop string. */
  readonly idAt: (at: number) => number
  readonly textAt: (at: number) => string
  readonly finish: 'stop' | 'length' | 'tool_calls'
  /** The stop string that ended the answer, if one did. */
  readonly stopString: string | null
}

/** Tokens of one kind, before they are counted through. */
interface Stretch {
  readonly kind: Segment['kind']
  readonly name: string
  readonly count: number
  readonly idAt: (at: number) => number
  readonly textAt: (at: number) => string
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

function stretchOfIds(kind: Segment['kind'], name: string, ids: readonly number[]): Stretch {
  return { kind, name, count: ids.length, idAt: (at) => ids[at] ?? 0, textAt: (at) => decode(ids.slice(at, at + 1)) }
}

function thought(prompt: Prompt, hash: number): Stretch[] {
  const count = Number(/\bthink:(\d{1,4})\b/.exec(prompt.question)?.[1] ?? 0)
  if (count === 0 || prompt.said !== '') return []
  const idAt = (at: number): number => answerId(hash, thoughtIndex + at)
  return [{ kind: 'thought', name: '', count, idAt, textAt: (at) => answerWord(hash, thoughtIndex + at) }]
}

function words(prompt: Prompt, options: PlanOptions): Stretch {
  const { question } = prompt
  if (options.isJsonForced || question.includes('answer:json')) {
    const json = expectedJson(question)
    const isGoneOn = !options.isJsonForced && json.startsWith(prompt.said)
    return stretchOfIds('text', '', encode(isGoneOn ? json.slice(prompt.said.length) : json))
  }
  const { salt = 0 } = options
  const hash = promptHash(question) ^ salt
  const answered = salt === 0 ? prompt.answered : prompt.pieces
  const first = /\bwords:(\d{1,4})\b/.exec(question)?.[1]
  const length = options.calls?.length ? Number(first ?? 0) : answerLength(question, options.range)
  return {
    kind: 'text',
    name: '',
    count: Math.max(0, length - answered),
    idAt: (at) => answerId(hash, answered + at),
    textAt: (at) => answerWord(hash, answered + at),
  }
}

/** What is said: a thought, words, calls; cut by a stop string in the words, and by `tokensMax` anywhere. */
export function planAnswer(prompt: Prompt, options: PlanOptions): Plan {
  const { calls = [], salt = 0, mayThink = true, tokensMax } = options
  const thoughts = mayThink ? thought(prompt, promptHash(prompt.question) ^ salt) : []
  const thoughtCount = thoughts.reduce((sum, { count }) => sum + count, 0)
  const said = words(prompt, options)
  const endless = options.ignoresEnd ? { ...said, count: Math.max(0, tokensMax - thoughtCount) } : said
  const stop = options.stop.length > 0 ? findStop(options.stop, endless.count, endless.textAt) : null
  const text = stop ? shortened(endless, stop.at, stop.place) : endless
  const called = stop ? [] : calls.map((name) => stretchOfIds('call', name, callIds(prompt.question, name, calls)))
  const stretches = [...thoughts, ...(text.count > 0 || called.length === 0 ? [text] : []), ...called]
  const wanted = stretches.reduce((sum, { count }) => sum + count, 0)
  const isStopReached = stop !== null && wanted <= tokensMax
  const isWhole = isStopReached || (!options.ignoresEnd && wanted <= tokensMax)
  return {
    ...joined(prompt, stretches, Math.min(wanted, tokensMax)),
    finish: !isWhole ? 'length' : called.length > 0 ? 'tool_calls' : 'stop',
    stopString: isStopReached ? stop.string : null,
  }
}

/** The calls of one answer have arguments of their own; the only one those of the prompt. */
function callIds(question: string, name: string, calls: readonly string[]): number[] {
  return encode(expectedToolArguments(calls.length === 1 ? question : `${question}\n${name}`))
}

/** What the stop string had begun in earlier tokens is held back by engines too, so those tokens come out shortened. */
function shortened(said: Stretch, last: number, length: number): Stretch {
  const texts: string[] = []
  let room = length
  for (let at = 0; at <= last; at++) {
    const text = said.textAt(at).slice(0, room)
    room -= text.length
    texts.push(text)
  }
  return { ...said, count: last + 1, textAt: (at) => texts[at] ?? '' }
}

function joined(
  prompt: Prompt,
  stretches: readonly Stretch[],
  count: number,
): Pick<Plan, 'prompt' | 'count' | 'segments' | 'idAt' | 'textAt'> {
  const segments: Segment[] = []
  let from = 0
  for (const { kind, name, count: length } of stretches) {
    const to = Math.min(from + length, count)
    if (from < count || segments.length === 0) segments.push({ kind, name, from, to })
    from += length
  }
  const at = (place: number): [Stretch | undefined, number] => {
    const index = segments.findIndex(({ to }) => place < to)
    return [stretches[index], place - (segments[index]?.from ?? 0)]
  }
  const idAt = (place: number): number => {
    const [stretch, inside] = at(place)
    return stretch?.idAt(inside) ?? 0
  }
  const textAt = (place: number): string => {
    const [stretch, inside] = at(place)
    return stretch?.textAt(inside) ?? ''
  }
  return { prompt, count, segments, idAt, textAt }
}
