/** The whole house on one page: opens every part in order, closes in reverse. */
import { createHash } from 'node:crypto'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { type Config, readKeys, readSecret } from './config.ts'
import { answerStreams } from './edge/answer-stream.ts'
import { BodyPurse } from './edge/body.ts'
import { Callers } from './edge/caller.ts'
import { openDoor } from './edge/door.ts'
import { type DurableStreams, openDurableStreams } from './edge/durable-streams/durable-streams.ts'
import type { ReadOnlySource } from './edge/durable-streams/read-only-source.ts'
import { type Listener, openListener } from './edge/listener.ts'
import type { WebhookPost } from './edge/subscriptions/subscriptions.ts'
import { RaySource } from './fault/ray.ts'
import { CallSizes } from './fleet/call-size.ts'
import { Fleet } from './fleet/fleet.ts'
import type { Pool } from './fleet/pool.ts'
import { Upstream } from './fleet/upstream.ts'
import { type Clock, systemClock } from './ground/clock.ts'
import { type Random, systemRandom } from './ground/random.ts'
import type { Log } from './observe/log.ts'
import { type Gauges, Metrics } from './observe/metric.ts'
import { Observer } from './observe/observer.ts'
import { Capabilities } from './fleet/capability.ts'
import { Admission } from './relay/overload/admission.ts'
import { Places } from './relay/overload/places.ts'
import { Hedging } from './relay/overload/hedge.ts'
import { RetryBudget } from './relay/overload/retry-budget.ts'
import { Breakers, type Trouble } from './relay/overload/breakers.ts'
import { Patrol, type PatrolParts } from './relay/patrol.ts'
import { PrefillProber } from './relay/prefill-probe.ts'
import type { Relay } from './relay/relay-parts.ts'
import { RelayPlane } from './relay/relay.ts'
import { RollCall } from './relay/roll-call.ts'
import { TokenProber } from './relay/token-probe.ts'
import { probe } from './relay/wire/probe.ts'
import { SeamBudget } from './relay/stream/seam-budget.ts'
import { postWebhook } from './relay/wire/webhook-post.ts'
import { Wires } from './relay/wire/wires.ts'
import type { Journal } from './store/journal.ts'
import { MemoryJournal } from './store/memory-journal.ts'
import { SqliteJournal } from './store/sqlite-journal.ts'
import { MemoryStreams } from './store/memory-streams.ts'
import { SqliteStreams } from './store/sqlite-streams.ts'

export interface House extends AsyncDisposable {
  /** Where callers connect. */
  readonly urls: readonly string[]
  readonly fleet: Fleet
  readonly metrics: Metrics
  readonly callsLive: () => number
  /** What is out of use though it answers, and why; some dozens at most. */
  readonly troubles: () => Trouble[]
  /** The name under which this process holds leases. */
  readonly journalNode: string
  /** Another process that held leases is dead: takes its answers over now, and not only when its lease has run out. */
  bury(node: string): Promise<void>
  /** Not ready while draining, or while no upstream is in use. */
  readonly isReady: () => boolean
  /** Stops taking calls, lets those under way finish within `graceMs`, then closes everything. */
  drain(graceMs: number): Promise<void>
}

