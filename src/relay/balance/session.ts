/**
 * Which member a session belongs to: weighted rendezvous hashing. Every gateway that knows the same names comes to the
 * same ranking without a word, and when a member is lost only its own sessions move.
 * (Thaler and Ravishankar 1998; with weights: −ln(u)/w, the least wins.)
 */

/** The least wins. `name`: of the member's upstream. */
export function sessionMark(session: string, name: string, weight: number): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < session.length; i++) hash = Math.imul(hash ^ session.charCodeAt(i), 0x01000193)
  hash = Math.imul(hash ^ 0x1f, 0x01000193)
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193)
  // The last step of murmur3: every bit of the hash depends on every other.
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  hash ^= hash >>> 16
  return -Math.log(((hash >>> 0) + 0.5) / 2 ** 32) / weight
}
