/**
 * Byte-pair encoding as GPT-2 does it: the way from text to token numbers that the tiny model shares with its engine.
 * The engine gets only the token table and the list of merges and cuts text by itself; what is trained here must
 * therefore follow the same rules, or the model would have learned about tokens that the engine never makes.
 */

export interface Bpe {
  /** Token texts in the byte alphabet, by token number: first the 256 bytes, then one token for each merge. */
  readonly tokens: readonly string[]
  /** `left right` for each merge, the most useful first; this order is the engine's rule of precedence. */
  readonly merges: readonly string[]
  /** The training texts as token numbers, one list for each text. */
  readonly sequences: readonly (readonly number[])[]
}

/**
 * How GPT-2 splits text before any merging; merges never cross these borders. The engine's "gpt-2" splitter is the
 * same.
 */
const wordPattern = /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+/gu

/**
 * The byte alphabet: one printable character for each byte, so that token texts are ordinary strings. Bytes that are
 * printable in Latin-1 stand for themselves; the other ones take the characters from U+0100 on, in order.
 */
export const byteAlphabet: readonly string[] = byteCharacters()

function byteCharacters(): string[] {
  const isPrintable = (byte: number): boolean =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae
  let next = 0x100
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(isPrintable(byte) ? byte : next++))
}

/** A text in the byte alphabet: its UTF-8 bytes, one character each. */
export function toByteText(text: string): string[] {
  return Array.from(Buffer.from(text), (byte) => byteAlphabet[byte] ?? '')
}

/**
 * Learns up to `mergesMax` merges: again and again, the most frequent pair of neighbours becomes one token. Equally
 * frequent pairs are taken in the order of their code units, so that the result depends on nothing but the texts.
 * Ends early when no pair is left.
 */
export function trainBpe(texts: readonly string[], mergesMax: number): Bpe {
  const words = new Map<string, { count: number; parts: string[] }>()
  for (const text of texts) {
    for (const word of splitWords(text)) {
      const known = words.get(word)
      if (known) known.count++
      else words.set(word, { count: 1, parts: toByteText(word) })
    }
  }
  const tokens = [...byteAlphabet]
  const merges: string[] = []
  while (merges.length < mergesMax) {
    const pair = mostFrequentPair(words.values())
    if (pair === undefined) break
    const [left = '', right = ''] = pair.split(' ')
    merges.push(pair)
    tokens.push(left + right)
    for (const word of words.values()) mergeParts(word.parts, left, right)
  }
  const numbers = new Map(tokens.map((token, number) => [token, number]))
  const toNumbers = (word: string): number[] => (words.get(word)?.parts ?? []).map((part) => numbers.get(part) ?? 0)
  return { tokens, merges, sequences: texts.map((text) => splitWords(text).flatMap(toNumbers)) }
}

function splitWords(text: string): string[] {
  return Array.from(text.matchAll(wordPattern), (match) => match[0])
}

function mostFrequentPair(words: Iterable<{ count: number; parts: readonly string[] }>): string | undefined {
  const counts = new Map<string, number>()
  for (const { count, parts } of words) {
    for (let index = 1; index < parts.length; index++) {
      const pair = `${parts[index - 1]} ${parts[index]}`
      counts.set(pair, (counts.get(pair) ?? 0) + count)
    }
  }
  let best: string | undefined
  let bestCount = 0
  for (const [pair, count] of counts) {
    if (count > bestCount || (count === bestCount && best !== undefined && pair < best)) {
      best = pair
      bestCount = count
    }
  }
  return best
}

/** Joins each `left` that is followed by `right`, in place. */
function mergeParts(parts: string[], left: string, right: string): void {
  for (let index = 0; index + 1 < parts.length; index++) {
    if (parts[index] === left && parts[index + 1] === right) parts.splice(index, 2, left + right)
  }
}
