/** The whole house on one page: opens every part in order, closes in reverse. */
import { createHash } from 'node:crypto'
import { hostname } from 'node:os'
import type { Config } from './config.ts'
import { answerStreams } from './edge/answer-stream.ts'
import { BodyPurse } from './edge/body.ts'
import { openDoor } from './edge/door.ts'
import type { DoorParts } from './edge/door-parts.ts'
import type { Crowd } from './edge/crowd/crowd.ts'
import type { DurableStreams } from './edge/durable-streams/durable-streams.ts'
import type { TlsMaterial } from './edge/tls/tls-material.ts'
import type { ReplicasWord } from './control/replicas-word.ts'
import { RaySource } from './fault/ray.ts'
import { noNotice, type Notice } from './edge/notice.ts'
import type { Fleet } from './fleet/fleet.ts'
import { type FleetReplica, ReplicaRoll } from './fleet/replica-roll.ts'
import { type Clock, systemClock } from './ground/clock.ts'
import { systemRandom } from './ground/random.ts'
import type { FleetView } from './house/fleet-view.ts'
import { openFleet } from './house/open-fleet.ts'
import { type Keys, openKeys } from './house/open-keys.ts'
import { type Front, openListeners } from './house/open-listeners.ts'
import { openRecord } from './house/open-record.ts'
import { openRelay } from './house/open-relay.ts'
import { openJournal, openStreams } from './house/open-stores.ts'
import { openSockets } from './house/open-sockets.ts'
import { openTelemetry } from './house/open-telemetry.ts'
import { openVisitors } from './house/open-visitors.ts'
import { openWatch } from './house/open-watch.ts'
import type { WebBase } from './house/open-web.ts'
import type { Signs } from './objective/signs.ts'
import type { Log } from './observe/log.ts'
import type { Metrics } from './observe/metric.ts'
import type { Trouble } from './relay/overload/breakers.ts'
import type { Pressure } from './relay/overload/pressure.ts'
import type { RelayPlane } from './relay/relay.ts'
import { Wires } from './relay/wire/wires.ts'
import type { MemoryRecord } from './store/memory-record.ts'

export interface House extends AsyncDisposable {
  /** Where callers connect. */
  readonly urls: readonly string[]
  readonly fleet: Fleet
  readonly metrics: Metrics
  readonly callsLive: () => number
  /** How upstreams and lines stand; some hundreds at most. */
  readonly view: () => FleetView
  /** What objectives and early warnings are judged by. */
  readonly signs: () => Signs
  /** What is told of replicas, since this was asked last; null where none are run. */
  readonly takeReplicas: () => ReplicasWord | null
  /** Which addresses are known for good keys. */
  readonly crowd: Pick<Crowd, 'takeWelcomed' | 'hearWelcomed'>
  /** The name under which this process holds leases. */
  readonly journalNode: string
  /** What happened in this process, where it is kept in memory. */
  readonly memoryRecord: MemoryRecord | null
  /** Another process that held leases is dead: takes its answers over now, and not only when its lease has run out. */
  bury(node: string): Promise<void>
  /** How near this process is to what would end it, and the measures it has taken. */
  readonly pressure: Pressure
  /** What visitors of error pages are told from now on. */
  readonly useNotice: (notice: Notice) => void
  /** The replicas of deployments, all of them, from now on; and the pools that others may join; left out: as before */
  readonly useReplicas: (replicas: readonly FleetReplica[], pools?: readonly string[]) => void
  /** TLS is spoken with these from now on. @throws {Error} when they cannot be used; then all is as before. */
  readonly useTls: (material: TlsMaterial) => void
  /** Called when those measures change. */
  onPressure: () => void
  /** What is out of use though it answers, and why; some dozens at most. */
  readonly troubles: () => Trouble[]
  /** Not ready while draining, or while no upstream is in use, unless one is started when a call comes. */
  readonly isReady: () => boolean
  /**
   * Stops accepting, lets what is under way finish within `graceMs`, then closes everything. Where other processes
   * accept in its place (`isReplaced`), connections that are kept stay until their clients let go of them.
   */
  drain(graceMs: number, isReplaced?: boolean): Promise<void>
}

