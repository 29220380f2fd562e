/**
 * A simulated inference engine: continuous batching as vLLM does it, without a model. Each step gives every running sequence
 * one token and reads a chunk of the prompts that are new; its length follows from how much it did. Requests wait for a slot
 * and for room in memory; when memory runs out the newest sequence is thrown back into the queue and computed again later.
 *
 *   step (ms) = speed⁻¹ · ( 1000/decodeRate · (1 + batchCost · (decoding − 1))  +  1000 · prefillTokens/prefillRate )
 */
import { systemClock, type Clock, type Timer } from '../src/ground/clock.ts'
import { EngineCounters } from './engine/engine-counters.ts'
import { blockTokens, KvRoom, type KvLease } from './engine/kv-room.ts'

export interface EngineOptions {
  /** Tokens a second of a sequence that runs alone. */
  readonly decodeRate: number
  /** How much longer a step takes for each further sequence in it; 0.02 = 2 %. */
  readonly batchCost: number
  /** Prompt tokens a second. */
  readonly prefillRate: number
  /** Most tokens in one step, new prompts and running sequences together. */
  readonly stepTokensMax: number
  /** Most sequences that run at once. */
  readonly slots: number
  /** Memory in blocks of 16 tokens. */
  readonly kvBlocks: number
  /** Most requests that wait; one more is refused. */
  readonly waitingMax: number
  /** Runs everything this much faster. */
  readonly speed: number
  readonly clock: Clock
}

export const engineDefaults: EngineOptions = {
  decodeRate: 200, batchCost: 0.02, prefillRate: 20_000, stepTokensMax: 2048, slots: 8, kvBlocks: 8192, waitingMax: 512, speed: 1, clock: systemClock,
}

export interface EngineRequest {
  readonly promptIds: readonly number[]
  /** Tokens to generate, and their ids. */
  readonly count: number
  idAt(at: number): number
  readonly endReason: 'stop' | 'length'
  /** Makes this one sequence so many times slower; 1 by default. */
  readonly slowness?: number
  /** Holds its first token back for so long after it got a slot. */
  readonly firstTokenDelayMs?: number
}

/** Hears of a sequence's progress; `onEnd` comes once, after the last tokens, and not at all after a cancel. */
export interface EngineSink {
  /** So many more tokens are ready. */
  onTokens(count: number): void
  onEnd(): void
}

export interface Sequence {
  /** Prompt tokens that were in memory already; known once it runs. */
  readonly cachedTokens: number
  /** Tokens generated so far. */
  readonly generated: number
  readonly isRunning: boolean
  /** Frees slot and memory now; nothing is called any more. Idempotent. */
  cancel(): void
}

class LiveSequence implements Sequence {
  readonly request: EngineRequest
  readonly sink: EngineSink
  readonly #leave: (sequence: LiveSequence) => void
  readonly submittedMs: number
  lease: KvLease | null = null
  cachedTokens = 0
  generated = 0
  prefilled = 0
  /** Tokens since the sink last heard of any. */
  fresh = 0
  credit = 0
  startedMs = 0
  lastTokenMs = 0
  constructor(request: EngineRequest, sink: EngineSink, submittedMs: number, leave: (sequence: LiveSequence) => void) {
    this.request = request
    this.sink = sink
    this.submittedMs = submittedMs
    this.#leave = leave
  }
  get isRunning(): boolean {
    return this.lease !== null
  }
  /** Tokens that must be computed before the next new one: the prompt, and after a preemption what was generated too. */
  get contextTokens(): number {
    return this.request.promptIds.length + this.generated
  }
  get isDecoding(): boolean {
    return this.prefilled >= this.contextTokens
  }
  cancel(): void {
    this.#leave(this)
  }
}

/** Steps caught up in one go when timers come late; beyond this the lost time is forgotten. */
const catchUpStepsMax = 256
const catchUpMsMax = 1000

