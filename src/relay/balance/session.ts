/**
 * Which member a session belongs to: weighted rendezvous hashing. Every gateway that knows the same names comes to the
 * same ranking without a word, and when a member is lost only its own sessions move.
 * (Thaler and Ravishankar 1998; with weights: −ln(u)/w, the least wins.)
 */

/** The beginning of the marks of one session. */
export function sessionHash(session: string): number {
  return fnv(fnv(0x811c9dc5, session), '\u001f')
}

/** The least wins. `name`: of the member's upstream. */
export function sessionMark(session: number, name: string, weight: number): number {
  let hash = fnv(session, name)
  // The last step of murmur3: every bit of the hash depends on every other.
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  hash ^= hash >>> 16
  return -Math.log(((hash >>> 0) + 0.5) / 2 ** 32) / weight
}

/** FNV-1a, over UTF-16 units. */
function fnv(start: number, text: string): number {
  let hash = start
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash
}
