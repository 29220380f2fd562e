/** What happened to one call, in order: its attempts, its seams, who left, who took it over, and its end. */
import type { Scene } from './scene.ts'

export interface Step {
  /** From the beginning of the call, milliseconds. */
  readonly afterMs: number
  readonly durationMs: number | null
  readonly kind: 'attempt' | 'hedge' | 'seam' | 'client' | 'adoption' | 'end'
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
  if (call) {
    const { atMs, outcome, status, code } = call
    const words = `${outcome}, status ${status}`
    steps.push({ afterMs: since(atMs), durationMs: null, kind: 'end', upstream: null, code, words })
  }
  return steps.toSorted((a, b) => a.afterMs - b.afterMs)
}

/** A later version may have written other states. */
const adoptionWords: Readonly<Record<string, string>> = {
  adopted: 'took it over from a process that was gone',
  'given-up': 'took it over and had to give it up',
}
