/**
 * A simulated gateway: the production relay with everything that belongs to it, in a process of the world. It can be
 * killed, started anew, and stopped for a while. What the edge does with a request is done here in a few lines.
 */
import { routeNames } from '../../src/dialect/call.ts'
import { readCall } from '../../src/dialect/read-call.ts'
import { Fault, toFault } from '../../src/fault/fault.ts'
import { type Ray, RaySource } from '../../src/fault/ray.ts'
import { CallSizes } from '../../src/fleet/call-size.ts'
import { Capabilities } from '../../src/fleet/capability.ts'
import { Fleet } from '../../src/fleet/fleet.ts'
import { balanceSchema, type Timeouts, timeoutsSchema } from '../../src/fleet/pool-options.ts'
import { Upstream } from '../../src/fleet/upstream.ts'
import { upstreamSchema } from '../../src/fleet/upstream-options.ts'
import type { Clock } from '../../src/ground/clock.ts'
import type { ExchangeFact } from '../../src/observe/exchange-fact.ts'
import type { Log } from '../../src/observe/log.ts'
import { noRecorder } from '../../src/observe/recorder.ts'
import type { Metrics } from '../../src/observe/metric.ts'
import { Observer } from '../../src/observe/observer.ts'
import { overloadSchema } from '../../src/relay/overload/overload-options.ts'
import { Places } from '../../src/relay/overload/places.ts'
import { Balancer } from '../../src/relay/balance/balancer.ts'
import { Admission } from '../../src/relay/overload/admission.ts'
import { followFleet } from '../../src/relay/follow-fleet.ts'
import { Hedging } from '../../src/relay/overload/hedge.ts'
import { RetryBudget } from '../../src/relay/overload/retry-budget.ts'
import { retriesSchema } from '../../src/relay/overload/retry-options.ts'
import { breakerSchema } from '../../src/relay/overload/breaker-options.ts'
import { Breakers } from '../../src/relay/overload/breakers.ts'
import { Patrol } from '../../src/relay/patrol.ts'
import { Pressure } from '../../src/relay/overload/pressure.ts'
import { RelayPlane } from '../../src/relay/relay.ts'
import type { Reply } from '../../src/relay/reply.ts'
import type { Relay } from '../../src/relay/relay-parts.ts'
import { type Probe, RollCall } from '../../src/relay/roll-call.ts'
import { TokenProber } from '../../src/relay/token-probe.ts'
import { type ContinuationOptions, continuationSchema } from '../../src/relay/stream/continuation-options.ts'
import { SeamBudget } from '../../src/relay/stream/seam-budget.ts'
import type { Findings } from '../../src/relay/wire/probe.ts'
import type { Wire } from '../../src/relay/wire/wire.ts'
import type { WireSource } from '../../src/relay/wire/wires.ts'
import type { Journal } from '../../src/store/journal.ts'
import type { JournalOptions } from '../../src/store/journal-options.ts'
import type { Ask, CallerLink, Machine } from './caller-link.ts'
import type { Chance } from './chance.ts'
import { type ModelServer, modelName } from './model-server.ts'
import type { Network } from './network.ts'
import { SimProcess, type Skew } from './sim-process.ts'
import type { Trace } from './trace.ts'
import type { WorldDisk } from './world-disk.ts'
import { type DiskPace, WorldJournal } from './world-journal.ts'
import { WorldReply } from './world-reply.ts'
import { WorldWire } from './world-wire.ts'

/** Short, so that the few calls of a world open breakers, and let them return. */
const breakerTraits = { failuresInRow: 2, openMs: 1500, openMsMax: 6000 }
/** From its start until a gateway listens. */
const startMs = 300
const adoptionsPerLease = 5
const roundTripMs = 4

/** What a test puts between the relay and the world, to see whether a planted bug is found. */
export interface Sabotage {
  readonly reply?: (reply: Reply) => Reply
  readonly wire?: (wire: Wire) => Wire
  readonly journal?: (journal: Journal, process: SimProcess) => Journal
  /** False: the disk takes writes of anybody. */
  readonly fence?: boolean
}

export interface GatewayOptions {
  readonly journal: JournalOptions
  readonly timeouts: Timeouts
  readonly continuation: ContinuationOptions
  readonly pace: DiskPace
  readonly bufferBytesMax: number
  readonly stalledReaderMs: number
  readonly detachedMs: number
  /** First tokens are late from then on, milliseconds; null where no call is sent twice. */
  readonly hedgesAfterMs: number | null
  readonly sabotage: Sabotage
}

export const timeoutsOf = (more: Partial<Timeouts>): Timeouts => ({ ...timeoutsSchema.parse({}), ...more })
export const continuationOf = (more: Partial<ContinuationOptions>): ContinuationOptions => ({
  ...continuationSchema.parse({}),
  ...more,
})

