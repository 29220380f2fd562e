/**
 * Counts what a session of the realtime API uses, by the events that pass, and says when it has used up what it may. A
 * response is reserved when it is wished for, or begins by itself as one who speaks has ended, and settled when it is
 * done. A session is not ended within a response, unless that goes on for very long.
 */
import { readClientEvent, readServerEvent, type RealtimeEvent, type Tokens } from '../../dialect/realtime-event.ts'
import { Fault } from '../../fault/fault.ts'
import type { SessionAllowance } from '../keys/session-allowance.ts'

/** Of a response that says nothing of its length. */
const outputTokensDefault = 1024
/** Of responses that are wished for and have not begun, and of those under way; servers allow one, or a few. */
const responsesMax = 256

export class Meter {
  inputTokens = 0
  outputTokens = 0
  /** Responses that were done. */
  responseCount = 0
  /** Why it has to end, once nothing is under way. */
  refusal: Fault | null = null
  /** A response was wished for that does not fit: nothing more of what the caller says is passed on. */
  isDenied = false
  #allowance: SessionAllowance | null
  #wished: Tokens[] = []
  /** Of these wishes so many have been passed on. */
  #passedCount = 0
  #begun: Tokens[] = []
  /** What the last response had before it: the next has that and more. */
  #lastInputTokens = 0

  /** `allowance`: null where nothing is limited. */
  constructor(allowance: SessionAllowance | null) {
    this.#allowance = allowance
  }

  /** Nothing is under way that would be cut. */
  get isAtBoundary(): boolean {
    return this.#begun.length === 0
  }

  fromCaller(text: Buffer): void {
    const event = readClientEvent(text)
    if (event) this.#take(event)
  }

  fromServer(text: Buffer): void {
    const event = readServerEvent(text)
    if (event) this.#take(event)
  }

  /**
   * The session is over: what broke off costs what was reserved for it. So does what had not begun, for the server has
   * been asked: else whoever asks and leaves at once, again and again, would pay nothing.
   */
  leave(): void {
    this.#dropUnsent()
    this.#allowance?.leave()
  }

  /** What the caller has said so far has been passed on. */
  passed(): void {
    this.#passedCount = this.#wished.length
  }

  #dropUnsent(): void {
    for (const { inputTokens, outputTokens } of this.#wished.splice(this.#passedCount))
      this.#allowance?.settle(-inputTokens, -outputTokens)
  }

  #take(event: RealtimeEvent): void {
    switch (event.kind) {
      case 'wished':
        return this.#wish(event.outputTokensMax)
      case 'begun':
        return this.#begin(event.outputTokensMax)
      case 'done':
        return this.#end(event.tokens, event.isNothing)
      case 'spent':
        this.#count(event.tokens)
        this.#allowance?.settle(event.tokens.inputTokens, event.tokens.outputTokens)
        return this.#look()
      case 'refused': {
        // What was wished for last does not begin.
        const reserved = this.#wished.pop()
        this.#passedCount = Math.min(this.#passedCount, this.#wished.length)
        if (reserved) this.#allowance?.settle(-reserved.inputTokens, -reserved.outputTokens)
      }
    }
  }

  #wish(outputTokensMax: number | null): void {
    if (this.#wished.length >= responsesMax && this.#allowance)
      this.refusal ??= new Fault('HF_KEY_RATE', { detail: `${responsesMax} responses at once are the limit` })
    const reserved = this.#wished.length < responsesMax ? this.#reserve(outputTokensMax) : null
    if (reserved) this.#wished.push(reserved)
    else if (this.refusal) {
      this.isDenied = true
      this.#dropUnsent()
    }
  }

  #begin(outputTokensMax: number | null): void {
    if (this.#begun.length >= responsesMax) return
    const reserved = this.#wished.shift() ?? this.#reserve(outputTokensMax)
    this.#passedCount = Math.max(0, this.#passedCount - 1)
    if (reserved) this.#begun.push(reserved)
  }

  #reserve(outputTokensMax: number | null): Tokens | null {
    const tokens = { inputTokens: this.#lastInputTokens, outputTokens: outputTokensMax ?? outputTokensDefault }
    this.refusal ??= this.#allowance?.reserve(tokens.inputTokens, tokens.outputTokens) ?? null
    return this.refusal ? null : tokens
  }

  #end(told: Tokens | null, isNothing: boolean): void {
    const nothing = { inputTokens: 0, outputTokens: 0 }
    const reserved = this.#begun.shift() ?? nothing
    const used = isNothing ? nothing : (told ?? reserved)
    if (told) this.#count(told)
    if (told) this.#lastInputTokens = told.inputTokens
    this.responseCount++
    this.#allowance?.settle(used.inputTokens - reserved.inputTokens, used.outputTokens - reserved.outputTokens)
    this.#look()
  }

  #count({ inputTokens, outputTokens }: Tokens): void {
    this.inputTokens += inputTokens
    this.outputTokens += outputTokens
  }

  #look(): void {
    this.refusal ??= this.#allowance?.look() ?? null
  }
}