export class Engine {
  readonly options: EngineOptions
  readonly counters = new EngineCounters()
  readonly room: KvRoom
  #waiting: LiveSequence[] = []
  #running: LiveSequence[] = []
  #timer: Timer | null = null
  /** When the step under way is over. */
  #dueMs = 0
  #isFrozen = false

  constructor(options: Partial<EngineOptions> = {}) {
    this.options = { ...engineDefaults, ...options }
    this.room = new KvRoom(this.options.kvBlocks)
  }

  get runningCount(): number {
    return this.#running.length
  }
  get waitingCount(): number {
    return this.#waiting.length
  }
  get sequences(): readonly Sequence[] {
    return this.#running
  }
  /** Longest context one sequence can have, in tokens. */
  get contextTokensMax(): number {
    return this.options.kvBlocks * blockTokens
  }

  /** Takes a request; null when the queue is full. The caller sees to it that prompt and answer fit into the memory. */
  submit(request: EngineRequest, sink: EngineSink): Sequence | null {
    if (this.#waiting.length >= this.options.waitingMax) return null
    const sequence = new LiveSequence(request, sink, this.options.clock.monotonicMs(), (left) => this.#cancel(left))
    this.#waiting.push(sequence)
    this.#wake()
    return sequence
  }

  /** A deadlock on command: no step is made any more, while everything around the engine goes on answering. */
  freeze(): void {
    this.#isFrozen = true
    this.#timer?.cancel()
    this.#timer = null
  }
  thaw(): void {
    this.#isFrozen = false
    this.#wake()
  }

  /** Forgets everybody without a word, for a crash on command. */
  drop(): void {
    for (const sequence of [...this.#running, ...this.#waiting]) this.#remove(sequence)
    this.room.clear()
  }

  #cancel(sequence: LiveSequence): void {
    if (this.#remove(sequence)) this.counters.ended.abort++
  }

  #remove(sequence: LiveSequence): boolean {
    const from = this.#running.includes(sequence) ? this.#running : this.#waiting
    const at = from.indexOf(sequence)
    if (at < 0) return false
    from.splice(at, 1)
    sequence.lease?.close()
    sequence.lease = null
    return true
  }

  #wake(): void {
    if (this.#timer || this.#isFrozen || this.#running.length + this.#waiting.length === 0) return
    const nowMs = this.options.clock.monotonicMs()
    this.#begin(nowMs)
  }

  /** Starts a step at `startMs` and sets the timer for its end. */
  #begin(startMs: number): void {
    this.#admit(startMs)
    this.#dueMs = startMs + this.#stepMs()
    this.#timer = this.options.clock.after(Math.max(0, this.#dueMs - this.options.clock.monotonicMs()), () => this.#turn())
  }

  /** Finishes the steps that are over, tells everybody what they got, goes on. One timer and one word a sequence, however many steps. */
  #turn(): void {
    this.#timer = null
    const nowMs = this.options.clock.monotonicMs()
    if (nowMs - this.#dueMs > catchUpMsMax) this.#dueMs = nowMs
    const told = new Set<LiveSequence>()
    for (let steps = 0; steps < catchUpStepsMax && this.#dueMs <= nowMs; steps++) {
      this.#finishStep(this.#dueMs, told)
      this.#admit(this.#dueMs)
      if (this.#running.length === 0) break
      this.#dueMs += this.#stepMs()
    }
    for (const sequence of told) this.#tell(sequence)
    if (this.#timer || this.#isFrozen) return
    if (this.#running.length + this.#waiting.length === 0) return
    this.#timer = this.options.clock.after(Math.max(0, this.#dueMs - this.options.clock.monotonicMs()), () => this.#turn())
  }

  #tell(sequence: LiveSequence): void {
    const fresh = sequence.fresh
    sequence.fresh = 0
    const isOver = sequence.generated >= sequence.request.count && sequence.isDecoding
    if (fresh > 0) sequence.sink.onTokens(fresh)
    if (isOver && this.#remove(sequence)) {
      this.counters.ended[sequence.request.endReason]++
      this.counters.wholeSeconds.observe((sequence.lastTokenMs - sequence.submittedMs) / 1000)
      this.counters.decodeSeconds.observe((sequence.lastTokenMs - sequence.startedMs) / 1000)
      sequence.sink.onEnd()
    }
  }

  #admit(nowMs: number): void {
    while (this.#running.length < this.options.slots) {
      const next = this.#waiting[0]
      if (!next) return
      const ids = next.generated === 0 ? next.request.promptIds : [...next.request.promptIds, ...Array.from({ length: next.generated }, (_, at) => next.request.idAt(at))]
      const lease = this.room.open(ids)
      if (!lease) return
      this.#waiting.shift()
      next.lease = lease
      next.prefilled = next.cachedTokens = lease.hitTokens
      this.counters.prefixQueries += ids.length
      this.counters.prefixHits += lease.hitTokens
      if (next.generated === 0) {
        next.startedMs = nowMs
        this.counters.promptTokens += ids.length
        this.counters.queueSeconds.observe((nowMs - next.submittedMs) / 1000)
      }
      this.#running.push(next)
    }
  }

  #stepMs(): number {
    const { decodeRate, batchCost, prefillRate, speed } = this.options
    const decoding = this.#running.filter((sequence) => sequence.isDecoding).length
    const decodeMs = (1000 / decodeRate) * (1 + batchCost * Math.max(0, decoding - 1))
    return (decodeMs + (1000 * this.#prefillTokens(decoding)) / prefillRate) / speed
  }

  #prefillTokens(decoding: number): number {
    let missing = 0
    for (const sequence of this.#running) missing += Math.max(0, sequence.contextTokens - sequence.prefilled)
    return Math.min(missing, Math.max(1, this.options.stepTokensMax - decoding))
  }

  #finishStep(nowMs: number, told: Set<LiveSequence>): void {
    const decoding = this.#running.filter((sequence) => sequence.isDecoding)
    let budget = this.#prefillTokens(decoding.length)
    let stepTokens = budget
    for (const sequence of this.#running) {
      const read = Math.min(budget, Math.max(0, sequence.contextTokens - sequence.prefilled))
      if (read === 0) continue
      budget -= read
      sequence.prefilled += read
      // Whoever has read its whole prompt gets the first token out of the same step.
      if (sequence.isDecoding) {
        if (sequence.generated === 0) this.counters.prefillSeconds.observe((nowMs - sequence.startedMs) / 1000)
        decoding.push(sequence)
      }
    }
    for (const sequence of decoding) {
      if (!sequence.isRunning) continue
      stepTokens += this.#decode(sequence, nowMs)
      if (sequence.isRunning) told.add(sequence)
    }
    if (stepTokens > 0) this.counters.iterationTokens.observe(stepTokens)
  }

  /** Gives the sequence its next token, if it is its turn; the number of tokens made. */
  #decode(sequence: LiveSequence, nowMs: number): number {
    const { request } = sequence
    if (sequence.generated >= request.count) return 0
    if (nowMs - sequence.startedMs < (request.firstTokenDelayMs ?? 0)) return 0
    sequence.credit += 1 / (request.slowness ?? 1)
    if (sequence.credit < 1) return 0
    sequence.credit -= 1
    while (!sequence.lease?.grow(request.idAt(sequence.generated))) {
      const newest = this.#running.at(-1)
      if (newest) this.#preempt(newest)
      if (!newest || newest === sequence) return 0
    }
    if (sequence.generated === 0) this.counters.firstTokenSeconds.observe((nowMs - sequence.submittedMs) / 1000)
    else this.counters.interTokenSeconds.observe((nowMs - sequence.lastTokenMs) / 1000)
    sequence.lastTokenMs = nowMs
    sequence.generated++
    sequence.prefilled++
    sequence.fresh++
    this.counters.generationTokens++
    return 1
  }

  #preempt(sequence: LiveSequence): void {
    this.#running.splice(this.#running.indexOf(sequence), 1)
    sequence.lease?.close()
    sequence.lease = null
    sequence.prefilled = 0
    this.#waiting.unshift(sequence)
    this.counters.preemptions++
  }
}
