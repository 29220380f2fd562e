/** The whole house on one page: opens every part in order, closes in reverse. */
import { createHash } from 'node:crypto'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { type Config, readSecret } from './config.ts'
import { answerStreams } from './edge/answer-stream.ts'
import { BodyPurse } from './edge/body.ts'
import { Callers } from './edge/caller.ts'
import { openDoor } from './edge/door.ts'
import { type DurableStreams, openDurableStreams } from './edge/durable-streams/durable-streams.ts'
import type { ReadOnlySource } from './edge/durable-streams/read-only-source.ts'
import { type Listener, type ListenerParts, openListener } from './edge/listener.ts'
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
import { collectGarbage, readMemoryLimits, readRoom, readVitals } from './observe/vital-signs.ts'
import { Capabilities } from './fleet/capability.ts'
import { Admission } from './relay/overload/admission.ts'
import { Places } from './relay/overload/places.ts'
import { Pressure, rungs } from './relay/overload/pressure.ts'
import { workerMemoryBytes } from './relay/overload/share.ts'
import { Watch } from './relay/overload/watch.ts'
import { PrefillProber } from './relay/prefill-probe.ts'
import type { Relay } from './relay/relay-parts.ts'
import { RelayPlane } from './relay/relay.ts'
import { RollCall } from './relay/roll-call.ts'
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
  /** The name under which this process holds leases. */
  readonly journalNode: string
  /** Another process that held leases is dead: takes its answers over now, and not only when its lease has run out. */
  bury(node: string): Promise<void>
  /** How near this process is to what would end it, and the measures it has taken. */
  readonly pressure: Pressure
  /** Called when those measures change. */
  onPressure: () => void
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
  const node = nodeNumber(worker)
  const rays = new RaySource(clock, random, { node, site: config.site })

  const fleet = openFleet(config, clock)
  const journalNode = `${node}-${random.bits(32).toString(36)}`
  const journal = parts.use(openJournal(config, clock, journalNode, log))
  const wires = parts.use(new Wires(clock))
  const admission = new Admission(config.limits.callsLiveMax)
  const pressure = new Pressure(random)
  const metrics = new Metrics(gaugesOf({ fleet, journal, admission, pressure }))
  const observer = new Observer(log, metrics, config.log)
  const { limits, site, onDisconnect } = config
  const places = parts.use(new Places(clock, random, config.overload))
  const base = { clock, random, fleet, wires, places, journal, admission, pressure, observer }
  const relay = parts.use(openRelay(config, base))

  const rollCall = parts.use(new RollCall(clock, fleet, probe, log))
  await rollCall.start()
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
    pressure,
    site,
    node: `holdfast-${site}-${node}`,
    onDisconnect,
    streams,
    relay,
  })
  const mayStayOpen = (): boolean => pressure.mayStayOpen
  const listeners = await openListeners(config, parts, { clock, rays, limits, observer, handle, mayStayOpen })
  const bury = async (dead: string): Promise<void> => {
    await journal.bury(dead)
    adopt()
  }
  const open = { parts: parts.move(), clock, fleet, metrics, relay, streams, listeners, log, journalNode, bury }
  const house = asHouse({ ...open, pressure })
  open.parts.use(openWatch(config, { clock, log, house, journal, listeners }))
  return house
}

async function openListeners(
  config: Config,
  parts: AsyncDisposableStack,
  base: ListenerParts,
): Promise<readonly Listener[]> {
  const listeners: Listener[] = []
  for (const options of config.listeners) {
    const listener = await openListener(options, base)
    parts.defer(() => listener.destroy())
    listeners.push(listener)
  }
  return listeners
}

interface OpenParts {
  readonly parts: AsyncDisposableStack
  readonly clock: Clock
  readonly fleet: Fleet
  readonly metrics: Metrics
  readonly relay: RelayPlane
  readonly pressure: Pressure
  readonly streams: DurableStreams
  readonly listeners: readonly Listener[]
  readonly log: Log
  readonly journalNode: string
  readonly bury: (node: string) => Promise<void>
}

function asHouse(open: OpenParts): House {
  const { parts, clock, fleet, metrics, relay, pressure, streams, listeners, log, journalNode, bury } = open
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
    pressure,
    onPressure: () => {},
    callsLive: () => relay.liveCount,
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

/** After the last answer: time for idle connections to be closed politely. */
const drainTailMs = 3000

type RelayParts = Pick<
  Relay,
  'clock' | 'random' | 'fleet' | 'wires' | 'places' | 'journal' | 'admission' | 'pressure' | 'observer'
>

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

type Gauged = Pick<Relay, 'fleet' | 'journal' | 'admission' | 'pressure'>

function gaugesOf({ fleet, journal, admission, pressure }: Gauged): Gauges {
  return {
    callsLive: () => admission.liveCount,
    journalBytes: () => journal.keptBytes,
    journalAnswers: () => journal.answerCount,
    pressure: () => pressure.shares,
    pressureRung: () => rungs.indexOf(pressure.rung),
    upstreams: () =>
      fleet.upstreams.map(({ name, restLeftMs, load }) => ({ name, isUp: restLeftMs === 0, inFlight: load.calls })),
  }
}

interface WatchBase {
  readonly clock: Clock
  readonly log: Log
  readonly house: House
  readonly journal: Journal
  readonly listeners: readonly Listener[]
}

function openWatch({ protection, workers, journal, limits, stateDir }: Config, base: WatchBase): Watch {
  const { machineBytes, containerBytes } = readMemoryLimits()
  const isOnDisk = journal.engine !== 'memory'
  const { clock, log, house, listeners } = base
  return new Watch({
    clock,
    log,
    pressure: house.pressure,
    options: protection,
    collect: collectGarbage,
    compact: () => base.journal.compact(),
    onChange: () => house.onPressure(),
    sources: {
      vitals: readVitals,
      room: () => (isOnDisk ? readRoom(stateDir) : Promise.resolve(null)),
      connections: () => Math.max(...listeners.map(({ connectionCount }) => connectionCount)),
      connectionsMax: limits.connectionsMax,
      journalBytes: () => base.journal.liveBytes,
      journalBytesMax: journal.totalBytesMax,
      memoryBytesMax: protection.memoryBytesMax || workerMemoryBytes(machineBytes, containerBytes, workers),
    },
  })
}

function openFleet(config: Config, clock: Clock): Fleet {
  const upstreams = Object.entries(config.upstreams).map(([name, options]) => {
    const { key } = options
    const secret = key === undefined || key === 'caller' ? null : readSecret(key, `upstreams.${name}.key`)
    return new Upstream(name, options, secret, clock)
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
