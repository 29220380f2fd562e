/**
 * The lab models' tokens: text to ids and back, exactly. There is nothing learned here; an id *is* its text by
 * arithmetic, so every lab server, of any version and on any machine, has the same vocabulary and needs no file for it.
 *
 *   1 … 5                             the marks of the chat template
 *   0x100 + byte                      one byte
 *   0x10000 + two bytes               two bytes, big-endian
 *   0x1000000 + three bytes           three bytes, big-endian: ordinary text, about as dense as with a real one
 *   0x4000000 + index * 64 + word     a piece of an answer: `w0-amber`, ` w1-birch`, …
 */

/** The marks that open and close the messages of a rendered chat. */
export const marks = { system: 1, user: 2, assistant: 3, tool: 4, end: 5 } as const
export type Mark = keyof typeof marks

/**
 * 64 words, none the beginning of another, so that an answer's text falls apart in one way only. Some take many bytes a
 * letter.
 */
export const words: readonly string[] = (
  'amber birch cedar delta ember fjord grove haven indigo jade kelp lilac maple north ocean pearl ' +
  'quartz river slate tulip umber violet willow xenon yarrow zephyr acorn basalt coral dune elm fern ' +
  'glacier heath iris juniper kite larch moss nectar opal pine quill reed sage thyme urchin vale ' +
  'wren yew zinc anchor beacon cobalt größe naïve 琥珀 海風 森林 たそがれ 🦊 🌊 👩‍🚀 🏔️'
).split(' ')

const byteBase = 0x100
const pairBase = 0x10000
const tripleBase = 0x1000000
const answerBase = 0x4000000
const answerEnd = answerBase + words.length * 1_000_000

const wordNumbers = new Map(words.map((word, number) => [word, number]))
const markNames = Object.keys(marks) as Mark[]
/** A mark, or a piece of an answer; only the first piece of an answer (index 0) has no space before it. */
const wholePiece = new RegExp(`<\\|(${markNames.join('|')})\\|>|(?:(w0)| w([1-9]\\d{0,5}))-(${words.join('|')})`, 'gu')

/** The id of an answer's piece; `index` from 0 to 999,999, `word` from 0 to 63. */
export function toAnswerId(index: number, word: number): number {
  return answerBase + index * words.length + word
}

/** Index and word of an id that is a piece of an answer; null for all others. */
export function fromAnswerId(id: number): { index: number; word: number } | null {
  if (!Number.isInteger(id) || id < answerBase || id >= answerEnd) return null
  return { index: Math.floor((id - answerBase) / words.length), word: (id - answerBase) % words.length }
}

/** The text of an answer's piece. */
export function toAnswerText(index: number, word: number): string {
  return `${index === 0 ? '' : ' '}w${index}-${words[word] ?? ''}`
}

function pushBytes(ids: number[], text: string): void {
  const bytes = Buffer.from(text)
  let at = 0
  for (; at + 3 <= bytes.length; at += 3) ids.push(tripleBase + bytes.readUIntBE(at, 3))
  if (bytes.length - at === 2) ids.push(pairBase + bytes.readUInt16BE(at))
  else if (bytes.length - at === 1) ids.push(byteBase + bytes.readUInt8(at))
}

/**
 * Text to ids. Well-formed text comes back from `decode` unchanged; a lone surrogate becomes U+FFFD, as in UTF-8.
 * Without `readsMarks` a `<|user|>` in the text is text, not a mark: what a caller wrote cannot break out of its
 * message.
 */
export function encode(text: string, readsMarks = true): number[] {
  const ids: number[] = []
  let end = 0
  for (const match of text.matchAll(wholePiece)) {
    if (match[1] && !readsMarks) continue
    if (match.index > end) pushBytes(ids, text.slice(end, match.index))
    end = match.index + match[0].length
    const [, mark, first, index, word = ''] = match
    if (mark) ids.push(marks[mark as Mark])
    else ids.push(toAnswerId(first ? 0 : Number(index), wordNumbers.get(word) ?? 0))
  }
  if (end < text.length) pushBytes(ids, end === 0 ? text : text.slice(end))
  return ids
}

function bytesOf(id: number): Buffer {
  if (!Number.isInteger(id)) throw new RangeError(`token id ${id} is not a whole number`)
  const answer = fromAnswerId(id)
  if (answer) return Buffer.from(toAnswerText(answer.index, answer.word))
  const mark = markNames[id - 1]
  if (mark) return Buffer.from(`<|${mark}|>`)
  if (id >= tripleBase && id < 2 * tripleBase) return Buffer.from([(id >> 16) & 255, (id >> 8) & 255, id & 255])
  if (id >= pairBase && id < 2 * pairBase) return Buffer.from([(id >> 8) & 255, id & 255])
  if (id >= byteBase && id < 2 * byteBase) return Buffer.from([id & 255])
  throw new RangeError(`token id ${id} is not in the vocabulary`)
}

/** Ids to text. @throws {RangeError} when an id is not in the vocabulary. */
export function decode(ids: readonly number[]): string {
  return Buffer.concat(ids.map(bytesOf)).toString()
}
