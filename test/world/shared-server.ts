/**
 * One simulated engine and several workers of a gateway before it, in simulated time: each has its own gate and its own
 * measure of the engine, has more calls than it is let in with, and hears of the others what a supervisor would tell.
 */
import { Engine } from '../../lab/engine.ts'
import { Load } from '../../src/fleet/load.ts'
import type { SpeedEntry } from '../../src/fleet/speed-book.ts'
import { Speed } from '../../src/fleet/speed.ts'
import { ManualClock } from '../../src/ground/manual-clock.ts'
import { median } from '../../src/ground/theil-sen.ts'
import { type Random, seededRandom } from '../../src/ground/random.ts'
import { Gate } from '../../src/relay/overload/gate.ts'
import { overloadSchema } from '../../src/relay/overload/overload-options.ts'

export interface ServerOptions {
  readonly seed?: number
  readonly slots?: number
  /** Tokens a second of a sequence that runs alone. */
  readonly decodeRate?: number
}

export interface WorkerCounts {
  /** Answers that were whole. */
  readonly done: number
  /** Typical wait for a first token. */
  readonly firstTokenMs: number
}

/** What is expected of a call; answers are between 20 and 240 tokens. */
const outputTokensMean = 90
const url = 'http://engine/v1'

export class SharedServer {
  readonly clock = new ManualClock(1e12)
  readonly workers: SimWorker[] = []
  /** Each call waits so long before the engine hears of it. */
  delayMs = 0
  readonly engine: Engine
  readonly random: Random

  constructor({ seed = 1, slots = 12, decodeRate = 40 }: ServerOptions = {}) {
    const { clock } = this
    this.random = seededRandom(seed)
    const rates = { decodeRate, prefillRate: 8000, batchCost: 0.02 }
    this.engine = new Engine({ clock, slots, ...rates, kvBlocks: 1e6, waitingMax: 1e6 })
    clock.every(1000, () => this.#tellOthers())
  }

  /** A worker that has `demand` calls to send at any time. */
  open(demand: number, known: readonly SpeedEntry[] = []): SimWorker {
    const worker = new SimWorker(this, demand)
    this.workers.push(worker)
    for (const entry of known) worker.speed.learn(entry)
    this.#tellOthers()
    return worker
  }

  /** What the workers came to in so many seconds. */
  run(seconds: number): WorkerCounts[] {
    for (const worker of this.workers) worker.reset()
    for (let ms = 0; ms < seconds * 1000; ms += 20) {
      this.clock.advance(20)
      for (const worker of this.workers) worker.send()
    }
    return this.workers.map(({ counts }) => counts)
  }

  /** As a supervisor would keep it. */
  entryOf({ speed }: SimWorker): SpeedEntry {
    return { url, model: 'm', ...speed.learnt }
  }

  #tellOthers(): void {
    for (const worker of this.workers) {
      const others = this.workers.filter((other) => other !== worker)
      const calls = others.reduce((sum, { subject }) => sum + subject.load.calls, 0)
      this.clock.after(500, () => (worker.subject.callsElsewhere = calls))
      for (const other of others) worker.speed.learn(this.entryOf(other))
    }
  }
}

export class SimWorker {
  readonly subject = { load: new Load(), waitingInside: null, callsElsewhere: 0 }
  readonly gate = new Gate(this.subject, overloadSchema.parse({}))
  readonly speed: Speed
  demand: number
  #server: SharedServer
  #done = 0
  #waits: number[] = []

  constructor(server: SharedServer, demand: number) {
    this.#server = server
    this.demand = demand
    this.speed = new Speed(() => server.clock.nowMs())
    server.clock.every(250, () => this.gate.look(server.clock.monotonicMs()))
  }

  get counts(): WorkerCounts {
    return { done: this.#done, firstTokenMs: median(this.#waits) }
  }

  reset(): void {
    this.#done = 0
    this.#waits = []
  }

  send(): void {
    while (this.subject.load.calls < this.demand && this.gate.hasRoom) this.#call()
  }

  #call(): void {
    const { clock, random, engine, delayMs } = this.#server
    const { load } = this.subject
    const beganMs = clock.monotonicMs()
    const promptTokens = Math.round(50 * Math.exp(2.5 * random.unit()))
    const passage = this.gate.enter(this.speed, { promptTokens, outputTokens: outputTokensMean }, beganMs)
    const outputTokens = Math.round(20 * Math.exp(2.5 * random.unit()))
    const promptIds = Array.from({ length: promptTokens }, () => Math.floor(random.unit() * 1e6))
    let firstMs: number | null = null
    const submit = (): void => {
      engine.submit(
        { promptIds, count: outputTokens, idAt: (at) => at, endReason: 'stop' },
        {
          onTokens: (count) => {
            if (firstMs === null) {
              passage.firstToken((firstMs = clock.monotonicMs()))
              this.#waits.push(firstMs - beganMs)
            }
            passage.progress(count)
          },
          onEnd: () => {
            this.speed.observeGap(load.calls, (clock.monotonicMs() - (firstMs ?? 0)) / (outputTokens - 1))
            passage.end()
            this.#done++
          },
        },
      )
    }
    if (delayMs > 0) clock.after(delayMs, submit)
    else submit()
  }
}
