/** The id that an answer bears: read from a whole body, or replaced by another in an event. */
import { JsonBody } from './json-body.ts'

/** The id in an answer's one body; null where it has none. */
export function idOfBody(body: Buffer): string | null {
  try {
    return JsonBody.parse(body, { uniqueFields: [] }).string('id') || null
  } catch {
    return null
  }
}

/**
 * The event with one id put in the place of another. Only a whole JSON string is taken for it: within a longer string
 * the quotes around it would be escaped.
 */
export function withId(event: Buffer, from: string, to: string): Buffer {
  const old = Buffer.from(JSON.stringify(from))
  let at = event.indexOf(old)
  if (at === -1) return event
  const fresh = Buffer.from(JSON.stringify(to))
  const pieces: Buffer[] = []
  let start = 0
  for (; at !== -1; at = event.indexOf(old, start)) {
    pieces.push(event.subarray(start, at), fresh)
    start = at + old.length
  }
  pieces.push(event.subarray(start))
  return Buffer.concat(pieces)
}
