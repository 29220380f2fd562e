/** Gathers what the workers tell of replicas, for the control process: what each has in hand, and what was new. */
import type { Worker } from 'node:cluster'
import { addTally, type TallyCounts } from '../control/deploy/replica-tally.ts'
import type { SampledCall } from '../control/deploy/shadow-sample.ts'
import type { DemandTold } from '../control/autoscale/demand.ts'
import type { FleetReport, ReplicaTold } from '../control/fleet-report.ts'
import type { ReplicasWord } from '../control/replicas-word.ts'
import type { WorkerWord } from './worker-word.ts'

/** What one that is silent for longer told last says nothing of now; it is about to be killed. */
const silentMs = 20_000
/** Replicas, and pools, of which news are kept while nobody takes them. */
const keptMax = 5000
/** Real calls, of which each may be long. */
const samplesMax = 64

type Counts = { -readonly [Key in keyof DemandTold]: DemandTold[Key] }

const noDemand = (): Counts => ({ requests: 0, promptTokens: 0, outputTokens: 0, waiting: 0, refused: 0 })

interface Told {
  atMs: number
  replicas: ReplicasWord['replicas']
  waiting: ReadonlyMap<string, number>
}

/** `Teller`: whatever stands for a worker. */
export class FleetReports<Teller = Worker> {
  /** The last word of each. */
  #told = new Map<Teller, Told>()
  /** New since it was taken last. */
  #tallies = new Map<string, TallyCounts>()
  #demand = new Map<string, Counts>()
  #samples: { replica: string; call: SampledCall }[] = []

  /** Hears it until it is gone. */
  static watch(reports: FleetReports, worker: Worker): void {
    worker.on('message', (word: WorkerWord) => {
      if (word.event === 'status' && word.replicas) reports.hear(worker, word.replicas, performance.now())
    })
    // What it has in hand goes with it; what comes late of it counts all the same, but is in nobody's hand.
    worker.once('exit', () => reports.forget(worker))
  }

  hear(teller: Teller, { replicas, demand, samples = {} }: ReplicasWord, nowMs: number): void {
    const waiting = new Map(Object.entries(demand).map(([pool, each]) => [pool, each.waiting]))
    this.#told.set(teller, { atMs: nowMs, replicas, waiting })
    for (const [name, { tally }] of Object.entries(replicas)) if (tally) this.#addTally(name, tally)
    for (const [replica, call] of Object.entries(samples))
      if (this.#samples.length < samplesMax) this.#samples.push({ replica, call })
    for (const [pool, each] of Object.entries(demand)) {
      const sum = this.#demand.get(pool) ?? noDemand()
      if (!this.#demand.has(pool) && this.#demand.size >= keptMax) continue
      this.#demand.set(pool, sum)
      for (const field of ['requests', 'promptTokens', 'outputTokens', 'refused'] as const) sum[field] += each[field]
    }
  }

  forget(teller: Teller): void {
    this.#told.delete(teller)
  }

  /** In hand now, and what is new since this was asked last. */
  take(nowMs: number): FleetReport {
    const replicas = new Map<string, { calls: number; progressedMs: number | null; tallies: TallyCounts[] }>()
    const of = (name: string): { calls: number; progressedMs: number | null; tallies: TallyCounts[] } => {
      let told = replicas.get(name)
      if (!told) replicas.set(name, (told = { calls: 0, progressedMs: null, tallies: [] }))
      return told
    }
    const demand = new Map(this.#demand)
    for (const each of this.#told.values()) {
      if (nowMs - each.atMs > silentMs) continue
      for (const [name, { calls, progressedMs }] of Object.entries(each.replicas)) {
        const told = of(name)
        told.calls += calls
        if (progressedMs !== null) told.progressedMs = Math.max(told.progressedMs ?? 0, progressedMs)
      }
      for (const [pool, waiting] of each.waiting) {
        const sum = demand.get(pool) ?? noDemand()
        sum.waiting += waiting
        demand.set(pool, sum)
      }
    }
    for (const [name, tally] of this.#tallies) of(name).tallies.push(tally)
    this.#tallies.clear()
    this.#demand.clear()
    const samples = this.#samples
    this.#samples = []
    return {
      replicas: Object.fromEntries(replicas) as Record<string, ReplicaTold>,
      demand: Object.fromEntries(demand),
      ...(samples.length > 0 && { samples }),
    }
  }

  #addTally(name: string, tally: TallyCounts): void {
    const sum = this.#tallies.get(name)
    if (sum) addTally(sum, tally)
    else if (this.#tallies.size < keptMax) this.#tallies.set(name, tally)
  }
}
