/**
 * Looks now and then at what this process uses, what upstreams have in hand and how much they are given, and puts it
 * into the record: what was so before a failure can be asked afterwards.
 */
import type { Config } from '../config.ts'
import type { Fleet } from '../fleet/fleet.ts'
import type { Upstream } from '../fleet/upstream.ts'
import type { Clock } from '../ground/clock.ts'
import type { Recorder } from '../observe/recorder.ts'
import { ResourceMeter } from '../observe/resource-meter.ts'
import { countFiles, readRoom } from '../observe/vital-signs.ts'
import type { Places } from '../relay/overload/places.ts'
import type { RelayPlane } from '../relay/relay.ts'

const samplePeriodMs = 10_000
const limitPeriodMs = 1000
/** A limit that has moved by this share is told. */
const limitStep = 0.25

interface SampleBase {
  readonly clock: Clock
  readonly recorder: Recorder
  readonly fleet: Fleet
  readonly relay: Pick<RelayPlane, 'liveCount'>
  readonly places: Places
}

interface Limits {
  readonly calls: number
  readonly work: number
}

/** From now on until it is disposed of. */
export function recordSamples({ record, journal, stateDir, overload }: Config, base: SampleBase): Disposable {
  if (!record.enabled) return { [Symbol.dispose]: () => {} }
  const { clock, recorder, fleet, relay, places } = base
  const isOnDisk = journal.engine !== 'memory'
  const meter = new ResourceMeter(clock)
  const told = new WeakMap<Upstream, Limits>()
  const sample = (): void => {
    tellLoads(base)
    for (const { pool, tier, waiting } of places.lineFacts())
      if (waiting > 0) recorder.note({ kind: 'line', pool, tier, waiting })
    const room = isOnDisk ? readRoom(stateDir) : Promise.resolve(null)
    void Promise.all([room, countFiles()]).then(([found, fdCount]) => {
      const diskFreeBytes = found?.freeBytes ?? null
      recorder.note({ kind: 'resource', ...meter.read(), fdCount, diskFreeBytes, callsLive: relay.liveCount })
    })
  }
  const timers = [clock.every(samplePeriodMs, sample)]
  if (overload.limits === 'adaptive')
    timers.push(clock.every(limitPeriodMs, () => fleet.upstreams.forEach((each) => tellLimit(base, each, told))))
  return {
    [Symbol.dispose]: () => {
      for (const timer of timers) timer.cancel()
      meter[Symbol.dispose]()
    },
  }
}

function tellLoads({ fleet, places, recorder }: SampleBase): void {
  for (const upstream of fleet.upstreams) {
    const { name, load, engine } = upstream
    if (load.calls === 0 && !engine?.running && !engine?.waiting) continue
    const gate = places.gateOf(upstream)
    recorder.note({
      kind: 'load',
      upstream: name,
      calls: load.calls,
      callsMax: Math.round(gate.callsLimit.value),
      work: Math.round(gate.work),
      workMax: Math.round(gate.limit.value),
      engineWaiting: engine?.waiting ?? null,
      engineRunning: engine?.running ?? null,
      kvUsage: engine?.kvUsage ?? null,
    })
  }
}

function tellLimit({ places, recorder }: SampleBase, upstream: Upstream, told: WeakMap<Upstream, Limits>): void {
  const gate = places.gateOf(upstream)
  const now = { calls: Math.round(gate.callsLimit.value), work: Math.round(gate.limit.value) }
  const before = told.get(upstream)
  if (before && !hasMoved(now.calls, before.calls) && !hasMoved(now.work, before.work)) return
  told.set(upstream, now)
  if (!before) return
  const { name } = upstream
  recorder.note({ kind: 'limit', upstream: name, ...now, callsBefore: before.calls, workBefore: before.work })
}

function hasMoved(now: number, before: number): boolean {
  return Math.abs(now - before) > limitStep * before
}