/** `worker`: number of this process among its siblings, from 0; `tls`: what TLS is spoken with, where it is. */
export async function openHouse(config: Config, log: Log, worker = 0, tls: TlsMaterial | null = null): Promise<House> {
  await using parts = new AsyncDisposableStack()
  const [clock, random] = [systemClock, systemRandom]
  const { limits, site } = config
  const node = nodeNumber(worker)
  const ourName = `holdfast-${site}-${node}`
  const rays = new RaySource(clock, random, { node, site })
  const record = openRecord(parts, config, { clock, log, node: `worker-${worker}/${process.pid}`, isKeeper: false })
  const fleet = openFleet(config, clock, log, record.recorder)
  const journalNode = `${node}-${random.bits(32).toString(36)}`
  const journal = parts.use(openJournal(config, clock, journalNode, { log, recorder: record.recorder }))
  const wires = parts.use(new Wires(clock, config.upstreams))
  const telemetry = openTelemetry(config, { clock, random, log, fleet, instance: ourName })
  const onGone = (name: string): void => [relay, sockets].forEach((each) => each.revoke(name))
  const keys = await openKeys(parts, config, { clock, log, node: journalNode, onGone })
  const come = openVisitors(parts, config, { clock, log, recorder: record.recorder })
  const kept = { clock, random, log, fleet, journal, wires, record, telemetry, node: journalNode }
  const opened = await openRelay(parts, config, { ...kept, callReaders: [keys.allowances], crowd: come.crowd })
  const { plane: relay, pressure, observer } = opened
  const adopt = keepAdopting(parts, { clock, log, relay, periodMs: config.journal.leaseMs / adoptionsPerLease })
  const purse = new BodyPurse(limits.bodiesBytesMax)
  const webBase = { ...kept, ...opened, node: ourName, crowd: come.crowd, peers: wires, recorder: record.recorder }
  const { web, challenge } = await openWeb(config, parts, webBase)
  let notice = noNotice
  const streams = openStreams(parts, { config, clock, random, log, purse, readOnly: answerStreams(relay, clock) })
  const entry = { clock, random, rays, fleet, ...keys, ...come, observer, limits, pressure, node: ourName }
  const sockets = parts.use(openSockets({ ...entry, peers: wires, web, challenge, metrics: opened.metrics }))
  const handle = openDoor({
    ...entry,
    tracing: telemetry.tracing,
    purse,
    site,
    ...answering(config),
    streams,
    relay,
    web,
    challenge,
    notice: () => notice,
    hstsMs: config.tls.hstsMs,
  })
  const listening = { ...entry, handle, mayStayOpen: () => pressure.mayStayOpen, sockets }
  const front = await openListeners(parts, config, listening, tls)
  const open = {
    ...opened,
    ...come,
    parts: parts.move(),
    clock,
    fleet,
    streams,
    front,
    log,
    journalNode,
    bury: burying(keys.allowances, journal, adopt),
    useNotice: (told: Notice): void => void (notice = told),
  }
  const house = asHouse({ ...open, memoryRecord: record.memory })
  const watched = { clock, log, recorder: record.recorder, pressure, journal, listeners: front.listeners }
  open.parts.use(openWatch(config, { ...watched, onChange: () => house.onPressure() }))
  return house
}

/** Most gateways serve models alone, and load nothing of this. */
async function openWeb(
  config: Config,
  parts: AsyncDisposableStack,
  base: WebBase,
): Promise<Pick<DoorParts, 'web' | 'challenge'>> {
  if (config.web.routes.length === 0) return { web: null, challenge: null }
  const house = await import('./house/open-web.ts')
  return { web: parts.use(house.openWeb(parts, config, base)), challenge: house.openChallenge(config, base) }
}

