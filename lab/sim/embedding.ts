/**
 * The simulated embeddings model: a text's vector is the sum of those of its words, each fixed by its letters, small
 * words counting little. So the same text has the same vector, and texts of mostly the same words have near ones,
 * which is all that a test of meanings needs.
 */
import { seededRandom } from '../../src/ground/random.ts'
import { promptHash } from '../answer.ts'

const smallWords = new Set(
  'a an and are at can could do does how i in is it me might my of on or please s the to what you'.split(' '),
)
const smallWeight = 0.05

/** A vector of length 1, fixed by the text. */
export function embeddingOf(text: string, size: number): number[] {
  const sum = Array.from({ length: size }, () => 0)
  const words = text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [text]
  for (const word of words) {
    const random = seededRandom(promptHash(word))
    const weight = smallWords.has(word) ? smallWeight : 1
    for (let i = 0; i < size; i++) sum[i] = (sum[i] as number) + weight * (random.unit() * 2 - 1)
  }
  const length = Math.hypot(...sum) || 1
  return sum.map((value) => value / length)
}
