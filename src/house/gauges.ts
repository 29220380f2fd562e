/** What metrics read of the parts at the moment of a scrape. */
import type { CrowdCounts, Gauges } from '../observe/gauges.ts'
import { rungs } from '../relay/overload/pressure.ts'
import type { Relay } from '../relay/relay-parts.ts'
import type { OpenRecord } from './open-record.ts'

export type Gauged = Pick<
  Relay,
  'fleet' | 'journal' | 'admission' | 'places' | 'breakers' | 'balancer' | 'retries' | 'hedging' | 'pressure' | 'poison'
>

export function gaugesOf(parts: Gauged, record: Pick<OpenRecord, 'lostCount'>, crowd: CrowdCounts): Gauges {
  const { fleet, journal, admission, places, breakers, balancer, retries, hedging, pressure, poison } = parts
  return {
    callsLive: () => admission.liveCount,
    journalBytes: () => journal.keptBytes,
    journalAnswers: () => journal.answerCount,
    pressure: () => pressure.shares,
    pressureRung: () => rungs.indexOf(pressure.rung),
    upstreams: () =>
      fleet.upstreams.map((upstream) => ({
        name: upstream.name,
        isUp: upstream.restLeftMs === 0,
        inFlight: upstream.load.calls,
        work: places.gateOf(upstream).work,
        workMax: places.gateOf(upstream).limit.value,
        callsMax: places.gateOf(upstream).callsLimit.value,
        keysResting: upstream.keys.restingCount,
        phase: breakers.phase(upstream),
        engine: upstream.engine,
      })),
    choices: balancer,
    lines: () => places.lineFacts(),
    retriesLeft: () => retries.left,
    retriesDenied: () => retries.deniedCount,
    recordLost: record.lostCount,
    crowd,
    quarantined: () => poison?.condemnedCount ?? 0,
    hedgesDenied: () => hedging.deniedCount,
  }
}