/** `worker`: number of this process among its siblings, from 0. */
export async function openHouse(config: Config, log: Log, worker = 0): Promise<House> {
  await using parts = new AsyncDisposableStack()
  const clock = systemClock
  const random = systemRandom
  const { limits, site, onDisconnect } = config
  const node = nodeNumber(worker)
  const rays = new RaySource(clock, random, { node, site })
  const fleet = openFleet(config, clock)
  tellOfKeys(fleet, log)
  const journalNode = `${node}-${random.bits(32).toString(36)}`
  const journal = parts.use(openJournal(config, clock, journalNode, log))
  const wires = parts.use(new Wires(clock))
  const admission = new Admission(limits.callsLiveMax)
  const retries = new RetryBudget(clock, config.retries, () => admission.liveCount)
  const places = parts.use(new Places(clock, random, config.overload))
  const hedging = new Hedging(config.hedging, (pool) =>
    Math.max(places.saturation(pool), admission.liveCount / limits.callsLiveMax),
  )
  const breakers = new Breakers(clock, config.breaker)
  const gauged = { fleet, journal, admission, places, breakers, retries, hedging }
  const metrics = new Metrics(gaugesOf(gauged))
  const observer = new Observer(log, metrics, config.log)
  const relay = parts.use(openRelay(config, { ...gauged, clock, random, wires, observer }))

  const rollCall = parts.use(new RollCall(clock, fleet, probe, log))
  await rollCall.start()
  parts.use(openPatrol(config, { clock, fleet, breakers, wires, places, log, metrics }))
  const adopt = (): void => {
    relay.adoptOrphans().catch((error: unknown) => log.error({ detail: String(error) }, 'adoption failed'))
  }
  parts.use(clock.every(config.journal.leaseMs / adoptionsPerLease, adopt))
  adopt()

  const purse = new BodyPurse(config.limits.bodiesBytesMax)
  const streams = openStreams(parts, { config, clock, random, log, purse, readOnly: answerStreams(relay, clock) })
  const handle = openDoor({
    clock,
    rays,
    fleet,
    callers: new Callers(config.keys.map((key, i) => ({ ...key, key: readSecret(key.key, `keys.${i}.key`) }))),
    purse,
    observer,
    limits,
    site,
    node: `holdfast-${site}-${node}`,
    onDisconnect,
    streams,
    relay,
  })
  const listeners: Listener[] = []
  for (const options of config.listeners) {
    const listener = await openListener(options, { clock, rays, limits, observer, handle })
    parts.defer(() => listener.destroy())
    listeners.push(listener)
  }
  const bury = async (dead: string): Promise<void> => {
    await journal.bury(dead)
    adopt()
  }
  return asHouse({ parts: parts.move(), clock, fleet, metrics, relay, streams, listeners, log, journalNode, bury })
}

type Gauged = Pick<Relay, 'fleet' | 'journal' | 'admission' | 'places' | 'breakers' | 'retries' | 'hedging'>

function gaugesOf({ fleet, journal, admission, places, breakers, retries, hedging }: Gauged): Gauges {
  return {
    callsLive: () => admission.liveCount,
    journalBytes: () => journal.keptBytes,
    journalAnswers: () => journal.answerCount,
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
      })),
    lines: () => places.lineFacts(),
    retriesLeft: () => retries.left,
    retriesDenied: () => retries.deniedCount,
    hedgesDenied: () => hedging.deniedCount,
  }
}

interface OpenParts {
  readonly parts: AsyncDisposableStack
  readonly clock: Clock
  readonly fleet: Fleet
  readonly metrics: Metrics
  readonly relay: RelayPlane
  readonly streams: DurableStreams
  readonly listeners: readonly Listener[]
  readonly log: Log
  readonly journalNode: string
  readonly bury: (node: string) => Promise<void>
}

function asHouse(open: OpenParts): House {
  const { parts, clock, fleet, metrics, relay, streams, listeners, log, journalNode, bury } = open
  let isDraining = false
  const close = async (): Promise<void> => {
    await parts.disposeAsync()
    log.flush()
  }
  return {
    urls: listeners.map(({ url }) => url),
    fleet,
    metrics,
    journalNode,
    bury,
    callsLive: () => relay.liveCount,
    troubles: () => relay.breakers.troubles(troublesMax),
    isReady: () => !isDraining && fleet.upstreams.some(({ restLeftMs, wasUp }) => wasUp && restLeftMs === 0),
    drain: async (graceMs) => {
      isDraining = true
      relay.retire()
      streams.drain()
      const endMs = clock.monotonicMs() + graceMs
      const gone = Promise.all(listeners.map((listener) => listener.drain()))
      // Calls on connections that are still open are answered as ever; each connection closes behind its answer.
      await within(clock, graceMs, gone)
      await relay.drain(clock, Math.max(0, endMs - clock.monotonicMs()))
      // What is still open now idles, or belongs to a client that does not read.
      await within(clock, drainTailMs, gone)
      await close()
    },
    [Symbol.asyncDispose]: close,
  }
}

/** Waits for something, but not longer than this. */
async function within(clock: Clock, limitMs: number, done: Promise<unknown>): Promise<void> {
  const { promise: late, resolve } = Promise.withResolvers<void>()
  using _ = clock.after(limitMs, resolve)
  await Promise.race([done, late])
}

/** Upstreams and models that /readyz tells of. */
const troublesMax = 50
/** After the last answer: time for idle connections to be closed politely. */
const drainTailMs = 3000

type RelayParts = Gauged & Pick<Relay, 'clock' | 'random' | 'wires' | 'places' | 'observer'>