/** What the world has around a gateway. */
export interface Surroundings {
  readonly network: Network
  readonly disk: WorldDisk
  readonly servers: readonly ModelServer[]
  readonly trace: Trace
  /** Bytes go out to a caller. `answer` is the ray that the reply names, `candidates` the rows that it may mean. */
  readonly onWrite: (reply: ReplyFacts, bytes: Buffer, wasFull: boolean) => void
  readonly onMisuse: (words: string) => void
  readonly onSettled: (fact: ExchangeFact) => void
}

/** One reply, for the checkers. */
export interface ReplyFacts {
  readonly process: SimProcess
  readonly ask: Ask
  /** The ray that the caller is told. */
  ray: string
  readonly openedMs: number
  /** Number of the first event that it may hold. */
  readonly from: number
  readonly isStream: boolean
}

/** Everything in one process. */
interface Life {
  readonly process: SimProcess
  readonly journal: WorldJournal
  readonly relay: RelayPlane
  readonly admission: Admission
  readonly fleet: Fleet
  readonly wires: ReadonlyMap<string, WorldWire>
  readonly rays: RaySource
  readonly detached: { count: number }
}

export class Gateway implements Machine {
  readonly name: string
  readonly skew: Skew = { ms: 0 }
  #options: GatewayOptions
  #around: Surroundings
  #chance: Chance
  #life: Life | null = null
  #startCount = 0
  #listening: SimProcess | null = null
  /** Processes that finish what they have in hand. */
  #leaving = new Map<SimProcess, Life>()

  constructor(name: string, options: GatewayOptions, around: Surroundings, chance: Chance) {
    this.name = name
    this.#options = options
    this.#around = around
    this.#chance = chance
  }

  get listening(): SimProcess | null {
    return this.#listening
  }

  get life(): Life | null {
    return this.#life
  }

