/** One worker process under the supervisor: a whole house, told what to be by message. */
import cluster from 'node:cluster'
import type { Config } from '../config.ts'
import type { TlsMaterial } from '../edge/tls/tls-material.ts'
import { type House, openHouse } from '../main.ts'
import { callsInHand, hearSiblings, learnSpeeds, learntSpeeds } from '../fleet/shared-speeds.ts'
import { SpeedBook } from '../fleet/speed-book.ts'
import { systemClock } from '../ground/clock.ts'
import type { FactRow } from '../observe/fact-row.ts'
import { openLog } from '../observe/log.ts'
import type { MemoryRecord } from '../store/memory-record.ts'
import { describeFleet } from './banner.ts'
import { keepCompiled } from './compile-cache.ts'
import { logTarget } from './log-target.ts'
import type { SupervisorWord, WorkerStatus, WorkerWord } from './worker-word.ts'

const statusPeriodMs = 1000
const factsPeriodMs = 500
const factsMax = 1000
/** A supervisor that stands still may take the last word no more. */
const lastWordMs = 500
/** What has been learnt is told so often. */
const learntPeriodMs = 5000
/** An address that is locked out by one worker may have just shown a good key to another. */
const welcomedPeriodMs = 250

/** The last word: resolves when it has left, or nobody seems to take it. */
function tellLast(word: WorkerWord): Promise<void> {
  return new Promise((resolve) => {
    if (!process.connected || !process.send) resolve()
    else process.send(word, undefined, undefined, () => resolve())
    setTimeout(resolve, lastWordMs)
  })
}

/** A supervisor that is gone is told nothing; without a callback that would be an error nobody catches. */
function tell(word: WorkerWord): void {
  if (process.connected) process.send?.(word, undefined, undefined, () => {})
}

/** Runs until told to stop, or until the supervisor is gone. */
export function runWorker(): void {
  // Journals hold answers: what this process writes is for its own user.
  process.umask(0o077)
  let worker: Promise<Worker> | null = null
  process.on('message', (word: SupervisorWord) => {
    if (word.event === 'begin') worker = begin(word)
    else void worker?.then((each) => each.hear(word))
  })
  // It is a pipe to the supervisor, which may be gone.
  process.stderr.on('error', () => {})
  // Ctrl-C reaches the whole process group; the supervisor decides what it means.
  process.on('SIGINT', () => {})
  // So does the end of the terminal.
  process.on('SIGHUP', () => {})
  process.on('SIGUSR2', () => {})
}

interface Worker {
  hear(word: SupervisorWord): void
}

async function begin({
  config,
  number,
  dead,
  notice,
  tls,
}: Extract<SupervisorWord, { event: 'begin' }>): Promise<Worker> {
  try {
    const worker = await work(config, number, dead, tls)
    worker.hear({ event: 'notice', notice })
    return worker
  } catch (error) {
    const { message = String(error), code, syscall } = error as Partial<NodeJS.ErrnoException>
    tell({ event: 'failed', message, ...(code && { code }), ...(syscall && { syscall }) })
    process.exitCode = 1
    process.disconnect?.()
    return { hear: () => {} }
  }
}

