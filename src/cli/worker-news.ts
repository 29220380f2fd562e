/** Tells the record of the lives of worker processes: when they came, and how they ended, with their last words. */
import type { Worker } from 'node:cluster'
import type { ExitTold, WorkerFact } from '../observe/fact.ts'
import type { Recorder } from '../observe/recorder.ts'

const tailLength = 4096
/** What a process wrote before its end comes a moment after it. */
const lastWordsMs = 250

interface Watched {
  readonly number: number
  readonly bornMs: number
  tail: string
}

export class WorkerNews {
  readonly #recorder: Recorder
  #watched = new WeakMap<Worker, Watched>()

  constructor(recorder: Recorder) {
    this.#recorder = recorder
  }

  /** From now on; what it writes to its standard error goes on to ours. */
  watch(worker: Worker, number: number): void {
    const watched: Watched = { number, bornMs: performance.now(), tail: '' }
    this.#watched.set(worker, watched)
    worker.process.stderr?.on('data', (chunk: Buffer) => {
      process.stderr.write(chunk)
      watched.tail = (watched.tail + chunk.toString()).slice(-tailLength)
    })
    this.tell(worker, 'started')
  }

  tell(worker: Worker, state: Exclude<WorkerFact['state'], 'exited'>, detail = '', isExpected = true): void {
    this.#note(worker, { state, detail, isExpected, exit: null })
  }

  /** `signal`: null where it ended by itself. */
  exited(worker: Worker, end: { exitCode: number | null; signal: string | null; isExpected: boolean }): void {
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
    this.#recorder.note({ kind: 'worker', number, pid: worker.process.pid ?? null, ...facts })
  }
}
