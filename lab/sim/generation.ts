/**
 * One answer under way: the engine's tokens said in the caller's dialect, and the faults that strike in the middle of
 * it.
 */
import { faultKinds, type FaultOrder } from '../fault-plan.ts'
import type { Sequence } from '../engine/live-sequence.ts'
import type { Plan } from '../prompt/plan.ts'
import type { Timing, Usage, Voice } from '../voice/voice.ts'
import type { Exchange } from './exchange.ts'
import { Refusal } from './refusal.ts'

/** Where a fault in the body strikes when the order does not say. */
const afterTokensDefault = 3

export class Generation {
  readonly #exchange: Exchange
  readonly #plans: readonly Plan[]
  readonly #voice: Voice
  readonly #isStream: boolean
  /** The fault in the body, until it has struck. */
  #bodyFault: FaultOrder | null
  /** Nothing more will be said. */
  #isMute = false
  #sequences: Sequence[] = []
  #sent: number[]
  #endedCount = 0
  #hasBegun = false
  #startedMs: number
  #firstTokenMs = 0

  constructor(
    exchange: Exchange,
    plans: readonly Plan[],
    voice: Voice,
    options: { isStream: boolean; faults: readonly FaultOrder[] },
  ) {
    this.#exchange = exchange
    this.#plans = plans
    this.#voice = voice
    this.#isStream = options.isStream
    this.#bodyFault = options.faults.find((order) => faultKinds[order.kind].when === 'body') ?? null
    this.#sent = plans.map(() => 0)
    this.#startedMs = exchange.sim.clock.monotonicMs()
    exchange.onClose(() => this.#stop())
  }

  /** Hands the plans to the engine. @throws {Refusal} when its queue is full. */
  start(faults: readonly FaultOrder[]): void {
    const slowness =
      faults.find((order) => order.kind === 'slow')?.factor ?? (faults.some((order) => order.kind === 'slow') ? 10 : 1)
    const late = faults.find((order) => order.kind === 'slow-first-token')
    const firstTokenDelayMs = late ? (late.ms ?? 1000) : 0
    for (const [choice, plan] of this.#plans.entries()) {
      const request = {
        promptIds: plan.prompt.ids,
        count: plan.count,
        idAt: plan.idAt,
        endReason: plan.finish === 'length' ? 'length' : 'stop',
        slowness,
        firstTokenDelayMs,
      } as const
      const sequence = this.#exchange.sim.engine.submit(request, {
        onTokens: (count) => this.#say(choice, count),
        onEnd: () => this.#end(choice),
      })
      if (!sequence) {
        this.#stop()
        throw new Refusal('busy', 'server busy, please try again.  maximum pending requests exceeded')
      }
      this.#sequences.push(sequence)
    }
    if (!this.#isStream) return
    this.#exchange.head(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' })
    this.#exchange.response.flushHeaders()
    this.#strikeIfDue()
  }

  #stop(): void {
    this.#isMute = true
    for (const sequence of this.#sequences) sequence.cancel()
  }

  get #strikeAt(): number {
    return this.#bodyFault && this.#bodyFault.kind !== 'no-done'
      ? (this.#bodyFault.afterTokens ?? afterTokensDefault)
      : Infinity
  }

