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

function readChat(ids: readonly number[], userAt: number): Prompt {
  const questionEnd = ids.indexOf(marks.end, userAt)
  const question = decode(ids.slice(userAt + 1, questionEnd < 0 ? ids.length : questionEnd))
  const turnAt = ids.lastIndexOf(marks.assistant)
  const isTurnOpen = turnAt > userAt && ids.indexOf(marks.end, turnAt) < 0
  return { ids, question, answered: isTurnOpen ? countAnswered(ids, turnAt + 1, promptHash(question)) : 0 }
}

/** Reads rendered ids. @throws {RangeError} when an id is not in the vocabulary. */
export function readPrompt(ids: readonly number[]): Prompt {
  const userAt = ids.lastIndexOf(marks.user)
  if (userAt >= 0) return readChat(ids, userAt)
  const tail = fromAnswerId(ids.at(-1) ?? 0)
  const start = tail ? ids.length - tail.index - 1 : ids.length
  if (tail && start > 0) {
    const question = decode(ids.slice(0, start))
    if (countAnswered(ids, start, promptHash(question)) === tail.index + 1)
      return { ids, question, answered: tail.index + 1 }
  }
  return { ids, question: decode(ids), answered: 0 }
}
