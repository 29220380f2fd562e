/**
 * A prompt as a lab model reads it: rendered token ids, the question in it, and how far the answer has come already.
 * Continuation is found by looking, not by being told: whatever ends in the beginning of the right answer is continued
 * there.
 */
import { answerId, promptHash } from '../answer.ts'
import { decode, encode, fromAnswerId, marks } from '../vocabulary.ts'

export interface Message {
  readonly role: 'system' | 'user' | 'assistant' | 'tool'
  readonly text: string
}

export interface Prompt {
  readonly ids: readonly number[]
  /** The text that fixes the answer: the last user message, or a whole plain prompt. */
  readonly question: string
  /** Number of the answer's tokens that the prompt already ends with. */
  readonly answered: number
  /** How many pieces of any answer it ends with, by their numbers alone. */
  readonly pieces: number
  /** The beginning of an answer that the prompt ends with, whatever its words. */
  readonly said: string
}

/**
 * The lab's chat template. With `isOpen` a last assistant message is left open, to be continued; else a new turn is
 * begun.
 */
export function renderChat(messages: readonly Message[], isOpen: boolean): number[] {
  const ids: number[] = []
  const push = (more: readonly number[]): void => {
    for (const id of more) ids.push(id)
  }
  for (const [at, message] of messages.entries()) {
    ids.push(marks[message.role])
    push(encode(message.text, false))
    if (isOpen && at === messages.length - 1 && message.role === 'assistant') return ids
    ids.push(marks.end)
  }
  ids.push(marks.assistant)
  return ids
}

/** How many tokens from `start` on are the answer's, one after the other from index 0. */
function countAnswered(ids: readonly number[], start: number, hash: number): number {
  let count = 0
  while (start + count < ids.length && ids[start + count] === answerId(hash, count)) count++
  return count
}

/** How many pieces from `start` on are numbered 0, 1, 2 …, whatever their words. */
function countPieces(ids: readonly number[], start: number): number {
  let count = 0
  while (start + count < ids.length && fromAnswerId(ids[start + count] ?? 0)?.index === count) count++
  return count
}

function messageAt(ids: readonly number[], at: number): readonly number[] {
  const end = ids.indexOf(marks.end, at)
  return ids.slice(at + 1, end < 0 ? ids.length : end)
}

/** A quote in the same message as the question is believed from so many pieces on. */
const ownQuoteMin = 3
/** Longer questions are not found so. */
const questionLengthMax = 1000

/**
 * A last user message that quotes the beginning of the answer to the one before, or to its own beginning, asks for the
 * rest of it. The last piece quoted is said again, as models do that are told where to go on.
 */
function readQuote(ids: readonly number[], userAt: number): Prompt | null {
  const quote = messageAt(ids, userAt)
  const start = quote.findIndex((id) => fromAnswerId(id)?.index === 0)
  const pieces = start < 0 ? 0 : countPieces(quote, start)
  if (pieces === 0) return null
  const askedAt = userAt === 0 ? -1 : ids.lastIndexOf(marks.user, userAt - 1)
  const asked = askedAt < 0 ? '' : decode(messageAt(ids, askedAt))
  const isOfLast = askedAt >= 0 && countAnswered(quote, start, promptHash(asked)) > 0
  const question = isOfLast || pieces < ownQuoteMin ? asked : beginningAnswered(quote, start, pieces)
  if (question === null || (question === asked && askedAt < 0)) return null
  const answered = countAnswered(quote, start, promptHash(question))
  return { ids, question, answered: Math.max(0, answered - 1), pieces: pieces - 1, said: '' }
}

/** The beginning of a message whose answer is quoted further on in it. */
function beginningAnswered(quote: readonly number[], start: number, pieces: number): string | null {
  const text = decode(quote.slice(0, start)).slice(0, questionLengthMax)
  for (let end = 1; end <= text.length; end++) {
    const question = text.slice(0, end)
    if (countAnswered(quote, start, promptHash(question)) === pieces) return question
  }
  return null
}

function readChat(ids: readonly number[], userAt: number): Prompt {
  const turnAt = ids.lastIndexOf(marks.assistant)
  const isTurnOpen = turnAt > userAt && ids.indexOf(marks.end, turnAt) < 0
  const said = isTurnOpen ? ids.slice(turnAt + 1) : []
  const quoted = said.length === 0 ? readQuote(ids, userAt) : null
  if (quoted) return quoted
  const question = decode(messageAt(ids, userAt))
  const hash = promptHash(question)
  return { ids, question, answered: countAnswered(said, 0, hash), pieces: countPieces(said, 0), said: decode(said) }
}

/** Reads rendered ids. @throws {RangeError} when an id is not in the vocabulary. */
export function readPrompt(ids: readonly number[]): Prompt {
  const userAt = ids.lastIndexOf(marks.user)
  if (userAt >= 0) return readChat(ids, userAt)
  const tail = fromAnswerId(ids.at(-1) ?? 0)
  const start = tail ? ids.length - tail.index - 1 : ids.length
  if (tail && start > 0) {
    const question = decode(ids.slice(0, start))
    const pieces = countPieces(ids, start)
    const answered = countAnswered(ids, start, promptHash(question))
    if (pieces === tail.index + 1)
      return { ids, question, answered: answered === pieces ? answered : 0, pieces, said: decode(ids.slice(start)) }
  }
  return { ids, question: decode(ids), answered: 0, pieces: 0, said: '' }
}
