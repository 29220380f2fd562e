/** How the upstreams and the lines before them stand, as a worker tells it to its supervisor every second. */
import type { FaultCode } from '../fault/code.ts'
import type { Upstream } from '../fleet/upstream.ts'
import type { BreakerPhase } from '../observe/gauges.ts'
import type { Trouble } from '../relay/overload/breakers.ts'
import type { Gauged } from './gauges.ts'

/** Upstreams that are told of one by one: those in trouble first. */
const upstreamsMax = 200
const troublesMax = 50
const linesMax = 200

/**
 * From well to worst. `returning`: given more and more again; `failing`: it failed, rests, and is asked again soon; `keys`:
 * all its keys rest; `unseen`: it has not answered yet; `out`: a breaker is open; `hung`: silent on all its answers.
 */
export const upstreamStates = ['up', 'returning', 'failing', 'keys', 'unseen', 'out', 'hung', 'maintenance'] as const
export type UpstreamState = (typeof upstreamStates)[number]

export interface UpstreamView {
  readonly name: string
  readonly url: string
  readonly kind: string
  readonly state: UpstreamState
  /** Why it is not well, where a fault is behind it. */
  readonly code: FaultCode | null
  /** What a breaker says; empty for nothing. */
  readonly reason: string
  /** Until it is asked again; 0 where it need not be. */
  readonly restMs: number
  readonly models: number
  /** In hand, and how many it is given at once. */
  readonly calls: number
  readonly callsMax: number
  /** The same in tokens. */
  readonly work: number
  readonly workMax: number
  readonly keys: number
  readonly keysResting: number
  readonly engine: { readonly waiting: number; readonly running: number; readonly kvUsage: number | null } | null
}

export interface LineView {
  readonly pool: string
  readonly tier: string
  readonly waiting: number
}

export interface FleetView {
  readonly upstreams: readonly UpstreamView[]
  /** Upstreams beyond those. */
  readonly upstreamsLeftOut: number
  /** Those in which anybody waits. */
  readonly lines: readonly LineView[]
}

export function viewFleet({ fleet, places, breakers }: Pick<Gauged, 'fleet' | 'places' | 'breakers'>): FleetView {
  const troubles = breakers.troubles(troublesMax)
  const all = fleet.upstreams.map((upstream) => {
    const gate = places.gateOf(upstream)
    const phase = breakers.phase(upstream)
    return viewUpstream(upstream, phase, troubles, {
      calls: upstream.load.calls,
      callsMax: Math.round(gate.callsLimit.value),
      work: Math.round(gate.work),
      workMax: Math.round(gate.limit.value),
    })
  })
  const shown = all.length > upstreamsMax ? all.toSorted((a, b) => rank(b) - rank(a)).slice(0, upstreamsMax) : all
  const lines = [...places.lineFacts()].filter(({ waiting }) => waiting > 0).slice(0, linesMax)
  return {
    upstreams: shown,
    upstreamsLeftOut: all.length - shown.length,
    lines: lines.map(({ pool, tier, waiting }) => ({ pool, tier, waiting })),
  }
}

function rank({ state }: UpstreamView): number {
  return upstreamStates.indexOf(state)
}

function viewUpstream(
  upstream: Upstream,
  phase: BreakerPhase,
  troubles: readonly Trouble[],
  load: Pick<UpstreamView, 'calls' | 'callsMax' | 'work' | 'workMax'>,
): UpstreamView {
  const { name, options, kind, engine, keys, lastFault, models } = upstream
  return {
    name,
    url: options.url,
    kind,
    state: stateOf(upstream, phase),
    code: lastFault,
    reason: troubles.find((trouble) => trouble.upstream === name)?.reason ?? '',
    restMs: Math.round(upstream.restLeftMs),
    models: models.size,
    ...load,
    keys: keys.count,
    keysResting: keys.restingCount,
    engine: engine && { waiting: engine.waiting, running: engine.running, kvUsage: engine.kvUsage },
  }
}

function stateOf(upstream: Upstream, phase: BreakerPhase): UpstreamState {
  if (upstream.closedLeftMs > 0) return 'maintenance'
  if (upstream.isHung) return 'hung'
  if (phase === 'open' || phase === 'ripe') return 'out'
  if (!upstream.wasUp) return 'unseen'
  if (upstream.keys.restLeftMs > 0) return 'keys'
  if (upstream.restLeftMs > 0 || upstream.failuresInRow > 0) return 'failing'
  return phase === 'ramp' ? 'returning' : 'up'
}