/** How answers are kept, and for whom. */
function answering({ onDisconnect, cache, journal }: Config): Pick<DoorParts, 'onDisconnect' | 'cache'> {
  const outlastsJournal = cache.ttlMs + cache.staleIfErrorMs > journal.keepMs
  return { onDisconnect, cache: { ...cache, outlastsJournal } }
}

/** What a dead process held is held no more; then what it left is taken over. */
function burying(
  allowances: Keys['allowances'],
  journal: ReturnType<typeof openJournal>,
  adopt: () => void,
): (dead: string) => Promise<void> {
  return (dead) => {
    allowances.bury(dead)
    return journal.bury(dead).then(adopt)
  }
}

/** Takes over what dead nodes left, now and then; gives what does so at once. */
function keepAdopting(
  parts: AsyncDisposableStack,
  { clock, log, relay, periodMs }: { clock: Clock; log: Log; relay: RelayPlane; periodMs: number },
): () => void {
  const adopt = (): void => {
    relay.adoptOrphans().catch((error: unknown) => log.error({ detail: String(error) }, 'adoption failed'))
  }
  parts.use(clock.every(periodMs, adopt))
  adopt()
  return adopt
}

interface OpenParts {
  readonly parts: AsyncDisposableStack
  readonly clock: Clock
  readonly crowd: Crowd
  readonly fleet: Fleet
  readonly metrics: Metrics
  readonly signs: () => Signs
  readonly takeReplicas: () => ReplicasWord | null
  readonly view: () => FleetView
  readonly plane: RelayPlane
  readonly pressure: Pressure
  readonly streams: DurableStreams
  readonly front: Front
  readonly log: Log
  readonly journalNode: string
  readonly bury: (node: string) => Promise<void>
  readonly useNotice: (notice: Notice) => void
  readonly memoryRecord: MemoryRecord | null
}

/** What the supervisor asks for every second. */
function told({ signs, takeReplicas, view }: OpenParts): Pick<House, 'signs' | 'takeReplicas' | 'view'> {
  return { signs, takeReplicas, view }
}

function asHouse(open: OpenParts): House {
  const {
    parts,
    clock,
    crowd,
    fleet,
    metrics,
    plane: relay,
    pressure,
    streams,
    front,
    log,
    journalNode,
    memoryRecord,
    bury,
    useNotice,
  } = open
  const roll = new ReplicaRoll(fleet, clock)
  let isDraining = false
  const close = async (): Promise<void> => {
    await parts.disposeAsync()
    log.flush()
  }
  return {
    urls: front.listeners.map(({ url }) => url),
    crowd,
    fleet,
    metrics,
    ...told(open),
    journalNode,
    memoryRecord,
    bury,
    useNotice,
    useReplicas: (replicas, pools) => {
      if (pools) fleet.expectOnly(pools)
      roll.use(replicas)
    },
    useTls: (material) => front.useTls(material),
    pressure,
    onPressure: () => {},
    callsLive: () => relay.liveCount,
    troubles: () => relay.breakers.troubles(troublesMax),
    isReady: () => !isDraining && (fleet.isAsleep || fleet.upstreams.some(({ isUp }) => isUp)),
    drain: async (graceMs, isReplaced = false) => {
      isDraining = true
      relay.retire()
      streams.drain()
      const endMs = clock.monotonicMs() + graceMs
      const gone = front.drain(isReplaced)
      // Calls on connections that are still open are answered as ever; each connection closes behind its answer.
      await within(clock, graceMs, gone)
      front.endSessions()
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

/** Looks for orphans in the time of one lease. */
const adoptionsPerLease = 5

/** A number for this process among all that share a site: of the host's name, its process number and the worker's. */
function nodeNumber(worker: number): number {
  return createHash('sha256').update(`${hostname()}/${process.pid}/${worker}`).digest().readUInt32BE() % 2 ** 20
}