async function work(config: Config, number: number, dead: readonly string[], tls: TlsMaterial | null): Promise<Worker> {
  const log = openLog(config.log, logTarget(config), { worker: number })
  const house = await openHouse(config, log, number, tls)
  tellEvents(house, number)
  const tellStatus = (): void => {
    const calls = callsInHand(house.fleet)
    tell({ event: 'status', status: statusOf(house), calls, replicas: house.takeReplicas() })
  }
  const timer = setInterval(tellStatus, statusPeriodMs)
  const tellLearnt = keepTellingLearnt(house)
  const signsTimer = setInterval(() => tell({ event: 'signs', signs: house.signs() }), config.alerts.periodMs)
  house.onPressure = tellStatus
  let endsMs = Number.POSITIVE_INFINITY
  let isPatient = true
  /** One that is retiring may still be told to hurry, but not to take longer. */
  const stop = async (graceMs: number, isReplaced = false): Promise<void> => {
    const nowMs = performance.now()
    if (nowMs + graceMs >= endsMs && (isReplaced || !isPatient)) return
    endsMs = Math.min(endsMs, nowMs + graceMs)
    isPatient &&= isReplaced
    tellLearnt()
    await house.drain(endsMs - nowMs, isReplaced)
    clearInterval(timer)
    tellStatus() // what ended last
    clearInterval(signsTimer)
    await tellLast({ event: 'signs', signs: house.signs() })
    process.exit()
  }
  const { drainMs, retireMs } = config.limits
  process.on('SIGTERM', () => void stop(drainMs))
  process.on('disconnect', () => void stop(drainMs))
  // Without this node:cluster would end the process the moment the supervisor is gone, answers and all.
  if (cluster.worker) cluster.worker.exitedAfterDisconnect = true
  tellStatus()
  tell({ event: 'listening', urls: house.urls, node: house.journalNode, ...describeFleet(house.fleet) })
  const bury = (node: string): void => {
    house.bury(node).catch((error: unknown) => log.error({ detail: String(error) }, 'adoption failed'))
  }
  const count = (): void => {
    const told = house.metrics.numbers().then((numbers) => tell({ event: 'counted', numbers }))
    told.catch((error: unknown) => log.error({ detail: String(error) }, 'metrics cannot be told'))
  }
  dead.forEach(bury)
  keepCompiled()
  return {
    hear: (word) => {
      if (word.event === 'bury') bury(word.node)
      if (word.event === 'count') count()
      if (word.event === 'tls') secure(house, word.material)
      if (word.event === 'fleet') house.useReplicas(word.replicas, word.pools)
      if (word.event === 'notice') house.useNotice(word.notice)
      if (word.event === 'retire') void stop(retireMs, !word.isHurried)
      if (word.event === 'siblings') {
        if (word.calls) hearSiblings(house.fleet, word.calls)
        if (word.speeds) learnSpeeds(house.fleet, word.speeds)
        if (word.welcomed) house.crowd.hearWelcomed(word.welcomed)
      }
    },
  }
}

/** What is told as it happens. */
function tellEvents({ memoryRecord, crowd }: House, number: number): void {
  if (memoryRecord) tellFacts(memoryRecord, `worker-${number}/${process.pid}`)
  setInterval(() => {
    const units = crowd.takeWelcomed()
    if (units.length > 0) tell({ event: 'welcomed', units })
  }, welcomedPeriodMs).unref()
}

/** What has been learnt, now and then, and whenever what it returns is called. */
function keepTellingLearnt({ fleet }: House): () => void {
  const book = new SpeedBook()
  const tellLearnt = (): void => {
    const speeds = book.add(learntSpeeds(fleet), systemClock.nowMs())
    if (speeds.length > 0) tell({ event: 'learnt', speeds })
  }
  setInterval(tellLearnt, learntPeriodMs).unref()
  return tellLearnt
}

function secure(house: House, material: TlsMaterial): void {
  const { serial } = material
  try {
    house.useTls(material)
    tell({ event: 'secured', serial, trouble: null })
  } catch (error) {
    tell({ event: 'secured', serial, trouble: String(error) })
  }
}

/** The supervisor shows them to operators. More than it can want at a time stays here. */
function tellFacts(record: MemoryRecord, node: string): void {
  let rows: FactRow[] = []
  record.onRow = (row) => {
    if (rows.length < factsMax) rows.push(row)
  }
  setInterval(() => {
    if (rows.length > 0) tell({ event: 'facts', node, rows })
    rows = []
  }, factsPeriodMs).unref()
}

function statusOf(house: House): WorkerStatus {
  const { upstreams } = describeFleet(house.fleet)
  return {
    totals: { ...house.metrics.totals },
    beat: house.metrics.pulse.beat,
    view: house.view(),
    callsLive: house.callsLive(),
    isReady: house.isReady(),
    pressure: { rung: house.pressure.rung, store: house.pressure.storeRung, reason: house.pressure.words },
    upstreamsUp: upstreams.filter(({ isUp }) => isUp).length,
    upstreamsAll: upstreams.length,
    troubles: house.troubles(),
    engines: Object.fromEntries(upstreams.flatMap(({ name, engine }) => (engine ? [[name, engine]] : []))),
  }
}
