/** The whole house on one page: opens every part in order, closes in reverse. */
import { createHash } from 'node:crypto'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { type Config, readSecret } from './config.ts'
import { BodyPurse } from './edge/body.ts'
import { Callers } from './edge/caller.ts'
import { openDoor } from './edge/door.ts'
import { type DurableStreams, openDurableStreams } from './edge/durable-streams/durable-streams.ts'
import { type Listener, openListener } from './edge/listener.ts'
import type { WebhookPost } from './edge/subscriptions/subscriptions.ts'
import { RaySource } from './fault/ray.ts'
import { Fleet } from './fleet/fleet.ts'
import type { Pool } from './fleet/pool.ts'
import { Upstream } from './fleet/upstream.ts'
import { type Clock, systemClock } from './ground/clock.ts'
import { type Random, systemRandom } from './ground/random.ts'
import type { Log } from './observe/log.ts'
import { Metrics } from './observe/metric.ts'
import { Observer } from './observe/observer.ts'
import { Admission } from './relay/overload/admission.ts'
import { RelayPlane } from './relay/relay.ts'
import { RollCall } from './relay/roll-call.ts'
import { probe } from './relay/wire/probe.ts'
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
  /** Not ready while draining, or while no upstream is in use. */
  readonly isReady: () => boolean
  /** Stops taking calls, lets those under way finish within `limits.drainMs`, then closes everything. */
  drain(): Promise<void>
}

/** `worker`: number of this process among its siblings, from 0; each keeps a journal of its own. */
export async function openHouse(config: Config, log: Log, worker = 0): Promise<House> {
  await using parts = new AsyncDisposableStack()
  const clock = systemClock
  const random = systemRandom
  const node = nodeNumber(worker)
  const rays = new RaySource(clock, random, { node, site: config.site })

  const fleet = openFleet(config, clock)
  const journal = parts.use(openJournal(config, clock, worker))
  const wires = parts.use(new Wires(clock))
  const admission = new Admission(config.limits.callsLiveMax)
  const metrics = new Metrics({
    callsLive: () => admission.liveCount,
    journalBytes: () => journal.keptBytes,
    journalAnswers: () => journal.answerCount,
    upstreams: () =>
      fleet.upstreams.map(({ name, restLeftMs, inFlight }) => ({ name, isUp: restLeftMs === 0, inFlight })),
  })
  const observer = new Observer(log, metrics, config.log)
  const relay = new RelayPlane({
    clock,
    random,
    fleet,
    wires,
    journal,
    admission,
    observer,
    answerBytesMax: config.journal.answerBytesMax,
  })

  const rollCall = parts.use(new RollCall(clock, fleet, probe, log))
  await rollCall.start()

  const { limits, site, onDisconnect } = config
  const purse = new BodyPurse(limits.bodiesBytesMax)
  const streams = openStreams(parts, { config, clock, random, log, purse })
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
    relay: (order, reply) => relay.take(order, reply),
  })
  const listeners: Listener[] = []
  for (const options of config.listeners) {
    const listener = await openListener(options, { clock, rays, limits, observer, handle })
    parts.defer(() => listener.destroy())
    listeners.push(listener)
  }
  return asHouse({ parts: parts.move(), config, clock, fleet, metrics, relay, streams, listeners, log })
}

interface OpenParts {
  readonly parts: AsyncDisposableStack
  readonly config: Config
  readonly clock: Clock
  readonly fleet: Fleet
  readonly metrics: Metrics
  readonly relay: RelayPlane
  readonly streams: DurableStreams
  readonly listeners: readonly Listener[]
  readonly log: Log
}

function asHouse({ parts, config, clock, fleet, metrics, relay, streams, listeners, log }: OpenParts): House {
  let isDraining = false
  const close = async (): Promise<void> => {
    await parts.disposeAsync()
    log.flush()
  }
  return {
    urls: listeners.map(({ url }) => url),
    fleet,
    metrics,
    callsLive: () => relay.liveCount,
    isReady: () => !isDraining && fleet.upstreams.some(({ restLeftMs, wasUp }) => wasUp && restLeftMs === 0),
    drain: async () => {
      isDraining = true
      streams.drain()
      const gone = Promise.all(listeners.map((listener) => listener.drain()))
      await relay.drain(clock, config.limits.drainMs)
      // What is still open now idles, or belongs to a client that does not read.
      const { promise: late, resolve } = Promise.withResolvers<void>()
      using _ = clock.after(drainTailMs, resolve)
      await Promise.race([gone, late])
      await close()
    },
    [Symbol.asyncDispose]: close,
  }
}

/** After the last answer: time for idle connections to be closed politely. */
const drainTailMs = 3000

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
      const { name: upstreamName, weight, priority } = typeof member === 'string' ? { name: member } : member
      const upstream = byName.get(upstreamName)
      if (!upstream) return []
      return [{ upstream, weight: weight ?? upstream.options.weight, priority: priority ?? upstream.options.priority }]
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

function openJournal(config: Config, clock: Clock, worker: number): Journal {
  if (config.journal.engine === 'memory') return new MemoryJournal(clock, config.journal)
  return new SqliteJournal(join(config.stateDir, `journal-${worker}.db`), clock, config.journal)
}

interface StreamsBase {
  readonly config: Config
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly purse: BodyPurse
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
