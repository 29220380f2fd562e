/**
 * The quick look at one event of an OpenAI stream: is it a piece of text like most, with nothing in it that the relay
 * must know? It walks the bytes once, some 0.2 us, where JSON.parse would take three times as long.
 */

const quote = 0x22
const colon = 0x3a
const space = 0x20
const closeBrace = 0x7d
const letterE = 0x65
const letterF = 0x66
const letterU = 0x75
/** The first byte of null. */
const letterN = 0x6e
// Texts and not buffers: an index that begins with a buffer's length is calculated in doubles, and the walk takes four
// times as long.
const dataStart = 'data: {'
const finishReason = '"finish_reason"'
const usage = '"usage"'
const error = '"error"'

/**
 * True only for `data: {…}` with a `finish_reason` that is null, and neither `usage` nor `error` beyond null. `[DONE]`
 * and events of another build have no such finish reason, so they are false and looked at closely. That the rest is
 * valid JSON is not checked.
 *
 * Looking for the bytes `"name":` is safe without parsing: inside a JSON string a quote is always escaped, so the run
 * quote, letters, quote can reach into a string only as its very end, and what ends there before a colon is a key.
 * A key of that name deeper inside costs a closer look, no more.
 */
export function isPlainChunk(event: Buffer): boolean {
  const last = event.length - 1
  if (event[last] !== closeBrace || !isAt(event, 0, dataStart)) return false
  let isOpen = false
  let at = dataStart.length
  for (;;) {
    while (at < last && event[at] !== quote) at++
    if (at >= last) return isOpen
    const letter = event[at + 1]
    if (letter === letterF) {
      const value = firstOfValue(event, at, finishReason)
      if (value === letterN) isOpen = true
      else if (value !== -1) return false
    } else if (letter === letterU || letter === letterE) {
      const value = firstOfValue(event, at, letter === letterU ? usage : error)
      if (value !== letterN && value !== -1) return false
    }
    at++
  }
}

/** The first byte of the value behind this key, or -1 when something else stands here. */
function firstOfValue(event: Buffer, from: number, key: string): number {
  if (!isAt(event, from, key)) return -1
  let at = from + key.length
  while (event[at] === space) at++
  if (event[at] !== colon) return -1
  do at++
  while (event[at] === space)
  return event[at] as number
}

function isAt(event: Buffer, from: number, text: string): boolean {
  for (let i = 0; i < text.length; i++) if (event[from + i] !== text.charCodeAt(i)) return false
  return true
}
