/**
 * A small supervisor over the workers: it holds the listening sockets, so that they outlive each worker (as
 * long as one lives), replaces a worker that dies, and at a restart puts new workers beside the old ones, which finish
 * what they have. It carries no traffic itself.
 */
import cluster, { type Worker } from 'node:cluster'
import type { Config } from '../config.ts'
import { poolsOf } from '../control/joined-pools.ts'
import type { Readiness } from '../edge/admin.ts'
import { noNotice, type Notice } from '../edge/notice.ts'
import type { FleetReplica } from '../fleet/replica-roll.ts'
import { systemClock } from '../ground/clock.ts'
import type { AlertDesk } from '../house/open-alerts.ts'
import type { Log } from '../observe/log.ts'
import type { Numbers, Totals } from '../observe/metric.ts'
import type { OpenRecord } from '../house/open-record.ts'
import { withPorts } from './chosen-ports.ts'
import { compileCache } from './compile-cache.ts'
import type { Snapshot } from './live-line.ts'
import type { HandView } from './overview.ts'
import { isForgetful } from './forgetful.ts'
import { add, type Hand, newHand, tell } from './hand.ts'
import { FleetReports } from './fleet-reports.ts'
import { Siblings } from './siblings.ts'
import { SpeedFile } from './speed-file.ts'
import type { TlsTeller } from './tls-teller.ts'
import { WorkerMetrics } from './worker-metrics.ts'
import { WorkerNews } from './worker-news.ts'
import type { SupervisorWord, WorkerWord } from './worker-word.ts'

/** A worker that dies young is replaced after this, doubling up to the maximum while it goes on. */
const restartMs = 200
const restartMsMax = 10_000
const youngMs = 3000
/** A worker tells how it is every second. One that has not for so long hangs, maybe with the journal in its hand. */
const hungMs = 20_000
/** One that has not told for this long is too busy to be counted on. */
const busyMs = 3000
const watchPeriodMs = 2000
/** New workers that do not listen within this have failed, at a restart: `holdfast restart` waits no longer either. */
const restartPatienceMs = 50_000
/** After so many restarts more an old worker waits for silent connections no longer: else there would be ever more. */
const patientRestartsMax = 3
/** Dead nodes that a new worker is told of; their answers are long adopted or gone by then. */
const deadMax = 16
/** Workers hear of each other's calls so often, and what they have learnt is kept so often. */
const sharePeriodMs = 500
const keepPeriodMs = 60_000

type Listening = Extract<WorkerWord, { event: 'listening' }>

/** Who judges what the workers tell. */
type SignsDesk = Pick<AlertDesk, 'hear' | 'forget' | 'numbers'>

interface SupervisorParts {
  readonly desk: SignsDesk
  readonly record: Pick<OpenRecord, 'recorder' | 'memory'>
  readonly tls: TlsTeller
}

export class Supervisor {
  /** Of what else lives in this process, for metrics. */
  moreNumbers: () => Promise<Numbers> = () => Promise.resolve([])
  readonly fleetReports = new FleetReports()
  #config: Config
  #log: Log
  /** As the workers are told: those that live must ask for the same to get the same sockets. */
  #listeners: Config['listeners']
  /** With the ports that the system chose, where it was to. */
  #chosen: Config['listeners']
  #hands = new Set<Hand>()
  /** Deaths in a row, by number. */
  #diedInRow: number[] = []
  #dead: string[] = []
  #notice = noNotice
  #replicas: readonly FleetReplica[] = []
  #isClosing = false
  #isRestarting = false
  /** Counts up with each restart. */
  #generation = 1
  /** Sums of workers that are gone, so that totals never step back. */
  #past: Totals = { calls: 0, failed: 0, outputTokens: 0, events: 0, retries: 0 }
  #news: WorkerNews
  #desk: SignsDesk
  #metrics: WorkerMetrics
  #siblings: Siblings<Worker>
  #tls: TlsTeller
  /** Writes down what workers have learnt. */
  #keepSpeeds: () => void

