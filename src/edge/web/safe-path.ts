/** From the path of a request to the name of a file below a folder: whatever could lead elsewhere is none. Pure. */
import { percentDecoded } from '../../ground/percent-decoded.ts'

const pathLengthMax = 2048
/** Beside them, what begins with a dot is nobody's business: `.git`, `.env`. */
const openDots: ReadonlySet<string> = new Set(['.well-known'])
/** Of Windows: devices, streams, and a second kind of slash. */
const forbidden = /[\0-\x1f\x7f\\:*?"<>|]/

/**
 * The segments of a path, decoded once. Null for a path that is none: with `..`, hidden names, bad escapes, characters
 * that no file name should have. A slash at the end gives an empty last segment.
 */
export function safeSegments(path: string): string[] | null {
  if (!path.startsWith('/') || path.length > pathLengthMax) return null
  const segments: string[] = []
  const parts = path.slice(1).split('/')
  for (const [i, part] of parts.entries()) {
    const name = percentDecoded(part)
    if (name === null || name.includes('/') || forbidden.test(name)) return null
    if (name === '' && i < parts.length - 1) return null
    if (name.startsWith('.') && !openDots.has(name)) return null
    if (/[. ]$/.test(name)) return null
    segments.push(name)
  }
  return segments
}

/** Steps, in any spelling, also behind a slash that only some decode, and before what only some take for parameters. */
const steps = /(?:\/|%2f|%5c)(?:\.|%2e){1,2}(?:\/|%2f|%5c|;|%3b|$)/i

/** For what is passed on: a path that two servers could read in two ways. */
export function isAmbiguous(path: string): boolean {
  return /^\/(?:\/|%2f|%5c)/i.test(path) || steps.test(path) || /[\\\0#]|%00/.test(path)
}
