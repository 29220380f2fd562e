/** Takes down what happens in this process, and hands it to the shelf on which facts are kept. */
import { faultKind } from '../fault/code.ts'
import type { Ray } from '../fault/ray.ts'
import type { Clock, Timer } from '../ground/clock.ts'
import { CallSample, isEventful, type SampleOptions } from './call-sample.ts'
import { CallSums } from './call-sums.ts'
import type { ExchangeFact } from './exchange-fact.ts'
import type { Note } from './fact.ts'
import { callRow, type FactRow, noteRow } from './fact-row.ts'
import type { Recorder } from './recorder.ts'
import { withoutNotedWords } from './refusal-words.ts'

/** Where rows are put; takes them at once and writes them when it is convenient. */
export interface FactShelf extends Disposable {
  put(row: FactRow): void
  /** Rows that found no room, or could not be written. */
  readonly lostCount: number
}

export interface RecordingOptions extends SampleOptions {
  /** Keep what a server says of a call that it refuses. */
  readonly refusalWords: boolean
}

const sumPeriodMs = 10_000
/** While calls fail, those who watch for harm are told so soon. */
const harmPeriodMs = 2000
/** More kinds of calls than that are too much to write so often. */
const harmKindsMax = 50
/** Calls under way of which something was noted: such a call is kept, however well it ends. */
const notedMax = 10_000

export class Recording implements Recorder, Disposable {
  readonly #clock: Clock
  readonly #options: RecordingOptions
  readonly #shelf: FactShelf
  readonly #sample: CallSample
  readonly #sums: CallSums
  readonly #timer: Timer
  #soon: Timer | null = null
  #noted = new Map<Ray, true>()

  constructor(clock: Clock, options: RecordingOptions, shelf: FactShelf) {
    this.#clock = clock
    this.#options = options
    this.#shelf = shelf
    this.#sample = new CallSample(options)
    this.#sums = new CallSums(clock.nowMs(), options.slowMs)
    this.#timer = clock.every(sumPeriodMs, () => this.#tellSums())
  }

  get lostCount(): number {
    return this.#shelf.lostCount
  }

  note(note: Note): void {
    if (note.ray) this.#remember(note.ray)
    const told = this.#options.refusalWords ? note : withoutNotedWords(note)
    this.#shelf.put(noteRow(told, this.#clock.nowMs()))
  }

  call(fact: ExchangeFact): void {
    const isNoted = this.#noted.size > 0 && this.#noted.delete(fact.ray)
    const isTold = isNoted || isEventful(fact, this.#options.slowMs)
    const isTaken = this.#sample.take(fact.code, isTold, this.#clock.monotonicMs())
    if (isHarm(fact)) this.#tellSoon()
    this.#sums.add(fact, isTaken)
    if (isTaken) this.#shelf.put(callRow(fact, isTold, this.#options.refusalWords))
  }

  /** What is in hand is written. */
  [Symbol.dispose](): void {
    this.#timer.cancel()
    this.#soon?.cancel()
    this.#tellSums()
    this.#shelf[Symbol.dispose]()
  }

  #tellSums(): void {
    const nowMs = this.#clock.nowMs()
    for (const sum of this.#sums.drain(nowMs)) this.#shelf.put(noteRow(sum, nowMs))
  }

  /** What was counted before the first failure is told apart from it: good calls of before hide no harm of now. */
  #tellSoon(): void {
    if (this.#soon || this.#sums.kindCount > harmKindsMax) return
    this.#tellSums()
    this.#soon = this.#clock.after(harmPeriodMs, () => {
      this.#soon = null
      this.#tellSums()
    })
  }

  #remember(ray: Ray): void {
    if (this.#noted.size >= notedMax) {
      const oldest = this.#noted.keys().next().value
      if (oldest !== undefined) this.#noted.delete(oldest)
    }
    this.#noted.set(ray, true)
  }
}

function isHarm({ outcome, code }: ExchangeFact): boolean {
  return outcome === 'failed' && (code === null || faultKind(code).source !== 'client')
}
