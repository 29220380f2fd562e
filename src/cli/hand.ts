/** One worker process as its supervisor knows it. */
import type { Worker } from 'node:cluster'
import type { Totals } from '../observe/metric.ts'
import type { SupervisorWord, WorkerStatus } from './worker-word.ts'

export interface Hand {
  readonly number: number
  readonly worker: Worker
  readonly bornMs: number
  node: string | null
  status: WorkerStatus | null
  /** When it was last heard of. */
  heardMs: number
  isRetired: boolean
  /** Of the gateway, when it was retired. */
  generation: number
}

export function newHand(number: number, worker: Worker): Hand {
  const bornMs = performance.now()
  return { number, worker, bornMs, heardMs: bornMs, node: null, status: null, isRetired: false, generation: 0 }
}

/** A worker that is on its way out no longer listens. */
export function tell(worker: Worker, word: SupervisorWord): void {
  if (worker.isConnected()) worker.send(word, () => {})
}

export function add(sum: Totals, more: Totals): void {
  for (const field of Object.keys(sum) as (keyof Totals)[]) sum[field] += more[field]
}
