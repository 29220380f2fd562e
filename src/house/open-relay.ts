/** The relay with all its policies, and who counts what it does. */
import type { Config } from '../config.ts'
import { poolsOf } from '../control/joined-pools.ts'
import type { ReplicasWord } from '../control/replicas-word.ts'
import { CallSizes } from '../fleet/call-size.ts'
import { Capabilities } from '../fleet/capability.ts'
import type { CertificateTold } from '../observe/fact.ts'
import type { Log } from '../observe/log.ts'
import { CallCounts } from '../objective/call-counts.ts'
import type { Signs } from '../objective/signs.ts'
import type { Visit } from '../observe/visit.ts'
import type { CrowdCounts } from '../observe/gauges.ts'
import { Metrics } from '../observe/metric.ts'
import { type CallReader, Observer } from '../observe/observer.ts'
import { Balancer } from '../relay/balance/balancer.ts'
import { Admission } from '../relay/overload/admission.ts'
import { Breakers } from '../relay/overload/breakers.ts'
import { Demand } from '../relay/overload/demand.ts'
import { Hedging } from '../relay/overload/hedge.ts'
import { Places } from '../relay/overload/places.ts'
import { Pressure } from '../relay/overload/pressure.ts'
import { RetryBudget } from '../relay/overload/retry-budget.ts'
import { Patrol } from '../relay/patrol.ts'
import { PrefillProber } from '../relay/prefill-probe.ts'
import type { Relay } from '../relay/relay-parts.ts'
import { RelayPlane } from '../relay/relay.ts'
import { EngineWatch } from '../relay/engine-watch.ts'
import { followFleet, type Watchers } from '../relay/follow-fleet.ts'
import { type Probe, RollCall } from '../relay/roll-call.ts'
import type { SemanticAnswers } from '../relay/semantic-answers.ts'
import { SeamBudget } from '../relay/stream/seam-budget.ts'
import { TokenProber } from '../relay/token-probe.ts'
import { lookAtCertificate } from '../relay/wire/certificate-look.ts'
import { MetricsScrape } from '../relay/wire/metrics-scrape.ts'
import { probe } from '../relay/wire/probe.ts'
import type { Wires } from '../relay/wire/wires.ts'
import { openPoisonWatch } from './open-poison-watch.ts'
import { closeForMaintenance } from './close-for-maintenance.ts'
import { type FleetView, viewFleet } from './fleet-view.ts'
import { gaugesOf } from './gauges.ts'
import type { OpenRecord } from './open-record.ts'
import type { Telemetry } from './open-telemetry.ts'
import type { SemanticBase } from './open-semantic.ts'
import { recordSamples } from './record-samples.ts'
import { ReplicaMeter } from './replica-meter.ts'
import { openShadowFeed } from './shadow-feed.ts'
import { signsOf } from './signs.ts'

export type RelayBase = Pick<Relay, 'clock' | 'random' | 'fleet' | 'journal'> & {
  readonly wires: Wires
  readonly log: Log
  readonly telemetry: Telemetry
  readonly record: Pick<OpenRecord, 'recorder' | 'lostCount'>
  readonly crowd: CrowdCounts
  /** Of this process; no other one has the same. */
  readonly node: string
  /** Who else is told of settled calls. */
  readonly callReaders: readonly CallReader[]
}

export interface OpenRelay {
  readonly plane: RelayPlane
  readonly pressure: Pressure
  readonly breakers: Breakers
  readonly observer: Observer
  readonly metrics: Metrics
  readonly view: () => FleetView
  /** What is told of replicas, since this was asked last; null where none are run. */
  readonly takeReplicas: () => ReplicasWord | null
  /** For objectives and early warnings. */
  readonly signs: () => Signs
  /** Counts a visit of what is served beside the models. */
  readonly visited: (visit: Visit) => void
}

