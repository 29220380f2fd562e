/** Is it well? One sentence, and a line for each thing that is not. Pure. */
import type { UpstreamState } from '../house/fleet-view.ts'

/** `impaired`: it serves, but something is out; `down`: new calls cannot be served. */
export type Level = 'well' | 'impaired' | 'down'

export interface Verdict {
  readonly level: Level
  readonly sentence: string
  /** What is not well, and why, the worst first. */
  readonly troubles: readonly string[]
}

/** What each state of an upstream means, in words. */
export const stateWords: Readonly<Record<UpstreamState, string>> = {
  up: 'up',
  returning: 'returns step by step',
  failing: 'fails, and is asked again soon',
  keys: 'has no key that works now',
  unseen: 'has not answered yet',
  out: 'is out of use',
  hung: 'hangs',
  maintenance: 'is in planned maintenance',
}

interface UpstreamSeen {
  readonly name: string
  readonly state: UpstreamState
  readonly title: string
  readonly code: string | null
  readonly reason: string
}

interface WorkerSeen {
  readonly number: number
  readonly state: string
  readonly rung: string
  readonly reason: string
}

interface Seen {
  readonly isReady: boolean
  readonly upstreams: readonly UpstreamSeen[]
  readonly workers: readonly WorkerSeen[]
}

export function verdictOf({ isReady, upstreams, workers }: Seen): Verdict {
  const isUsed = ({ state }: UpstreamSeen): boolean => state === 'up' || state === 'returning'
  const used = upstreams.filter(isUsed).length
  const ailing = workers.filter(({ state, rung }) => state === 'silent' || state === 'starting' || rung !== 'calm')
  const troubles = [
    ...upstreams.filter((each) => !isUsed(each)).map(upstreamTrouble),
    ...ailing.map(workerTrouble),
    ...upstreams.filter(({ state }) => state === 'returning').map(upstreamTrouble),
  ]
  const fleet = `${used} of ${upstreams.length} ${upstreams.length === 1 ? 'upstream' : 'upstreams'} in use`
  if (!isReady || used === 0) return { level: 'down', sentence: `Not serving: ${fleet}.`, troubles }
  if (troubles.length > 0) return { level: 'impaired', sentence: `Serving, with ${fleet}.`, troubles }
  return { level: 'well', sentence: `All is well: ${fleet}.`, troubles }
}

function upstreamTrouble({ name, state, title, code, reason }: UpstreamSeen): string {
  const why = [title && `${title} (${code})`, reason].filter((each) => each !== '').join('; ')
  return `${name} ${stateWords[state]}${why === '' ? '' : `: ${why}`}`
}

function workerTrouble({ number, state, rung, reason }: WorkerSeen): string {
  if (state === 'silent') return `worker ${number} tells nothing: it is too busy, or hangs`
  if (state === 'starting') return `worker ${number} starts`
  return `worker ${number} takes measures against overload (${rung})${reason === '' ? '' : `: ${reason}`}`
}
