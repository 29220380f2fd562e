/**
 * A simulated inference engine: continuous batching as vLLM does it, without a model. Each step gives every running
 * sequence one token and reads a chunk of the prompts that are new; its length follows from how much it did. Requests
 * wait for a slot and for room in memory; when memory runs out the newest sequence is thrown back into the queue and
 * computed again later.
 *
 *   step (ms) = speed⁻¹ · ( 1000/decodeRate · (1 + batchCost · (decoding − 1))  +  1000 · prefillTokens/prefillRate )
 */
import { systemClock, type Clock, type Timer } from '../src/ground/clock.ts'
import { EngineCounters } from './engine/engine-counters.ts'
import { blockTokens, KvRoom } from './engine/kv-room.ts'
import { LiveSequence, type EngineRequest, type EngineSink, type Sequence } from './engine/live-sequence.ts'

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
  decodeRate: 200,
  batchCost: 0.02,
  prefillRate: 20_000,
  stepTokensMax: 2048,
  slots: 8,
  kvBlocks: 8192,
  waitingMax: 512,
  speed: 1,
  clock: systemClock,
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
  #isTurning = false

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
    for (const sequence of [...this.#running, ...this.#waiting]) {
      sequence.isCancelled = true
      this.#remove(sequence)
    }
    this.room.clear()
  }

  #cancel(sequence: LiveSequence): void {
    if (sequence.isCancelled) return
    sequence.isCancelled = true
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
    if (this.#timer || this.#isTurning || this.#isFrozen || this.#running.length + this.#waiting.length === 0) return
    const nowMs = this.options.clock.monotonicMs()
    this.#admit(nowMs)
    this.#dueMs = nowMs + this.#stepMs()
    this.#sleep()
  }

  #sleep(): void {
    const restMs = this.#dueMs - this.options.clock.monotonicMs()
    this.#timer = this.options.clock.after(Math.max(0, restMs), () => this.#turn())
  }

  /**
   * Finishes the steps that are over, tells everybody what they got, goes on. One timer and one word a sequence,
   * however many steps.
   */
  #turn(): void {
    this.#timer = null
    this.#isTurning = true
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
    this.#isTurning = false
    if (this.#isFrozen) return
    if (this.#running.length > 0) this.#sleep()
    else this.#wake()
  }

  #tell(sequence: LiveSequence): void {
    const fresh = sequence.fresh
    sequence.fresh = 0
    if (fresh > 0 && !sequence.isCancelled) sequence.sink.onTokens(fresh)
    if (sequence.isOver && !sequence.isCancelled) sequence.sink.onEnd()
  }

  #finish(sequence: LiveSequence, nowMs: number): void {
    sequence.isOver = true
    this.#remove(sequence)
    this.counters.ended[sequence.request.endReason]++
    this.counters.wholeSeconds.observe((nowMs - sequence.submittedMs) / 1000)
    this.counters.decodeSeconds.observe((nowMs - sequence.startedMs) / 1000)
  }

  #admit(nowMs: number): void {
    while (this.#running.length < this.options.slots) {
      const next = this.#waiting[0]
      if (!next) return
      const ids = next.contextIds
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
      const made = this.#decode(sequence, nowMs)
      stepTokens += made
      if (sequence.generated >= sequence.request.count) this.#finish(sequence, nowMs)
      if (made > 0 || sequence.isOver) told.add(sequence)
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
