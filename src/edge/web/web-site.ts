/** What is served beside the models: finds the route of an address and lets it answer, within the limits of all. */
import { join } from 'node:path'
import { Fault, toFault } from '../../fault/fault.ts'
import type { Clock } from '../../ground/clock.ts'
import { Portions } from '../../ground/portions.ts'
import type { Random } from '../../ground/random.ts'
import { AppLink } from '../../relay/wire/app-link.ts'
import type { PeerBook } from '../../relay/wire/peer-files.ts'
import type { CacheStore } from '../../store/cache-store.ts'
import { AnswerShelf } from './answer-shelf.ts'
import { AppCall, type AppParts } from './app-call.ts'
import { CachedApp, type Outcome } from './cached-app.ts'
import { CodedCopies } from './coded-copies.ts'
import { StreamCoders } from './coded-stream.ts'
import { FillingPurse } from './filling.ts'
import { below, findRoute } from './find-route.ts'
import { Flights } from './flights.ts'
import { Folder } from './folder.ts'
import { piecesPerTurn } from './send-bytes.ts'
import { SlowReaders } from './slow-readers.ts'
import { isAmbiguous } from './safe-path.ts'
import { StaticFiles } from './static-files.ts'
import { AppSockets } from './app-sockets.ts'
import { type SiteVisit, toldPath, type Web, type WebFact, type WebVisit } from './web.ts'
import type { WebOptions, WebRouteOptions } from './web-options.ts'

export interface WebParts {
  readonly clock: Clock
  readonly options: WebOptions
  /** Our name in `via`. */
  readonly node: string
  readonly bodyBytesMax: number
  /** A reader that takes nothing for so long is let go. */
  readonly stalledReaderMs: number
  /** Null where no route keeps anything. */
  readonly store: CacheStore | null
  /** Told of each request, once it is over. */
  readonly settled: (fact: WebFact) => void
  readonly random: Random
  readonly peers: PeerBook
}

const listenersMax = 24

type Serve = (visit: SiteVisit, path: string, query: string) => Promise<Outcome>

export class WebSite implements Web {
  readonly sockets: AppSockets
  #parts: WebParts
  #sites: readonly (WebRouteOptions & { readonly serve: Serve })[]
  #opened = new DisposableStack()
  #readers: SlowReaders
  #coders = new StreamCoders()
  #pieces: Portions

  constructor(parts: WebParts) {
    this.#parts = parts
    const { options, clock, stalledReaderMs } = parts
    this.#readers = this.#opened.use(new SlowReaders(clock, stalledReaderMs))
    this.sockets = new AppSockets(options.routes, parts)
    this.#pieces = new Portions(clock, piecesPerTurn)
    const copies = new CodedCopies(options.cache.memoryBytesMax / 4)
    const flights = new Flights(clock)
    const purse = new FillingPurse(options.cache.fillingBytesMax)
    this.#sites = options.routes.map((route) => ({
      ...route,
      serve: route.app === undefined ? this.#files(route, copies) : this.#app(route, { copies, flights, purse }),
    }))
  }

  take(visit: WebVisit): boolean {
    const { request } = visit
    const { url = '/', method } = request
    const at = url.indexOf('?')
    const path = at === -1 ? url : url.slice(0, at)
    const host = request.headers.host ?? request.headers[':authority'] ?? ''
    const site = path.startsWith('/') ? findRoute(this.#sites, String(host), path) : null
    if (!site) return false
    if (method === 'TRACE') throw new Fault('HF_METHOD_UNKNOWN', { param: 'GET, HEAD, POST, PUT, DELETE' })
    if (isAmbiguous(path) || (site.stripPath && isAmbiguous(below(path, site))))
      throw new Fault('HF_BAD_HTTP', { detail: 'the path leads in two ways' })
    if (site.challenge) visit.prove()
    void this.#answer(site, visit, path, at === -1 ? '' : url.slice(at))
    return true
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#opened.dispose()
    await this.#parts.store?.[Symbol.asyncDispose]()
  }

  async #answer(site: WebRouteOptions & { serve: Serve }, visit: WebVisit, path: string, query: string): Promise<void> {
    let outcome: Outcome = { status: 0, news: {} }
    let failed: Fault | null = null
    const fail: WebVisit['fail'] = (fault, headers) => {
      if (failed) return
      failed = fault
      visit.fail(fault, headers)
    }
    const { response } = visit
    // A pipeline alone has half a dozen; with those who account for the answer they are more than Node expects.
    response.setMaxListeners(listenersMax)
    this.#readers.watch(response)
    response.once('close', () => this.#settle(site, visit, outcome, failed))
    try {
      outcome = await site.serve({ ...visit, fail, pieces: this.#pieces }, path, query)
    } catch (thrown) {
      fail(toFault(thrown))
    }
  }

  #settle({ path }: WebRouteOptions, visit: WebVisit, { status: sent, news }: Outcome, failed: Fault | null): void {
    const { request, response, ray, beganMs } = visit
    const cache = news.isHit ? (news.forward ? 'stale' : 'hit') : (news.forward ?? '')
    const status = failed?.status ?? (sent === 0 || response.writableFinished === false ? 499 : sent)
    const durationMs = this.#parts.clock.monotonicMs() - beganMs
    const asked = toldPath(request.url ?? '')
    this.#parts.settled({ ray, route: path, method: request.method ?? '', path: asked, status, cache, durationMs })
  }

  #files(route: WebRouteOptions, copies: CodedCopies): Serve {
    const { clock, options } = this.#parts
    const folder = new Folder(join(route.folder ?? ''), clock, options.cache.memoryBytesMax / 2)
    const files = new StaticFiles(route, { clock, folder, copies })
    return async (visit, path, query) => ({ status: await files.serve(visit, path, query), news: {} })
  }

  #app(route: WebRouteOptions, shared: { copies: CodedCopies; flights: Flights; purse: FillingPurse }): Serve {
    const { clock, node, bodyBytesMax, store, options } = this.#parts
    const { connectionsMax, connectMs, headMs, idleMs } = route
    const url = new URL(route.app ?? '')
    const link = this.#opened.use(new AppLink({ url, connectionsMax, connectMs, headMs, idleMs, clock }))
    const parts: AppParts = { link, node, bodyBytesMax, coders: route.compress ? this.#coders : null }
    const { heuristicShare, staleOnErrorMs, entryBytesMax, collapseMs } = options.cache
    const cached =
      store && route.cache
        ? new CachedApp({
            ...{ clock, shelf: new AnswerShelf(store), flights: shared.flights, purse: shared.purse },
            ...{ rules: { heuristicShare, staleOnErrorMs }, entryBytesMax, collapseMs },
            copies: route.compress ? shared.copies : null,
          })
        : null
    return async (visit, path, query) => {
      const call = new AppCall(visit, path + query, route, parts)
      if (cached) return await cached.serve(call)
      const flight = call.ask(call.asked)
      visit.response.once('close', () => flight.cancel())
      return { status: call.pass(await flight.answer, []), news: {} }
    }
  }
}
