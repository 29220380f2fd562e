/**
 * The names of a stored answer: it is found by the id that it bears. Where the caller was told an id before any
 * upstream had spoken (a run in the background), the answer bears that one, whatever its upstream calls it.
 */
import { idOfBody, withId } from '../dialect/answer-id.ts'
import { idOf } from '../dialect/seam/partial-answer.ts'
import type { Order } from './order.ts'

/** An answer that has not named itself by then does not do so. */
const eventsMax = 8

export class Naming {
  #order: Order
  #onAlias: (alias: string) => void
  #givenId: string | null = null
  #seen = 0

  /** `onAlias` is called once, with the alias under which the answer is to be found. */
  constructor(order: Order, onAlias: (alias: string) => void) {
    this.#order = order
    this.#onAlias = onAlias
  }

  /** An event on its way into the journal; as it is to be kept. */
  event(event: Buffer): Buffer {
    const { call, toldId } = this.#order
    if (this.#givenId === null && this.#seen++ < eventsMax) this.#learn(idOf(call.route, event))
    const given = this.#givenId
    return toldId === null || given === null || given === toldId ? event : withId(event, given, toldId)
  }

  /** The one body of an answer that is not streamed. */
  body(body: Buffer): Buffer {
    this.#learn(idOfBody(body))
    return body
  }

  #learn(id: string | null): void {
    if (id === null) return
    this.#givenId = id
    const { caller, toldId } = this.#order
    this.#onAlias(idAlias(caller, toldId ?? id))
  }
}

/** Under which an answer is found by the id it bears. Ids are the upstreams' to choose, so each caller has its own. */
export function idAlias(caller: string, id: string): string {
  return `id/${caller}/${id}`
}
