/**
 * The names of a stored answer: it is found by the id that it bears. Where the caller was told an id before any
 * upstream had spoken (a run in the background), the answer bears that one, whatever its upstream calls it.
 */
import type { Route } from '../dialect/call.ts'
import { idOfBody, withId } from '../dialect/answer-id.ts'
import { idOf } from '../dialect/seam/partial-answer.ts'

/** An answer that has not named itself by then does not do so. */
const eventsMax = 8

export interface NamingOptions {
  readonly route: Route
  /** The id that the caller has been told; null for none. */
  readonly toldId: string | null
  /** Called once, with the id that the answer bears. */
  readonly onId: (id: string) => void
}

export class Naming {
  #options: NamingOptions
  #givenId: string | null = null
  #seen = 0

  constructor(options: NamingOptions) {
    this.#options = options
  }

  /** An event on its way into the journal; as it is to be kept. */
  event(event: Buffer): Buffer {
    const { route, toldId } = this.#options
    if (this.#givenId === null && this.#seen++ < eventsMax) this.#learn(idOf(route, event))
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
    this.#options.onId(this.#options.toldId ?? id)
  }
}

/** Under which an answer is found by the id it bears. Ids are the upstreams' to choose, so each caller has its own. */
export function idAlias(caller: string, id: string): string {
  return `id/${caller}/${id}`
}
