/**
 * The words of a question as two short hashes: which they are, and in which order. By them it is seen what vectors do
 * not show: that words have changed their places, and that a model has one vector for different words. Pure.
 */
import { hash } from 'node:crypto'

/** From this cosine on two vectors are the same, but for rounding. */
const sameFrom = 0.9999
const hashLength = 11

/** Without signs, marks, and capitals, which many models do not see either. */
export function wordingOf(text: string): string {
  const plain = text.normalize('NFKD').replaceAll(/\p{M}/gu, '').toLowerCase()
  const words = plain.match(/[\p{L}\p{N}]+/gu) ?? []
  return `${short(words.toSorted())}.${short(words)}`
}

const short = (words: readonly string[]): string => hash('sha256', words.join(' '), 'base64url').slice(0, hashLength)

/**
 * How the vectors of two questions are to be taken. `reordered`: the same words in another order, such as who bit
 * whom. `blind`: other words and yet the same vector, as of a model that gives one to all, or reads no further.
 */
export function judgeWording(one: string, other: string, similarity: number): 'fine' | 'reordered' | 'blind' {
  if (one === other) return 'fine'
  if (one.slice(0, hashLength) === other.slice(0, hashLength)) return 'reordered'
  return similarity >= sameFrom ? 'blind' : 'fine'
}
