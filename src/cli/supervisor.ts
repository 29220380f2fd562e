/**
 * Several workers on one port: a small supervisor holds the listening sockets, so that they outlive each worker, and
 * replaces a worker that dies. It carries no traffic itself.
 */
import cluster, { type Worker } from 'node:cluster'
import type { Config } from '../config.ts'
import type { Readiness } from '../edge/admin.ts'
import type { Log } from '../observe/log.ts'
import type { Totals } from '../observe/metric.ts'
import type { Ready } from './banner.ts'
import type { Snapshot } from './live-line.ts'

/** A worker that dies young is replaced after this, doubling up to the maximum while it goes on. */
const restartMs = 200
const restartMsMax = 10_000
const youngMs = 10_000

/** What a worker tells its supervisor. */
export type WorkerWord =
  | {
      readonly event: 'listening'
      readonly urls: readonly string[]
      readonly models: readonly string[]
      readonly upstreams: Ready['upstreams']
    }
  | { readonly event: 'status'; readonly status: WorkerStatus }
  | { readonly event: 'failed'; readonly message: string; readonly code?: string; readonly syscall?: string }

export interface WorkerStatus {
  readonly totals: Totals
  readonly callsLive: number
  readonly isReady: boolean
  readonly upstreamsUp: number
  readonly upstreamsAll: number
}

interface Slot {
  readonly number: number
  worker: Worker
  bornMs: number
  diedInRow: number
  status: WorkerStatus | null
}

export class Supervisor {
  #config: Config
  #log: Log
  #slots: Slot[] = []
  #isClosing = false
  /** Sums of workers that are gone, so that totals never step back. */
  #past: Totals = { calls: 0, failed: 0, outputTokens: 0, events: 0, retries: 0 }

  constructor(config: Config, log: Log) {
    this.#config = config
    this.#log = log
    cluster.schedulingPolicy = cluster.SCHED_NONE
  }

  /**
   * Starts all workers; resolves with what the first to listen said. Rejects when one cannot start: none is left
   * then.
   */
  async start(): Promise<Extract<WorkerWord, { event: 'listening' }>> {
    try {
      const words = await Promise.all(Array.from({ length: this.#config.workers }, (_, number) => this.#open(number)))
      const [first] = words
      if (!first) throw new Error('no worker was asked for')
      return first
    } catch (error) {
      this.#isClosing = true
      for (const { worker } of this.#slots) worker.process.kill('SIGKILL')
      throw error
    }
  }

  readiness(): Readiness {
    const workers = this.#slots.map(({ number, worker, status }) => ({ number, pid: worker.process.pid, ...status }))
    return { isReady: !this.#isClosing && this.#slots.some(({ status }) => status?.isReady), facts: { workers } }
  }

  snapshot(): Snapshot {
    const statuses = this.#slots.map(({ status }) => status).filter((status) => status !== null)
    const totals = { ...this.#past }
    for (const status of statuses) add(totals, status.totals)
    return {
      totals,
      callsLive: statuses.reduce((sum, { callsLive }) => sum + callsLive, 0),
      upstreamsUp: Math.max(0, ...statuses.map(({ upstreamsUp }) => upstreamsUp)),
      upstreamsAll: Math.max(0, ...statuses.map(({ upstreamsAll }) => upstreamsAll)),
    }
  }

  /** Lets every worker drain; resolves when all are gone. */
  async drain(): Promise<void> {
    this.#isClosing = true
    await Promise.all(
      this.#slots.map(async ({ worker }) => {
        if (worker.isDead()) return
        const gone = new Promise<void>((resolve) => worker.once('exit', () => resolve()))
        worker.process.kill('SIGTERM')
        await gone
      }),
    )
  }

  #open(number: number): Promise<Extract<WorkerWord, { event: 'listening' }>> {
    const worker = cluster.fork({ HOLDFAST_WORKER: String(number) })
    const slot = this.#slots[number] ?? { number, worker, bornMs: 0, diedInRow: 0, status: null }
    this.#slots[number] = slot
    slot.worker = worker
    slot.bornMs = performance.now()
    // By message and not by environment: the configuration may hold secrets.
    worker.once('online', () => worker.send({ config: this.#config, number }))
    return new Promise((resolve, reject) => {
      worker.on('message', (word: WorkerWord) => {
        if (word.event === 'listening') resolve(word)
        if (word.event === 'status') slot.status = word.status
        if (word.event === 'failed') reject(Object.assign(new Error(word.message), word))
      })
      worker.once('exit', (code, signal) => {
        reject(new Error(`worker ${number} ended before it listened (${signal ?? code})`))
        this.#replace(slot, signal ?? String(code))
      })
    })
  }

  #replace(slot: Slot, how: string): void {
    if (slot.status) add(this.#past, slot.status.totals)
    slot.status = null
    if (this.#isClosing) return
    const isYoung = performance.now() - slot.bornMs < youngMs
    slot.diedInRow = isYoung ? slot.diedInRow + 1 : 0
    const waitMs = Math.min(restartMsMax, restartMs * 2 ** Math.max(0, slot.diedInRow - 1))
    this.#log.error({ worker: slot.number, how, waitMs }, 'worker died and is replaced')
    setTimeout(() => {
      if (!this.#isClosing)
        this.#open(slot.number).catch((error: unknown) =>
          this.#log.error({ worker: slot.number, detail: String(error) }, 'worker did not start'),
        )
    }, waitMs)
  }
}

function add(sum: Totals, more: Totals): void {
  for (const field of Object.keys(sum) as (keyof Totals)[]) sum[field] += more[field]
}
