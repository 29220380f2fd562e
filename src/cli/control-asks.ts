/** Questions to the control process and its answers: each with a number, a time limit, and an end when it dies. */
import { Fault } from '../fault/fault.ts'
import type { RolloutCommand } from '../control/deploy/rollout.ts'
import type { RolloutWish } from '../control/rollouts.ts'

export type ControlAsk =
  | { readonly kind: 'list'; readonly deployment: string | null }
  | { readonly kind: 'forecast'; readonly deployment: string }
  | { readonly kind: 'begin'; readonly wish: RolloutWish }
  | { readonly kind: 'command'; readonly deployment: string; readonly asked: RolloutCommand; readonly by: string }

/** `error`: in the operator's words. */
export interface ControlAnswer {
  readonly event: 'answer'
  readonly id: number
  readonly body?: object
  readonly error?: { readonly name: string; readonly message: string }
  /** It has not begun yet, and why. */
  readonly away?: string
}

const answerMs = 5000
const waitingMax = 100

interface Waiting {
  readonly resolve: (body: object) => void
  readonly reject: (error: Error) => void
  readonly timer: NodeJS.Timeout
}

export class ControlAsks {
  #waiting = new Map<number, Waiting>()
  #lastId = 0

  /** @param send false where there is nobody to be asked. @throws {Fault} */
  ask(send: (id: number) => boolean): Promise<object> {
    const id = ++this.#lastId
    return new Promise((resolve, reject) => {
      if (this.#waiting.size >= waitingMax) return reject(awayFault('too many questions wait for the control process'))
      const timer = setTimeout(() => this.#end(id)?.reject(awayFault(`no answer within ${answerMs} ms`)), answerMs)
      this.#waiting.set(id, { resolve, reject, timer })
      if (!send(id)) this.#end(id)?.reject(awayFault('it is being started anew'))
    })
  }

  hear({ id, body, error, away }: ControlAnswer): void {
    const waiting = this.#end(id)
    if (away !== undefined) return waiting?.reject(awayFault(away))
    if (!error) return waiting?.resolve(body ?? {})
    waiting?.reject(Object.assign(new Error(error.message), { name: error.name }))
  }

  /** Nobody will answer. */
  lose(): void {
    for (const id of this.#waiting.keys()) this.#end(id)?.reject(awayFault('it died; the replicas go on'))
  }

  #end(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id)
    this.#waiting.delete(id)
    clearTimeout(waiting?.timer)
    return waiting
  }
}

const awayFault = (why: string): Fault =>
  new Fault('HF_INTERNAL', { detail: `the control process does not answer: ${why}`, status: 503 })
