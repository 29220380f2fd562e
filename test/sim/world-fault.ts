/** The misfortunes of a simulated world, each at its moment: drawn from a seed, told in words, and made to happen. */
import type { Chance } from '../world/chance.ts'
import type { CallFault } from '../world/generation.ts'

export type WorldFault = { readonly atMs: number } & (
  | { readonly kind: 'server crash' | 'server stall' | 'server sick'; readonly server: number; readonly forMs: number }
  | { readonly kind: 'call'; readonly server: number; readonly fault: CallFault }
  | { readonly kind: 'server link cut'; readonly gateway: number; readonly server: number; readonly forMs: number }
  | { readonly kind: 'client link cut'; readonly gateway: number; readonly story: number; readonly forMs: number }
  /** SIGKILL; `isTold`: a supervisor tells the others at once, or they find out by the lease. */
  | { readonly kind: 'gateway kill'; readonly gateway: number; readonly forMs: number; readonly isTold: boolean }
  /** SIGSTOP and, after that time, SIGCONT. */
  | { readonly kind: 'gateway stop'; readonly gateway: number; readonly forMs: number }
  /** SIGTERM: a new process takes over, and the old one has that time to finish what it has in hand. */
  | { readonly kind: 'gateway restart'; readonly gateway: number; readonly graceMs: number }
  | { readonly kind: 'disk full'; readonly forMs: number }
  /** The gateways are to do without a server: it is drained, leaves after `leavesMs`, and is back after `forMs`. */
  | {
      readonly kind: 'turnover'
      readonly server: number
      readonly moveAfterMs: number | null
      readonly leavesMs: number
      readonly forMs: number
    }
  | { readonly kind: 'clock jump'; readonly gateway: number; readonly byMs: number }
)

export type FaultKind = WorldFault['kind']

export interface Place {
  readonly gateways: number
  readonly servers: number
  readonly stories: number
  /** Faults begin before this; they may last longer. */
  readonly untilMs: number
}

const kinds: readonly Exclude<FaultKind, 'turnover'>[] = [
  'server crash',
  'server stall',
  'server sick',
  'call',
  'call', // the most varied of all
  'server link cut',
  'client link cut',
  'gateway kill',
  'gateway stop',
  'gateway restart',
  'disk full',
  'clock jump',
]

/** Some kinds of faults, some of each: a world with all of them at once hides what two of them do to each other. */
export function drawFaults(chance: Chance, place: Place): WorldFault[] {
  const possible = kinds.filter(() => chance.happens(0.45))
  if (possible.length === 0 || chance.happens(0.05)) return []
  const count = chance.whole(1, 12)
  const faults = Array.from({ length: count }, () => drawFault(chance, chance.pick(possible), place))
  return faults.sort((a, b) => a.atMs - b.atMs)
}

/** Servers that come and go; the first one stays. */
export function drawTurnovers(chance: Chance, place: Place): WorldFault[] {
  return Array.from({ length: chance.whole(2, 10) }, (): WorldFault => {
    const leavesMs = Math.round(chance.happens(0.5) ? chance.between(0, 400) : chance.between(400, 6000))
    return {
      kind: 'turnover',
      atMs: Math.round(chance.between(600, place.untilMs)),
      server: chance.whole(1, place.servers - 1),
      moveAfterMs: chance.happens(0.3) ? null : chance.whole(0, 1500),
      leavesMs,
      forMs: leavesMs + Math.round(chance.between(0, 2000)),
    }
  })
}

function drawFault(chance: Chance, kind: Exclude<FaultKind, 'turnover'>, place: Place): WorldFault {
  const atMs = Math.round(chance.between(400, place.untilMs))
  const server = chance.whole(0, place.servers - 1)
  const gateway = chance.whole(0, place.gateways - 1)
  const story = chance.whole(0, place.stories - 1)
  const forMs = Math.round(chance.happens(0.5) ? chance.between(20, 800) : chance.between(800, 6000))
  switch (kind) {
    case 'server crash':
    case 'server stall':
    case 'server sick':
      return { kind, atMs, server, forMs }
    case 'call':
      return { kind, atMs, server, fault: drawCallFault(chance) }
    case 'server link cut':
      return { kind, atMs, gateway, server, forMs }
    case 'client link cut':
      return { kind, atMs, gateway, story, forMs }
    case 'gateway kill':
      return { kind, atMs, gateway, forMs, isTold: chance.happens(0.5) }
    case 'gateway stop':
      return { kind, atMs, gateway, forMs }
    case 'gateway restart':
      return { kind, atMs, gateway, graceMs: chance.pick([0, 500, 10_000]) }
    case 'disk full':
      return { kind, atMs, forMs }
    case 'clock jump':
      return { kind, atMs, gateway, byMs: chance.whole(-600_000, 600_000) }
  }
}

function drawCallFault(chance: Chance): CallFault {
  const afterTokens = chance.happens(0.3) ? chance.whole(0, 2) : chance.whole(1, 40)
  const kind = chance.pick([
    'refusal',
    'cut',
    'truncate',
    'error-event',
    'garbage',
    'cut-after-finish',
    'no-done',
    'hang',
    'slow',
  ] as const)
  if (kind === 'refusal') {
    const status = chance.pick([429, 500, 502, 503, 529])
    return { kind, status, retryAfterS: status === 429 && chance.happens(0.5) ? 1 : null }
  }
  if (kind === 'slow') return { kind, factor: chance.whole(2, 4) }
  if (kind === 'cut-after-finish' || kind === 'no-done') return { kind }
  return { kind, afterTokens }
}

/** One line for people. */
export function faultWords({ kind, atMs, ...rest }: WorldFault): string {
  return `${String(atMs).padStart(6)} ms  ${kind} ${JSON.stringify(rest)}`
}

export function hasKind(faults: readonly WorldFault[], ...wanted: readonly FaultKind[]): boolean {
  return faults.some(({ kind }) => wanted.includes(kind))
}