/** Resolves when every upstream has said how it is, or has had its time to. */
export async function openRelay(parts: AsyncDisposableStack, config: Config, base: RelayBase): Promise<OpenRelay> {
  const { clock, random, fleet, wires, journal, log, record, telemetry, callReaders, crowd } = base
  const { continuation, limits } = config
  const [admission, pressure] = [new Admission(limits.callsLiveMax), new Pressure(random)]
  const retries = new RetryBudget(clock, config.retries, () => admission.liveCount)
  const { places, meter } = openPlaces(parts, config, base)
  const hedging = new Hedging(config.hedging, (pool) =>
    Math.max(places.saturation(pool), admission.liveCount / limits.callsLiveMax),
  )
  const [breakers, capabilities] = [new Breakers(clock, config.breaker), new Capabilities(clock)]
  const balancer = new Balancer({
    clock,
    random,
    standing: (member, upstreamModel) => breakers.standing(member, upstreamModel),
    hasRoom: (member) => places.hasRoom(member),
  })
  const poison = openPoisonWatch(parts, config, base)
  const gauged = { fleet, journal, admission, places, breakers, balancer, retries, hedging, pressure, poison }
  const metrics = new Metrics(gaugesOf(gauged, record, crowd))
  const { recorder } = record
  const exporter = telemetry.openExporter(metrics)
  if (exporter) parts.use(exporter)
  const counts = callCounts(config, fleet)
  const wishes = { access: config.log.access, refusalWords: config.record.refusalWords }
  const readers = [counts, ...callReaders, ...(meter ? [meter] : []), ...(exporter ? [exporter] : [])]
  const observer = new Observer(log, metrics, wishes, recorder, readers)
  const sampler = openShadowFeed(config, clock, random)
  const relay: Relay = {
    ...gauged,
    ...{ clock, random, wires, observer, capabilities, sampler },
    sizes: new CallSizes(),
    prober: continuation.probes ? new PrefillProber(wires, capabilities) : null,
    seamBudget: new SeamBudget(clock, continuation, () => admission.liveCount),
    keptForOthers: (order) => semantic?.keep(order),
    answerBytesMax: config.journal.answerBytesMax,
    requestBytesMax: config.journal.requestBytesMax,
    detached: { count: 0, max: limits.detachedMax, ms: limits.detachedMs },
  }
  const semantic = await openMeanings(parts, config, { relay, metrics, log })
  const plane = parts.use(new RelayPlane(relay, config.journal, config.cache, semantic))
  parts.use(recordSamples(config, { clock, recorder, fleet, relay: plane, places }))
  const prober = new TokenProber(clock, wires, places)
  parts.use(closeForMaintenance(config, base))
  followFleet(fleet, relay, { plane, ...(await watchUpstreams(parts, base, prober)) })
  parts.use(new Patrol({ clock, fleet, breakers, log, recorder, metrics, prober, options: config.breaker }))
  return {
    plane,
    pressure,
    breakers,
    observer,
    metrics,
    signs: () => signsOf(gauged, counts, crowd.shieldLevel),
    visited: (visit) => counts.visited(visit),
    view: () => viewFleet(gauged),
    takeReplicas: () => {
      const word = meter?.take(fleet, places.takeDemand()) ?? null
      return word && sampler ? { ...word, samples: sampler.take() } : word
    },
  }
}

/** With what is measured where replicas are run. */
function openPlaces(
  parts: AsyncDisposableStack,
  { deployments, overload }: Config,
  { clock, random }: Pick<RelayBase, 'clock' | 'random'>,
): { places: Places; meter: ReplicaMeter | null } {
  const pools = poolsOf(deployments)
  const meter = pools.length > 0 ? new ReplicaMeter(clock) : null
  return { places: parts.use(new Places(clock, random, overload, meter && new Demand(pools))), meter }
}

/** Most gateways compare no meanings, and load nothing of it. */
async function openMeanings(
  parts: AsyncDisposableStack,
  config: Config,
  base: Pick<SemanticBase, 'relay' | 'metrics' | 'log'>,
): Promise<SemanticAnswers | null> {
  const options = config.cache.semantic
  if (!options) return null
  const house = await import('./open-semantic.ts')
  return house.openSemantic(parts, { ...base, config, options })
}

function callCounts({ objectives }: Config, fleet: Relay['fleet']): CallCounts {
  const paid = fleet.upstreams.filter(({ quota }) => quota !== null)
  const isClosed = (name: string): boolean => (fleet.find(name)?.closedLeftMs ?? 0) > 0
  return new CallCounts(
    objectives,
    paid.map(({ name }) => name),
    // Begun before the window, and cut by it.
    ({ attempts }) => attempts.length > 0 && attempts.every(({ upstream }) => isClosed(upstream)),
  )
}

/** Asks the upstreams from now on what they offer, and their engines how they do. */
async function watchUpstreams(
  parts: AsyncDisposableStack,
  base: RelayBase,
  prober: TokenProber,
): Promise<Pick<Watchers, 'rollCall' | 'engineWatch'>> {
  const { clock, fleet, wires, log, record } = base
  const ask: Probe = (url, credentials, timeoutMs) => probe(url, credentials, timeoutMs, wires)
  const { recorder } = record
  const rollCall = parts.use(new RollCall({ clock, fleet, probe: ask, log, recorder, tokens: prober, certificate }))
  await rollCall.start()
  const engineWatch = parts.use(new EngineWatch(clock, fleet, parts.use(new MetricsScrape(clock, wires)), log))
  engineWatch.start()
  return { rollCall, engineWatch }
}

const certificateMs = 3000

async function certificate(url: URL): Promise<CertificateTold | null> {
  const shown = await lookAtCertificate(url, certificateMs)
  return shown && { subject: shown.subject, issuer: shown.issuer, notBeforeMs: shown.fromMs, notAfterMs: shown.untilMs }
}
