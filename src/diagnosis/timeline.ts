/** What happened to one call, in order: its attempts, its seams, who left, who took it over, and its end. */
import type { CallFact } from '../observe/fact.ts'
import type { Scene } from './scene.ts'

export interface Step {
  /** From the beginning of the call, milliseconds. */
  readonly afterMs: number
  readonly durationMs: number | null
  readonly kind: 'attempt' | 'hedge' | 'seam' | 'client' | 'adoption' | 'cache' | 'end'
  readonly upstream: string | null
  readonly code: string | null
  readonly words: string
}

/** Bounded like what it is made of. */
export function timeline({ call, seams, client, adoptions, beganMs }: Scene): Step[] {
  const steps: Step[] = []
  const since = (atMs: number): number => Math.max(0, Math.round(atMs - beganMs))
  for (const { upstream, code, detail, afterMs, durationMs, isHedge } of call?.attempts ?? []) {
    const words = code === null ? 'answered' : detail
    const kind = isHedge ? 'hedge' : 'attempt'
    steps.push({ afterMs: Math.round(afterMs), durationMs: Math.round(durationMs), kind, upstream, code, words })
  }
  for (const { atMs, upstream, code, eventCount } of seams) {
    const words = `the answer broke after ${eventCount} events and was gone on with`
    steps.push({ afterMs: since(atMs), durationMs: null, kind: 'seam', upstream, code, words })
  }
  for (const { atMs, state } of client) {
    const words = state === 'left' ? 'the caller left' : 'the caller took nothing for too long'
    steps.push({ afterMs: since(atMs), durationMs: null, kind: 'client', upstream: null, code: null, words })
  }
  for (const { atMs, state, node, code } of adoptions) {
    const words = `${node} ${adoptionWords[state] ?? state}`
    steps.push({ afterMs: since(atMs), durationMs: null, kind: 'adoption', upstream: null, code, words })
  }
  const fromCache = call && cacheWords(call)
  if (call && fromCache)
    steps.push({ ...{ upstream: null, code: null, durationMs: null }, afterMs: 0, kind: 'cache', words: fromCache })
  if (call) {
    const { atMs, outcome, status, code } = call
    const words = `${outcome}, status ${status}`
    steps.push({ afterMs: since(atMs), durationMs: null, kind: 'end', upstream: null, code, words })
  }
  return steps.toSorted((a, b) => a.afterMs - b.afterMs)
}

/** What it got that was made for another call; null where it got its own. */
function cacheWords({
  cache,
  answerRay,
  similarity,
}: Pick<CallFact, 'cache' | 'answerRay' | 'similarity'>): string | null {
  if (!answerRay || cache === undefined) return null
  const words = { hit: 'of the same question', stale: 'of the same question, older than it should be' } as const
  if (cache === 'semantic')
    return `answered from the cache with ${answerRay}, the answer to another question of the same meaning (similarity ${similarity ?? '?'})`
  if (cache === 'hit' || cache === 'stale') return `answered from the cache with ${answerRay}, ${words[cache]}`
  return cache === 'collapsed' ? `joined ${answerRay}, which asked the same at that moment` : null
}

/** A later version may have written other states. */
const adoptionWords: Readonly<Record<string, string>> = {
  adopted: 'took it over from a process that was gone',
  'given-up': 'took it over and had to give it up',
}
