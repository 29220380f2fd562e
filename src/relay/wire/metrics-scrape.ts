/** Fetches a page on which a model server tells of itself: bounded in bytes and time, on a connection of its own. */
import type { Clock } from '../../ground/clock.ts'
import { Gather } from '../../ground/gather.ts'
import { openHttpWire } from './http-wire.ts'
import type { PeerBook } from './peer-files.ts'
import type { Flight, Wire, WireReceiver } from './wire.ts'

/** A page that is longer is not read to its end, and nothing of it is believed. */
export const pageBytesMax = 2 * 2 ** 20
/** For the whole of it, connection included. */
export const pageMs = 1000

export interface Page {
  readonly status: number
  /** Empty unless the status is 200. */
  readonly text: string
}

/** Where pages come from; tests have their own. */
export interface PageSource {
  /** Rejects when there was no answer, none in time, or one without an end. One page at a time of one place. */
  fetch(url: URL, headers: Readonly<Record<string, string>>): Promise<Page>
}

export class MetricsScrape implements PageSource, AsyncDisposable {
  #clock: Clock
  #peers: PeerBook
  /** One connection to each server; there are as many as upstreams. */
  #wires = new Map<string, Wire>()

  constructor(clock: Clock, peers: PeerBook) {
    this.#clock = clock
    this.#peers = peers
  }

  fetch(url: URL, headers: Readonly<Record<string, string>>): Promise<Page> {
    const { promise, resolve, reject } = Promise.withResolvers<Page>()
    let flight: Flight | null = null
    const timer = this.#clock.after(pageMs, () => giveUp(`no whole answer within ${pageMs} ms`))
    const giveUp = (words: string): void => {
      timer.cancel()
      flight?.cancel()
      reject(new Error(words))
    }
    const receiver = new PageReceiver(
      (page) => {
        timer.cancel()
        flight?.cancel()
        resolve(page)
      },
      (words) => giveUp(words),
    )
    flight = this.#wireTo(url).send(
      { method: 'GET', path: `${url.pathname}${url.search}`, headers, body: [], connectMs: pageMs },
      receiver,
    )
    return promise
  }

  #wireTo(url: URL): Wire {
    let wire = this.#wires.get(url.origin)
    if (wire) return wire
    const { names, hellos } = this.#peers
    wire = openHttpWire({ url, connectionsMax: 1, clock: this.#clock, names, hellos, tls: this.#peers.tlsOf(url) })
    this.#wires.set(url.origin, wire)
    return wire
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#wires.values()].map((wire) => wire[Symbol.asyncDispose]()))
    this.#wires.clear()
  }
}

class PageReceiver implements WireReceiver {
  #status = 0
  #body = new Gather(null)
  #onPage: (page: Page) => void
  #onFailed: (words: string) => void

  constructor(onPage: (page: Page) => void, onFailed: (words: string) => void) {
    this.#onPage = onPage
    this.#onFailed = onFailed
  }

  onHead({ status }: { status: number }): void {
    this.#status = status
  }

  onBody(bytes: Buffer): void {
    if (this.#status !== 200) return
    if (this.#body.length + bytes.length > pageBytesMax) this.#onFailed(`more than ${pageBytesMax} bytes`)
    else this.#body.add(bytes, false)
  }

  onEnd(): void {
    this.#onPage({ status: this.#status, text: this.#status === 200 ? this.#body.take().toString('latin1') : '' })
  }

  onFail({ code, detail }: { code: string; detail: string }): void {
    this.#onFailed(detail || code)
  }
}
