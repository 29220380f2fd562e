/**
 * Finds the token ids that vLLM and SGLang put into the chunks of a stream, by their bytes: the chunk is not parsed. As
 * in plain-chunk.ts, quote, name, quote, colon is a key and nothing else.
 */
import { toAside } from '../seam/aside.ts'

const comma = 0x2c
const colon = 0x3a
const space = 0x20
const openBracket = 0x5b
const closeBracket = 0x5d
const letterN = 0x6e
const lineFeed = 0x0a
const quote = 0x22
const letterP = 0x70
const letterT = 0x74
// Texts and not buffers, for the reason told in plain-chunk.ts.
const tokensKey = '"token_ids"'
const promptKey = '"prompt_token_ids"'

/** Where one field lies; ends are exclusive, and a comma that goes with it is included. */
interface Cut {
  readonly from: number
  readonly to: number
}

export interface FoundIds {
  readonly cuts: readonly Cut[]
  /** The ids as they are kept beside the event; undefined when the fields are null. */
  readonly aside: Buffer | undefined
}

/** @returns null for an event that has neither field. */
export function findTokenIds(event: Buffer, model: string): FoundIds | null {
  let tokens: Field | null = null
  let prompt: Field | null = null
  const { length } = event
  for (let at = 0; at < length; at++) {
    if (event[at] !== quote) continue
    const letter = event[at + 1]
    if (letter === letterT) tokens ??= readField(event, at, tokensKey)
    else if (letter === letterP) prompt ??= readField(event, at, promptKey)
  }
  if (!prompt) return tokens && { cuts: [tokens], aside: tokens.value ? Buffer.from(tokens.value) : undefined }
  const cuts = [prompt, ...(tokens ? [tokens] : [])].sort((a, b) => a.from - b.from)
  const ids = { prompt: prompt.value && toIds(prompt.value), tokens: tokens?.value ? toIds(tokens.value) : null }
  const aside = { ...(ids.prompt && { prompt: ids.prompt, model }), ...(ids.tokens && { tokens: ids.tokens }) }
  return { cuts, aside: Object.keys(aside).length > 0 ? toAside(aside) : undefined }
}

/** The event without those fields, with its blank line. */
export function cutTokenIds(event: Buffer, { cuts }: FoundIds): Buffer {
  const cutBytes = cuts.reduce((sum, { from, to }) => sum + to - from, 0)
  const whole = Buffer.allocUnsafe(event.length - cutBytes + 2)
  let at = 0
  let next = 0
  for (const { from, to } of cuts) {
    at += event.copy(whole, at, next, from)
    next = to
  }
  at += event.copy(whole, at, next)
  whole[at] = lineFeed
  whole[at + 1] = lineFeed
  return whole
}

interface Field extends Cut {
  /** The array as it is spelled; null for a field that is null. */
  readonly value: Buffer | null
}

/** Null when no field of that name stands here, or it holds something else. */
function readField(event: Buffer, start: number, key: string): Field | null {
  for (let i = 2; i < key.length; i++) if (event[start + i] !== key.charCodeAt(i)) return null
  let at = skipSpace(event, start + key.length)
  if (event[at] !== colon) return null
  at = skipSpace(event, at + 1)
  if (event[at] === letterN) return { ...withComma(event, start, at + 4), value: null }
  const end = event[at] === openBracket ? endOfIds(event, at + 1) : 0
  return end === 0 ? null : { ...withComma(event, start, end), value: event.subarray(at, end) }
}

/** Behind the bracket that closes a list of numbers; 0 for any other list: half of it would be left in the event. */
function endOfIds(event: Buffer, from: number): number {
  let at = from
  for (let byte = event[at]; isDigit(byte) || byte === comma || byte === space; byte = event[at]) at++
  return event[at] === closeBracket ? at + 1 : 0
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39
}

function withComma(event: Buffer, start: number, end: number): Cut {
  let from = start
  while (event[from - 1] === space) from--
  if (event[from - 1] === comma) return { from: from - 1, to: end }
  const to = skipSpace(event, end)
  return { from: start, to: event[to] === comma ? to + 1 : end }
}

function skipSpace(event: Buffer, from: number): number {
  let at = from
  while (event[at] === space) at++
  return at
}

/** Null for what is no JSON: the events of a stream are not all read as that. */
function toIds(value: Buffer): number[] | null {
  try {
    return JSON.parse(value.toString()) as number[]
  } catch {
    return null
  }
}