  #say(choice: number, count: number): void {
    if (this.#isMute) return
    this.#firstTokenMs ||= this.#exchange.sim.clock.monotonicMs()
    if (!this.#isStream) return
    const from = this.#sent[choice] ?? 0
    // Faults count the tokens of the first choice; what comes after one that does not end the answer is said in a
    // second go.
    const to = choice === 0 ? Math.min(from + count, Math.max(from, this.#strikeAt)) : from + count
    this.#exchange.response.write(this.#opening() + this.#voice.pieces(choice, from, to))
    this.#sent[choice] = to
    this.#exchange.entry.tokens += to - from
    this.#strikeIfDue()
    if (to < from + count) this.#say(choice, from + count - to)
  }

  /** The events before the first token, once. */
  #opening(): string {
    if (this.#hasBegun) return ''
    this.#hasBegun = true
    return this.#voice.begin(this.#plans[0]?.prompt.ids.length ?? 0, this.#sequences[0]?.cachedTokens ?? 0)
  }

  #end(choice: number): void {
    if (this.#isMute) return
    this.#endedCount++
    const isLast = this.#endedCount === this.#plans.length
    if (!this.#isStream) {
      if (isLast) this.#sendWhole()
      return
    }
    // An answer that is shorter than `afterTokens` is struck at its end.
    if (this.#bodyFault && this.#bodyFault.kind !== 'no-done') this.#strikeStream(this.#bodyFault)
    if (this.#isMute) return
    const events = this.#opening() + this.#voice.end(choice)
    if (!isLast) return void this.#exchange.response.write(events)
    this.#finishStream(events + this.#voice.close(this.#usage(), this.#timing()))
  }

  #finishStream(lastEvents: string): void {
    const { response } = this.#exchange
    this.#isMute = true
    if (this.#bodyFault?.kind !== 'no-done') response.end(lastEvents + this.#voice.done)
    else if (this.#bodyFault.keepOpen) response.write(lastEvents)
    else response.end(lastEvents)
  }

  #strikeIfDue(): void {
    if (this.#bodyFault && (this.#sent[0] ?? 0) >= this.#strikeAt) this.#strikeStream(this.#bodyFault)
  }

  #strikeStream(order: FaultOrder): void {
    this.#bodyFault = null
    const { response } = this.#exchange
    if (order.kind === 'malformed-chunk')
      return void response.write('data: {"id":"lab-broken","choices":[{"index":0,"del\n\n')
    this.#isMute = true
    if (order.kind === 'truncate') response.end()
    else if (order.kind === 'error-event')
      response.end(this.#opening() + this.#voice.error('EngineCore encountered an issue.'))
    // What was written before must be out before the reset, or the tokens promised by `afterTokens` never arrive.
    else if (order.kind === 'cut') response.write('', () => setImmediate(() => this.#exchange.reset()))
    if (order.kind === 'stall') return
    for (const sequence of this.#sequences) sequence.cancel()
  }

  #sendWhole(): void {
    const exchange = this.#exchange
    const body = JSON.stringify(this.#voice.whole(this.#usage(), this.#timing()))
    const order = this.#bodyFault
    this.#isMute = true
    if (order && order.kind !== 'no-done') return this.#strikeWhole(order, body)
    exchange.entry.tokens = this.#plans.reduce((sum, plan) => sum + plan.count, 0)
    exchange.send(200, 'application/json', body)
  }

  /** The same faults for an answer in one piece: they strike in the middle of its bytes. */
  #strikeWhole(order: FaultOrder, body: string): void {
    const exchange = this.#exchange
    const half = body.slice(0, body.length >> 1)
    if (order.kind === 'error-event')
      return exchange.refuse(new Refusal('internal', 'EngineCore encountered an issue.'))
    if (order.kind === 'malformed-chunk')
      return exchange.send(200, 'application/json', `${half}\u0000${body.slice(half.length + 8)}`)
    const length = order.kind === 'truncate' ? {} : { 'content-length': String(Buffer.byteLength(body)) }
    exchange.head(200, { 'content-type': 'application/json', ...length })
    if (order.kind === 'truncate') exchange.response.end(half)
    else exchange.response.write(half, () => order.kind === 'cut' && setImmediate(() => exchange.reset()))
  }

  #usage(): Usage {
    const first = this.#plans[0]?.prompt
    // All choices of one prompt read it once.
    const prompts = new Set(this.#plans.map((plan) => plan.prompt))
    return {
      promptTokens:
        prompts.size === 1
          ? (first?.ids.length ?? 0)
          : [...prompts].reduce((sum, prompt) => sum + prompt.ids.length, 0),
      completionTokens: this.#plans.reduce((sum, plan) => sum + plan.count, 0),
      cachedTokens: this.#sequences[0]?.cachedTokens ?? 0,
    }
  }

  #timing(): Timing {
    const nowMs = this.#exchange.sim.clock.monotonicMs()
    const firstMs = this.#firstTokenMs || nowMs
    return { promptMs: firstMs - this.#startedMs, answerMs: nowMs - firstMs }
  }
}
