/**
 * The answer of the lab models, fixed by (prompt, index): any client can compute what it must get, byte for byte, and
 * any replica gives it. Each piece carries its number, so a lost, repeated or swapped piece shows at a glance.
 *
 * The prompt is the text of the last user message of a chat, or the whole prompt of a plain completion. Earlier
 * messages and the system text do not change the answer: so translation between dialects cannot either.
 */
import { toAnswerId, toAnswerText, words } from './vocabulary.ts'

/** How long answers are when nobody says: between these two, in tokens, fixed by the prompt. */
export interface AnswerRange {
  readonly min: number
  readonly max: number
}

export const answerRange: AnswerRange = { min: 24, max: 96 }

/** FNV-1a (Fowler, Noll, Vo) over the UTF-8 bytes, 32 bits unsigned. */
export function promptHash(prompt: string): number {
  let hash = 0x811c9dc5
  for (const byte of Buffer.from(prompt)) hash = Math.imul(hash ^ byte, 0x01000193)
  return hash >>> 0
}

/** Spreads (hash, index) over 32 bits; the finishing steps of MurmurHash3 (public domain, A. Appleby). */
function mix(hash: number, index: number): number {
  let h = hash ^ Math.imul(index + 1, 0x9e3779b1)
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}

/** The text of the answer's piece `index` (from 0), its leading space included. */
export function answerWord(hash: number, index: number): string {
  return toAnswerText(index, mix(hash, index) % words.length)
}

/** The token id of the answer's piece `index` (from 0). */
export function answerId(hash: number, index: number): number {
  return toAnswerId(index, mix(hash, index) % words.length)
}

/**
 * The answer's full length in tokens. A prompt that says `tokens:120` gets 120; else the prompt's hash picks within the
 * range.
 */
export function answerLength(prompt: string, range: AnswerRange = answerRange): number {
  const asked = /\btokens:(\d{1,6})\b/.exec(prompt)?.[1]
  if (asked !== undefined) return Number(asked)
  return range.min + (mix(promptHash(prompt), -2) % (range.max - range.min + 1))
}

/** The first `length` tokens of the answer; the whole answer by default. */
export function expectedAnswer(prompt: string, length = answerLength(prompt)): string {
  const hash = promptHash(prompt)
  let text = ''
  for (let index = 0; index < length; index++) text += answerWord(hash, index)
  return text
}

/** Where an answer first goes wrong. */
export interface AnswerDifference {
  /** `cut`: right so far, but ends early; `extra`: goes on after the end; `wrong`: other text than expected. */
  readonly kind: 'cut' | 'extra' | 'wrong'
  /** The first wrong place, in UTF-16 units from 0. */
  readonly at: number
  /** The number of the first piece that is not whole and right. */
  readonly index: number
  /** What should stand there, and what does; at most 40 UTF-16 units each. */
  readonly expected: string
  readonly got: string
}

/** Compares an answer with the one that must come; null when it is right to the last byte. `length` in tokens. */
export function checkAnswer(prompt: string, text: string, length = answerLength(prompt)): AnswerDifference | null {
  const expected = expectedAnswer(prompt, length)
  if (text === expected) return null
  let at = 0
  while (at < text.length && text[at] === expected[at]) at++
  const kind = at === text.length ? 'cut' : at === expected.length ? 'extra' : 'wrong'
  const hash = promptHash(prompt)
  let index = 0
  for (let end = answerWord(hash, 0).length; index < length && end <= at; index++)
    end += answerWord(hash, index + 1).length
  return { kind, at, index, expected: expected.slice(at, at + 40), got: text.slice(at, at + 40) }
}

/** The arguments of a lab tool call, fixed by the prompt: JSON text, ASCII only, streamed in pieces of three bytes. */
export function expectedToolArguments(prompt: string): string {
  const hash = promptHash(prompt)
  return JSON.stringify({ query: `q-${hash.toString(16).padStart(8, '0')}`, limit: hash % 100, exact: hash % 2 === 0 })
}

/** Thoughts are pieces of an answer too, with numbers from here on, so that they cannot be mistaken for it. */
export const thoughtIndex = 900_000

/** The thought before an answer to a prompt that says `think:20`, of so many tokens. */
export function expectedThought(prompt: string, length: number): string {
  const hash = promptHash(prompt)
  return Array.from({ length }, (_, at) => answerWord(hash, thoughtIndex + at)).join('')
}

/** The answer to a prompt that says `answer:json`: JSON text, ASCII only, streamed in pieces of three bytes. */
export function expectedJson(prompt: string): string {
  const hash = promptHash(prompt)
  const items = Array.from({ length: 4 }, (_, at) => ({ id: (hash >>> at) % 1000, name: `n ${at}`, tags: ['a', 'b'] }))
  return JSON.stringify({ title: `t-${hash.toString(16)}`, items, done: true })
}
