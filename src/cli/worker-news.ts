/** Tells the record of the lives of worker processes: when they came, and how they ended, with their last words. */
import type { Worker } from 'node:cluster'
import type { ExitTold, WorkerFact } from '../observe/fact.ts'
import type { OpenRecord } from '../house/open-record.ts'
import type { WorkerWord } from './worker-word.ts'

const tailLength = 4096
/** What a process wrote before its end comes a moment after it. */
const lastWordsMs = 250

interface Watched {
  readonly number: number
  readonly bornMs: number
  tail: string
}

export class WorkerNews {
  readonly #record: Pick<OpenRecord, 'recorder' | 'memory'>
  #watched = new WeakMap<Worker, Watched>()

  constructor(record: Pick<OpenRecord, 'recorder' | 'memory'>) {
    this.#record = record
  }

  /** From now on; what it writes to its standard error goes on to ours. `isExpected`: whether it is to end. */
  watch(worker: Worker, number: number, isExpected: () => boolean): void {
    const watched: Watched = { number, bornMs: performance.now(), tail: '' }
    this.#watched.set(worker, watched)
    worker.process.stderr?.on('data', (chunk: Buffer) => {
      process.stderr.write(chunk)
      watched.tail = (watched.tail + chunk.toString()).slice(-tailLength)
    })
    worker.on('message', (word: WorkerWord) => {
      if (word.event === 'listening') this.tell(worker, 'ready')
      if (word.event === 'failed') this.tell(worker, 'failed', word.message, false)
      if (word.event === 'facts') for (const row of word.rows) this.#record.memory?.take(row, word.node)
    })
    worker.once('exit', (exitCode, signal) => this.#exited(worker, { exitCode, signal, isExpected: isExpected() }))
    this.tell(worker, 'started')
  }

  tell(worker: Worker, state: Exclude<WorkerFact['state'], 'exited'>, detail = '', isExpected = true): void {
    this.#note(worker, { state, detail, isExpected, exit: null })
  }

  /** `signal`: null where it ended by itself. */
  #exited(worker: Worker, end: { exitCode: number | null; signal: string | null; isExpected: boolean }): void {
    const { exitCode, signal, isExpected } = end
    const tell = (): void => {
      const { bornMs = performance.now(), tail = '' } = this.#watched.get(worker) ?? {}
      const exit = { exitCode, signal, stderrTail: tail, ageMs: Math.round(performance.now() - bornMs) }
      this.#note(worker, { state: 'exited', detail: '', isExpected, exit })
    }
    if (isExpected || worker.process.stderr?.readableEnded !== false) return tell()
    let isTold = false
    const once = (): void => {
      if (!isTold) tell()
      isTold = true
    }
    worker.process.stderr.once('close', once)
    setTimeout(once, lastWordsMs)
  }

  #note(worker: Worker, facts: { exit: ExitTold | null } & Pick<WorkerFact, 'state' | 'detail' | 'isExpected'>): void {
    const number = this.#watched.get(worker)?.number ?? -1
    this.#record.recorder.note({ kind: 'worker', number, pid: worker.process.pid ?? null, ...facts })
  }
}
