/**
 * The desk as a process sees it that has none: questions go to the process that has it, answers come back, within time.
 * So what faces the public needs neither the file of subscribers nor the password of the mail server.
 */
import type { Clock, Timer } from '../../ground/clock.ts'
import type { Asked, SubscriptionDesk } from './subscription-desk.ts'
import type { SubscriptionOptions } from './subscription-options.ts'
import type { SubscriptionRequest } from './subscription-request.ts'

const answerMs = 5000
/** Questions under way. */
const waitingMax = 200

export type Counter = Pick<SubscriptionDesk, 'ask' | 'confirm' | 'unsubscribe' | 'options'>

export type FarQuestion = { readonly number: number } & (
  | { readonly kind: 'ask'; readonly request: SubscriptionRequest }
  | { readonly kind: 'confirm' | 'unsubscribe'; readonly token: string }
)

/** Null: it could not be answered. */
export interface FarAnswer {
  readonly number: number
  readonly value: Asked | boolean | null
}

interface Waiting {
  readonly resolve: (value: Asked | boolean) => void
  readonly reject: (error: Error) => void
  readonly timer: Timer
}

type Unnumbered<T> = T extends unknown ? Omit<T, 'number'> : never

export class FarDesk implements Counter {
  readonly options: SubscriptionOptions
  readonly #clock: Clock
  readonly #send: (question: FarQuestion) => void
  readonly #waiting = new Map<number, Waiting>()
  #count = 0

  constructor(options: SubscriptionOptions, clock: Clock, send: (question: FarQuestion) => void) {
    this.options = options
    this.#clock = clock
    this.#send = send
  }

  async ask(request: SubscriptionRequest): Promise<Asked> {
    return (await this.#question({ kind: 'ask', request })) as Asked
  }

  async confirm(token: string): Promise<boolean> {
    return (await this.#question({ kind: 'confirm', token })) as boolean
  }

  async unsubscribe(token: string): Promise<boolean> {
    return (await this.#question({ kind: 'unsubscribe', token })) as boolean
  }

  /** One that comes too late changes nothing. */
  hear({ number, value }: FarAnswer): void {
    const waiting = this.#waiting.get(number)
    if (!waiting) return
    this.#waiting.delete(number)
    waiting.timer.cancel()
    if (value === null) waiting.reject(new Error('the gateway could not answer'))
    else waiting.resolve(value)
  }

  #question(question: Unnumbered<FarQuestion>): Promise<Asked | boolean> {
    const { promise, resolve, reject } = Promise.withResolvers<Asked | boolean>()
    if (this.#waiting.size >= waitingMax) return Promise.reject(new Error('too many questions at once'))
    const number = ++this.#count
    const timer = this.#clock.after(answerMs, () => {
      this.#waiting.delete(number)
      reject(new Error('the gateway did not answer in time'))
    })
    this.#waiting.set(number, { resolve, reject, timer })
    this.#send({ ...question, number })
    return promise
  }
}

/** Where the desk is. */
export async function answerFar(desk: Counter, question: FarQuestion): Promise<FarAnswer> {
  const { number } = question
  try {
    if (question.kind === 'ask') return { number, value: await desk.ask(question.request) }
    if (question.kind === 'confirm') return { number, value: await desk.confirm(question.token) }
    return { number, value: await desk.unsubscribe(question.token) }
  } catch {
    return { number, value: null }
  }
}

/** The settings for a process that sends nothing itself. */
export function withoutPassword(options: SubscriptionOptions): SubscriptionOptions {
  if (!options.mail) return options
  const { password: _, ...mail } = options.mail
  return { ...options, mail }
}