  start(): void {
    if (this.#life) return
    const { network, disk, trace } = this.#around
    const node = `${this.name}.${++this.#startCount}`
    const process = new SimProcess(node, network.time, this.skew)
    trace.note(node, 'starts')
    this.#life = this.#open(
      process,
      new WorldJournal(node, disk, process.clock, this.#options.journal, this.#options.pace),
    )
    process.clock.after(startMs, () => {
      if (this.#life?.process === process) this.#listening = process
    })
  }

  /** SIGKILL. Returns the name under which it held its leases. */
  kill(): string | null {
    const life = this.#life
    for (const process of this.#leaving.keys()) process.kill()
    this.#leaving.clear()
    if (!life) return null
    this.#around.trace.note(life.process.name, 'is killed')
    life.journal.die(this.#chance.happens(0.5))
    this.#listening = null
    this.#life = null
    life.process.kill()
    return life.process.name
  }

  /** SIGTERM: another process takes its place, and it goes when it has finished or its time is up. */
  restart(graceMs: number): void {
    const life = this.#life
    if (!life) return
    const { process, relay, journal } = life
    this.#around.trace.note(process.name, `is to finish within ${graceMs} ms`)
    this.#listening = null
    this.#life = null
    this.#leaving.set(process, life)
    this.start()
    process.run(() => {
      const leave = (): void => {
        this.#around.trace.note(process.name, 'leaves')
        this.#leaving.delete(process)
        process.kill()
      }
      relay
        .drain(process.clock, graceMs)
        .then(() => journal[Symbol.asyncDispose]())
        .then(leave, (thrown: unknown) => this.#around.onMisuse(String(thrown)))
    })
  }

  /** A server comes or goes, as a supervisor tells all processes of a gateway. */
  turnOver({ name, membership, traits }: ModelServer, moveAfterMs: number | null): void {
    for (const { process, fleet } of [...(this.#life ? [this.#life] : []), ...this.#leaving.values()])
      process.run(() => {
        if (membership === 'in') fleet.join(upstreamOf(name, traits.kind, process.clock), { pool: 'all' })
        if (membership === 'draining') fleet.drain(name, moveAfterMs)
        if (membership === 'out') fleet.leave(name)
      })
  }

  /** SIGSTOP, and SIGCONT. */
  stop(): void {
    this.#life?.process.stop()
    for (const process of this.#leaving.keys()) process.stop()
  }

  goOn(): void {
    this.#life?.process.goOn()
    for (const process of this.#leaving.keys()) process.goOn()
  }

  /** A supervisor tells that the process of that name is dead. */
  bury(node: string): void {
    const life = this.#life
    life?.process.run(() => {
      life.journal.bury(node).then(() => life.relay.adoptOrphans(), this.#around.onMisuse)
    })
  }

  take(link: CallerLink, process: SimProcess): void {
    const life = this.#life?.process === process ? this.#life : this.#leaving.get(process)
    if (!life) return link.breakOff()
    const { ask } = link
    if (ask.kind === 'post') this.#post(life, link, ask)
    else if (ask.kind === 'resume') void this.#resume(life, link, ask)
    else void this.#cancel(life, link, ask)
  }

  #open(process: SimProcess, journal: WorldJournal): Life {
    const { clock } = process
    const { random } = this.#chance.fork(process.name)
    const { servers, network, disk, trace, onSettled } = this.#around
    const { timeouts, continuation, detachedMs, sabotage } = this.#options
    const upstreams = servers
      .filter(({ membership }) => membership === 'in')
      .map(({ name, traits }) => upstreamOf(name, traits.kind, clock))
    const wires = new Map(
      servers.map((server) => [server.name, new WorldWire(process, network, this.name, server)] as const),
    )
    const members = upstreams.map((upstream) => ({ upstream, model: null, weight: 1, priority: 0 }))
    const pool = { name: 'all', members, timeouts, attemptsMax: 5, balance: balanceSchema.parse({}) }
    const fleet = new Fleet(upstreams, new Map([['all', pool]]), new Map())
    const admission = new Admission(1000)
    const places = new Places(clock, random, overloadSchema.parse({}))
    const log = logOf(trace, process)
    const metrics = { settled: onSettled } as unknown as Metrics
    const detached = { count: 0, max: 1000, ms: detachedMs }
    const wireSource: WireSource = {
      to: ({ name }) => {
        const wire = wires.get(name)
        if (!wire) throw new RangeError(`no wire to ${name}`)
        return sabotage.wire?.(wire) ?? wire
      },
    }
    const breakers = openBreakers({ clock, fleet, wires: wireSource, places, log })
    const balancer = new Balancer({
      clock,
      random,
      blocksMax: 4096,
      standing: (member, model) => breakers.standing(member, model),
      hasRoom: (member) => places.hasRoom(member),
    })
    const relay = new RelayPlane(
      {
        clock,
        random,
        fleet,
        wires: wireSource,
        breakers,
        journal: sabotage.journal?.(journal, process) ?? journal,
        admission,
        pressure: new Pressure(random),
        observer: new Observer(log, metrics, { access: false }),
        capabilities: new Capabilities(clock),
        sizes: new CallSizes(),
        sampler: null,
        places,
        prober: null,
        balancer,
        keptForOthers: () => {},
        retries: new RetryBudget(clock, retriesSchema.parse({}), () => admission.liveCount),
        hedging: this.#hedging(places),
        poison: null,
        seamBudget: new SeamBudget(clock, continuation, () => admission.liveCount),
        answerBytesMax: this.#options.journal.answerBytesMax,
        requestBytesMax: this.#options.journal.requestBytesMax,
        detached,
      },
      this.#options.journal,
    )
    const probe = (base: URL): ReturnType<Probe> => this.#probe(process, base.hostname)
    const rollCall = new RollCall({ clock, fleet, probe, log, recorder: noRecorder, tokens: null, certificate: null })
    void rollCall.start()
    const kept = { places, breakers, balancer, wires: wireSource }
    followFleet(fleet, kept, { plane: relay, rollCall, engineWatch: null })
    const adopt = (): void =>
      void relay.adoptOrphans().catch((thrown: unknown) => this.#around.onMisuse(String(thrown)))
    clock.every(this.#options.journal.leaseMs / adoptionsPerLease, adopt)
    clock.soon(adopt)
    const rays = new RaySource(clock, random, { node: disk.rows.size + this.#startCount, site: this.name })
    return { process, journal, relay, admission, fleet, wires, rays, detached }
  }

  /** It knows from the start how long calls wait here, and may send every one twice. */
  #hedging(places: Places): Hedging {
    const { hedgesAfterMs } = this.#options
    const hedging = new Hedging({ enabled: hedgesAfterMs !== null, percentMax: 100 }, (pool) => places.saturation(pool))
    const lengths = [1, 100, 300, 1000, 5000, 20_000, 80_000, 300_000]
    const kinds = routeNames.flatMap((route) =>
      [true, false].flatMap((isStream) =>
        lengths.map((tokens) => ({ pool: 'all', model: modelName, route, isStream, tokens })),
      ),
    )
    for (const kind of kinds) for (let i = 0; i < 50; i++) hedging.times.observe(kind, hedgesAfterMs ?? 0)
    return hedging
  }

  /** What the roll call finds: the server answers, or it does not. */
  async #probe(process: SimProcess, name: string): Promise<Findings> {
    const { servers, network } = this.#around
    const server = servers.find((each) => each.name === name)
    await new Promise<void>((resolve) => process.clock.after(roundTripMs, resolve))
    if (!server?.isUp || network.isCut(this.name, name)) throw new Fault('HF_UPSTREAM_REFUSED')
    return { models: [modelName], kind: server.traits.kind }
  }

  // The edge, in short.

  #post(life: Life, link: CallerLink, ask: Ask & { kind: 'post' }): void {
    const { clock } = life.process
    const ray = life.rays.next()
    const call = readCall(ask.route, ask.body, {})
    const reply = this.#reply(life, link, { ray, from: 0, isStream: call.isStream })
    try {
      life.relay.take(
        {
          ray,
          call,
          via: `1.1 ${this.name}`,
          caller: ask.caller,
          callerKey: null,
          passedHeaders: {},
          requestId: null,
          trace: null,
          beganMs: clock.monotonicMs(),
          onDisconnect: ask.onDisconnect,
          isStored: ask.isStored,
          toldId: null,
          cache: null,
          idempotencyKey: ask.idempotencyKey,
          isRepeated: ask.isRepeated,
          marksSeams: false,
          mustSameModel: false,
          session: null,
          tier: 'standard',
          timeLimits: { firstTokenMs: null, wholeMs: null },
        },
        reply,
      )
    } catch (thrown) {
      reply.fail(toFault(thrown))
    }
  }

  async #resume(life: Life, link: CallerLink, { id, caller, after }: Ask & { kind: 'resume' }): Promise<void> {
    try {
      const cursor = await life.relay.look(id, caller)
      const { info, count, outcome } = cursor
      const last = after ?? -1
      if (last >= count && last >= 0) throw new Fault('HF_CURSOR_INVALID', { detail: `${last} of ${count}` })
      if (!info.isStream) throw new Fault('HF_NOT_RESUMABLE')
      if (outcome !== null && last === count - 1 && count > 0) return link.send({ kind: 'end' })
      const reply = this.#reply(life, link, { ray: info.ray, from: last + 1, isStream: true })
      life.relay.read(cursor, { next: last + 1, isStream: true, reply, onEnded: () => {} })
    } catch (thrown) {
      this.#refuse(link, toFault(thrown), id)
    }
  }

  async #cancel(life: Life, link: CallerLink, { id, caller }: Ask & { kind: 'cancel' }): Promise<void> {
    try {
      const isDone = await life.relay.cancel(id, caller)
      link.send({ kind: 'cancelled', isDone })
    } catch (thrown) {
      this.#refuse(link, toFault(thrown), id)
    }
  }

  #refuse(link: CallerLink, { code, status, kind }: Fault, ray: string): void {
    link.send({ kind: 'refusal', ray, code, status, shouldRetry: kind.shouldCallerRetry })
  }

  #reply(life: Life, link: CallerLink, about: { ray: Ray; from: number; isStream: boolean }): Reply {
    const { process } = life
    const { onWrite, onMisuse, network } = this.#around
    const openedMs = network.time.monotonicMs()
    const facts: ReplyFacts = { process, ask: link.ask, openedMs, ...about }
    const { bufferBytesMax, stalledReaderMs, sabotage } = this.#options
    const reply = new WorldReply({
      process,
      link,
      ray: about.ray,
      bufferBytesMax,
      stalledMs: stalledReaderMs,
      watch: {
        onWrite: (bytes, wasFull) => onWrite(facts, bytes, wasFull),
        onMisuse: (words) => onMisuse(`${process.name}: ${words}`),
      },
      onNamed: (ray) => (facts.ray = ray),
    })
    return sabotage.reply?.(reply) ?? reply
  }
}

function upstreamOf(name: string, kind: ModelServer['traits']['kind'], clock: Clock): Upstream {
  return new Upstream(name, upstreamSchema.parse({ url: `http://${name}/v1`, kind }), null, clock)
}

type BreakerParts = Pick<Relay, 'clock' | 'fleet' | 'wires' | 'places'> & { readonly log: Log }

function openBreakers({ clock, fleet, wires, places, log }: BreakerParts): Breakers {
  const options = breakerSchema.parse(breakerTraits)
  const breakers = new Breakers(clock, options)
  const metrics = { breakerOpened: () => {}, breakerAsked: () => {} }
  void new Patrol({
    clock,
    fleet,
    breakers,
    prober: new TokenProber(clock, wires, places),
    log,
    recorder: noRecorder,
    metrics,
    options,
  })
  return breakers
}

function logOf(trace: Trace, { name }: SimProcess): Log {
  const line = (facts: object, message: string): void => trace.note(name, `${message} ${JSON.stringify(facts)}`)
  return { debug: line, info: line, warn: line, error: line, call: () => {}, flush: () => {} }
}