function openRelay({ continuation, journal, limits }: Config, parts: RelayParts): RelayPlane {
  const { clock, admission, wires } = parts
  const capabilities = new Capabilities(clock)
  const relay: Relay = {
    ...parts,
    capabilities,
    sizes: new CallSizes(),
    prober: continuation.probes ? new PrefillProber(wires, capabilities) : null,
    seamBudget: new SeamBudget(clock, continuation, () => admission.liveCount),
    answerBytesMax: journal.answerBytesMax,
    requestBytesMax: journal.requestBytesMax,
    detached: { count: 0, max: limits.detachedMax, ms: limits.detachedMs },
  }
  return new RelayPlane(relay, journal)
}

type PatrolBase = Omit<PatrolParts, 'prober' | 'options'> & Pick<Relay, 'wires' | 'places'>

function openPatrol({ breaker }: Config, { wires, places, ...parts }: PatrolBase): Patrol {
  return new Patrol({ ...parts, prober: new TokenProber(parts.clock, wires, places), options: breaker })
}

function openFleet(config: Config, clock: Clock): Fleet {
  const upstreams = Object.entries(config.upstreams).map(([name, options]) => {
    return new Upstream(name, options, readKeys(name, options), clock)
  })
  const byName = new Map(upstreams.map((upstream) => [upstream.name, upstream]))
  const pools = new Map<string, Pool>()
  const wanted =
    Object.keys(config.pools).length > 0 ? config.pools : { all: { upstreams: [...byName.keys()], attemptsMax: 5 } }
  for (const [name, options] of Object.entries(wanted)) {
    const members = options.upstreams.flatMap((member) => {
      const { name: upstreamName, weight, priority, model } = typeof member === 'string' ? { name: member } : member
      const upstream = byName.get(upstreamName)
      if (!upstream) return []
      const { options: own } = upstream
      return [{ upstream, model: model ?? null, weight: weight ?? own.weight, priority: priority ?? own.priority }]
    })
    const overrides = Object.entries(('timeouts' in options && options.timeouts) || {}).filter(
      ([, ms]) => ms !== undefined,
    )
    pools.set(name, {
      name,
      members,
      timeouts: { ...config.timeouts, ...Object.fromEntries(overrides) },
      attemptsMax: options.attemptsMax,
    })
  }
  return new Fleet(upstreams, pools, new Map(Object.entries(config.models)))
}

/** A key that is laid aside is told by its place in the configuration, never by itself. */
function tellOfKeys(fleet: Fleet, log: Log): void {
  for (const { name, keys } of fleet.upstreams) {
    keys.onRest = ({ position, count, code, restMs }) => {
      const facts = { upstream: name, key: `${position} of ${count}`, code, restMs }
      if (code === 'HF_UPSTREAM_RATE_LIMITED') log.info(facts, 'a key is over its rate and rests')
      else log.error(facts, 'a key is not taken any more and rests: renew it, or pay')
    }
  }
}

/** Looks for orphans in the time of one lease. */
const adoptionsPerLease = 5

/** `node`: the name under which this process holds leases; of its own at each start. */
function openJournal(config: Config, clock: Clock, node: string, log: Log): Journal {
  if (config.journal.engine === 'memory') return new MemoryJournal(clock, config.journal)
  return new SqliteJournal(join(config.stateDir, 'journal.db'), clock, config.journal, node, log)
}

interface StreamsBase {
  readonly config: Config
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly purse: BodyPurse
  readonly readOnly: ReadOnlySource
}

function openStreams(parts: AsyncDisposableStack, { config, ...base }: StreamsBase): DurableStreams {
  const { streams: options, limits, stateDir } = config
  const { clock } = base
  const store =
    options.engine === 'memory'
      ? new MemoryStreams(clock, options)
      : new SqliteStreams(join(stateDir, 'streams.db'), clock, options)
  parts.use(store)
  const { stalledReaderMs } = limits
  const post: WebhookPost = (url, headers, body) => postWebhook(url, headers, body, options.webhookMs)
  return parts.use(openDurableStreams({ ...base, store, options, stalledReaderMs, post }))
}

/** A number for this process among all that share a site: of the host's name, its process number and the worker's. */
function nodeNumber(worker: number): number {
  return createHash('sha256').update(`${hostname()}/${process.pid}/${worker}`).digest().readUInt32BE() % 2 ** 20
}