  constructor(config: Config, log: Log, { desk, record, tls }: SupervisorParts) {
    this.#desk = desk
    this.#tls = tls
    this.#metrics = new WorkerMetrics(
      (worker) => tell(worker, { event: 'count' }),
      async () => [...desk.numbers(), ...(await this.moreNumbers())],
    )
    this.#config = config
    this.#news = new WorkerNews(record)
    this.#listeners = this.#chosen = config.listeners
    this.#log = log
    cluster.schedulingPolicy = cluster.SCHED_NONE
    const file = new SpeedFile(config.stateDir, log)
    const book = file.read(systemClock.nowMs())
    this.#siblings = new Siblings(book, tell)
    this.#keepSpeeds = () => file.keep(book)
    setInterval(() => this.#siblings.share(), sharePeriodMs).unref()
    setInterval(this.#keepSpeeds, keepPeriodMs).unref()
    // Their last words are worth keeping; all else they share with us.
    cluster.setupPrimary({ stdio: ['inherit', 'inherit', 'pipe', 'ipc'] })
    let lookedMs = performance.now()
    setInterval(() => {
      const isLate = performance.now() - lookedMs > 2 * watchPeriodMs
      lookedMs = performance.now()
      // After a pause of our own, what the workers said meanwhile has yet to be read.
      if (!isLate) this.#endHung()
    }, watchPeriodMs).unref()
  }

  /**
   * Starts all workers; resolves with what the first to listen said. Rejects when one cannot start: none is left
   * then.
   */
  async start(): Promise<Listening> {
    try {
      const [first] = await this.#openAll()
      if (!first) throw new Error('no worker was asked for')
      this.#tls.allListen()
      return first
    } catch (error) {
      this.kill()
      throw error
    }
  }

  /**
   * Puts new workers, with this configuration and the program as it is on the disk now, in the place of the old ones.
   * The old ones accept nothing new and finish what they have. When a new one cannot start, the old ones stay.
   * @throws {Error} then, and while another restart is under way.
   */
  async restart(config: Config): Promise<void> {
    if (isForgetful(this.#config))
      throw new Error('a journal or streams in memory would be lost; use `sqlite`, or stop and start')
    if (this.#isRestarting || this.#isClosing) throw new Error('a restart or the end is already under way')
    this.#isRestarting = true
    const old = [...this.#hands].filter(({ isRetired }) => !isRetired)
    const before = this.#config
    this.#config = config
    const { promise: late, reject: giveUp } = Promise.withResolvers<never>()
    const words = `the new workers did not listen within ${restartPatienceMs / 1000} s`
    const timer = setTimeout(() => giveUp(new Error(words)), restartPatienceMs)
    try {
      await Promise.race([this.#openAll(), late])
      this.#generation++
      for (const hand of old) this.#retire(hand)
      this.#tellAll({ event: 'fleet', replicas: this.#replicas, pools: poolsOf(config.deployments) })
      this.#hurryOldest()
      this.#log.info({ generation: this.#generation, retired: old.length }, 'workers restarted')
    } catch (error) {
      this.#config = before
      for (const hand of this.#hands) {
        if (old.includes(hand) || hand.isRetired) continue
        hand.isRetired = true
        hand.worker.process.kill('SIGKILL')
      }
      // An old one may have died meanwhile, while a new one stood in its place.
      for (let number = 0; number < before.workers; number++) this.#replace(number)
      throw error
    } finally {
      clearTimeout(timer)
      this.#isRestarting = false
    }
  }

  /** How long ago each worker was heard of. One that is busy tells nothing until it is done. */
  liveness(): Readonly<Record<string, unknown>> {
    const nowMs = performance.now()
    const workers = [...this.#hands].map(({ number, worker, heardMs, status }) => ({
      number,
      pid: worker.process.pid,
      heardMs: Math.round(nowMs - heardMs),
      isBusy: status !== null && nowMs - heardMs > busyMs,
      rung: status?.pressure.rung ?? 'starting',
    }))
    return { workers }
  }

  readiness(): Readiness {
    const describe = ({ number, worker, status }: Hand) => {
      const { beat: _, view: __, ...told } = status ?? {}
      return { number, pid: worker.process.pid, ...told }
    }
    const workers = this.#active.map(describe)
    const retiring = [...this.#hands].filter(({ isRetired }) => isRetired).map(describe)
    return {
      isReady: !this.#isClosing && this.#areReady(),
      facts: { generation: this.#generation, workers, ...(retiring.length > 0 && { retiring }) },
    }
  }

  /**
   * Any of those that listen may get the next call, so each must be ready. One that is busy does not accept: the others
   * do, as long as there are any.
   */
  #areReady(): boolean {
    const limitMs = performance.now() - busyMs
    const accepting = this.#active.filter(({ node, heardMs }) => node !== null && heardMs > limitMs)
    return accepting.length > 0 && accepting.every(({ status }) => status?.isReady)
  }

  /** The numbers of all workers together; those that are still starting have nothing to tell. */
  metrics(isOpenMetrics: boolean): Promise<string> {
    const known = [...this.#hands].filter(({ status }) => status !== null)
    return this.#metrics.read(
      known.map(({ worker }) => worker),
      isOpenMetrics,
    )
  }

  snapshot(): Snapshot {
    const statuses = [...this.#hands].map(({ status }) => status).filter((status) => status !== null)
    const totals = { ...this.#past }
    for (const status of statuses) add(totals, status.totals)
    return {
      totals,
      callsLive: statuses.reduce((sum, { callsLive }) => sum + callsLive, 0),
      upstreamsUp: Math.max(0, ...statuses.map(({ upstreamsUp }) => upstreamsUp)),
      upstreamsAll: Math.max(0, ...statuses.map(({ upstreamsAll }) => upstreamsAll)),
    }
  }

  /** For error pages from now on. */
  useNotice(notice: Notice): void {
    this.#notice = notice
    this.#tellAll({ event: 'notice', notice })
  }

  useReplicas(replicas: readonly FleetReplica[]): void {
    this.#replicas = replicas
    this.#tellAll({ event: 'fleet', replicas })
  }

  #tellAll(word: SupervisorWord): void {
    for (const { worker } of this.#hands) tell(worker, word)
  }

  get generation(): number {
    return this.#generation
  }

  hands(): HandView[] {
    const nowMs = performance.now()
    return [...this.#hands].map(({ number, worker, isRetired, heardMs, status }) => {
      const pid = worker.process.pid ?? 0
      return { number, pid, isRetired, heardMs: nowMs - heardMs, isSilent: nowMs - heardMs > busyMs, status }
    })
  }

  /** Lets every worker drain; resolves when all are gone. */
  async drain(): Promise<void> {
    this.#isClosing = true
    await Promise.all(
      [...this.#hands].map(async ({ worker }) => {
        if (worker.isDead()) return
        const gone = new Promise<void>((resolve) => worker.once('exit', () => resolve()))
        worker.process.kill('SIGTERM')
        await gone
      }),
    )
    this.#keepSpeeds()
  }

  /** Ends every worker now. Who starts next goes on with what they had in hand. */
  kill(): void {
    this.#isClosing = true
    for (const { worker } of this.#hands) worker.process.kill('SIGKILL')
  }

  get #active(): Hand[] {
    return [...this.#hands].filter(({ isRetired }) => !isRetired)
  }

  #openAll(): Promise<Listening[]> {
    return Promise.all(Array.from({ length: this.#config.workers }, (_, number) => this.#open(number)))
  }

  #open(number: number): Promise<Listening> {
    // Where all have died nobody holds the ports any more; they must not be chosen anew.
    if (this.#hands.size === 0) this.#listeners = this.#chosen
    const config = { ...this.#config, listeners: this.#listeners }
    let worker: Worker
    try {
      worker = cluster.fork({ HOLDFAST_WORKER: String(number), ...compileCache() })
    } catch (error) {
      this.#replaceSoon(number, String(error), 0)
      return Promise.reject(error instanceof Error ? error : new Error(String(error)))
    }
    const hand = newHand(number, worker)
    this.#hands.add(hand)
    FleetReports.watch(this.fleetReports, worker)
    this.#news.watch(worker, number, () => this.#isClosing || hand.isRetired)
    // By message and not by environment: the configuration may hold secrets.
    worker.once('online', () => {
      const tls = this.#tls.begin(worker)
      tell(worker, { event: 'begin', config, number, dead: this.#dead, notice: this.#notice, tls })
      tell(worker, { event: 'fleet', replicas: this.#replicas })
      this.#siblings.welcome(worker)
    })
    return new Promise((resolve, reject) => {
      worker.on('message', (word: WorkerWord) => {
        if (word.event === 'listening') {
          hand.node = word.node
          this.#chosen = withPorts(this.#listeners, word.urls)
          resolve(word)
        }
        if (word.event === 'status') {
          hand.status = word.status
          this.#siblings.hearCalls(worker, word.calls)
          hand.heardMs = performance.now()
        }
        if (word.event === 'counted') this.#metrics.hear(worker, word.numbers)
        // One that was forgotten must not be counted from nothing again.
        if (word.event === 'signs' && this.#hands.has(hand)) this.#desk.hear(String(worker.id), number, word.signs)
        if (word.event === 'learnt') this.#siblings.hearSpeeds(worker, word.speeds, systemClock.nowMs())
        if (word.event === 'welcomed') this.#siblings.hearWelcomed(worker, word.units)
        if (word.event === 'secured') this.#tls.hear(worker, word.serial, word.trouble)
        if (word.event === 'failed') reject(Object.assign(new Error(word.message), word))
      })
      worker.once('exit', (code, signal) => {
        reject(new Error(`worker ${number} ended before it listened (${signal ?? code})`))
        this.#lose(hand, signal ?? String(code))
      })
      worker.on('error', (error) => {
        if (worker.process.pid !== undefined) return // what it was told did not reach it; it is on its way out
        // The system has no process to give, or the program is gone (it is being replaced): there is no exit to come.
        delete cluster.workers?.[worker.id]
        reject(error)
        this.#lose(hand, error.message)
      })
    })
  }

  /** What it has in hand, others go on with; hung, it would keep it, and all whose connections it holds. */
  #endHung(): void {
    const limitMs = performance.now() - hungMs
    for (const { number, worker, heardMs, status } of this.#hands) {
      if (status === null || heardMs > limitMs) continue
      this.#log.error({ worker: number, pid: worker.process.pid }, 'worker hangs and is killed')
      this.#news.tell(worker, 'hung', `silent for ${hungMs / 1000} s`, false)
      worker.process.kill('SIGKILL')
    }
  }

  #retire(hand: Hand): void {
    hand.isRetired = true
    hand.generation = this.#generation
    this.#news.tell(hand.worker, 'draining', 'others stand in its place')
    tell(hand.worker, { event: 'retire', isHurried: false })
  }

  #hurryOldest(): void {
    for (const { worker, isRetired, generation } of this.#hands)
      if (isRetired && this.#generation - generation >= patientRestartsMax)
        tell(worker, { event: 'retire', isHurried: true })
  }

  #lose(hand: Hand, how: string): void {
    this.#hands.delete(hand)
    this.#metrics.forget(hand.worker)
    this.#desk.forget(String(hand.worker.id))
    this.#siblings.forget(hand.worker)
    this.#tls.forget(hand.worker)
    if (hand.status) add(this.#past, hand.status.totals)
    if (hand.node) this.#bury(hand.node)
    if (this.#isClosing || hand.isRetired) return
    this.#replaceSoon(hand.number, how, performance.now() - hand.bornMs)
  }

  #replaceSoon(number: number, how: string, ageMs: number): void {
    const diedInRow = ageMs < youngMs ? (this.#diedInRow[number] ?? 0) + 1 : 0
    this.#diedInRow[number] = diedInRow
    const waitMs = Math.min(restartMsMax, restartMs * 2 ** Math.max(0, diedInRow - 1))
    this.#log.error({ worker: number, how, waitMs }, 'worker died and is replaced')
    setTimeout(() => this.#replace(number), waitMs)
  }

  #replace(number: number): void {
    // A restart may have filled the place meanwhile.
    if (this.#isClosing || number >= this.#config.workers || this.#active.some((hand) => hand.number === number)) return
    this.#open(number).catch((error: unknown) =>
      this.#log.error({ worker: number, detail: String(error) }, 'worker did not start'),
    )
  }

  /** The others take over at once what it left, without waiting for its lease to run out. */
  #bury(node: string): void {
    this.#dead = [...this.#dead, node].slice(-deadMax)
    for (const { worker } of this.#active) tell(worker, { event: 'bury', node })
  }
}
