/** One request on its way to an application and its answer on the way back, both streamed. */
import { hopByHop, valueOf, without } from '../../cache/header-list.ts'
import { Fault } from '../../fault/fault.ts'
import type { AppAnswer, AppFlight, AppLink } from '../../relay/wire/app-link.ts'
import type { CodedHead, StreamCoders } from './coded-stream.ts'
import { below } from './find-route.ts'
import { pump } from './pump.ts'
import { fieldsOf, type Front, frontOf, overridesMethod, passedFields, requestFields } from './app-request.ts'
import type { WebRouteOptions } from './web-options.ts'
import type { SiteVisit, WebVisit } from './web.ts'

export interface AppParts {
  readonly link: AppLink
  /** Our name in `via`. */
  readonly node: string
  readonly bodyBytesMax: number
  /** Null where nothing is compressed. */
  readonly coders: StreamCoders | null
}

/** They are ours on every answer; an application's own of the same name would make two. */
const ours: ReadonlySet<string> = new Set(['holdfast-ray', 'x-request-id', 'request-id'])
/** Methods that have no body unless they say so. */
const bodiless: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'DELETE', 'TRACE'])

export class AppCall {
  readonly visit: SiteVisit
  /** Of the request, those that may go on to the application. */
  readonly fields: readonly string[]
  readonly host: string
  readonly front: Front
  #parts: AppParts
  #route: WebRouteOptions
  /** Path and query. */
  #target: string

  constructor(visit: SiteVisit, target: string, route: WebRouteOptions, parts: AppParts) {
    const { request } = visit
    this.visit = visit
    this.#target = target
    this.#route = route
    this.#parts = parts
    const fields = fieldsOf(request.rawHeaders)
    this.fields = passedFields(fields)
    this.host = hostOf(visit)
    const isTls = (request.socket as { encrypted?: boolean }).encrypted === true
    this.front = frontOf(fields, this.host, { isTls, peer: visit.peer })
  }

  /** The address as it is asked for, whole: what is kept stands under it. */
  get url(): string {
    return `${this.front.proto}://${this.front.host.toLowerCase()}${this.#target}`
  }

  /** The fields that the application gets. */
  get asked(): string[] {
    const { request, headers } = this.visit
    const requestId = valueOf(headers, 'x-request-id') ?? this.visit.ray
    const { 'transfer-encoding': coding, 'content-length': length } = request.headers
    const isChunked = coding !== undefined || (this.hasBody && length === undefined)
    const between = { node: this.#parts.node, requestId, httpVersion: request.httpVersion, isChunked }
    return requestFields(this.fields, this.host, this.front, between)
  }

  get hasBody(): boolean {
    const { headers, httpVersion, method = 'GET' } = this.visit.request
    if (headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0) return true
    return headers['content-length'] === undefined && !bodiless.has(method) && httpVersion === '2.0'
  }

  /** Its address and its fields do not say all that its answer is about: it is kept from nobody and for nobody. */
  get isApart(): boolean {
    return this.hasBody || overridesMethod(this.fields)
  }

  /** Sends it. `isOurs`: for the cache's sake, so without its body, and no early answers are passed on. */
  ask(headers: readonly string[], isOurs = false): AppFlight {
    const { request } = this.visit
    const path = this.#route.stripPath ? below(this.#target, this.#route) : this.#target
    const method = isOurs ? 'GET' : (request.method ?? 'GET')
    const hasBody = !isOurs && this.hasBody
    if (hasBody && Number(request.headers['content-length'] ?? 0) > this.#parts.bodyBytesMax) throw this.#tooLarge()
    const onInterim = isOurs
      ? (): void => {}
      : (status: number, told: readonly string[]) => this.#tellEarly(status, told)
    const body = hasBody ? request : null
    const flight = this.#parts.link.ask({ method, path, headers, body, onInterim })
    if (hasBody) this.#watchBody(flight)
    return flight
  }

  /** Passes an answer on as it comes. @returns the status sent */
  pass(answer: AppAnswer, more: readonly string[]): number {
    const { headers, sink } = this.coded(answer, [...this.answerFields(answer), ...more])
    this.visit.response.writeHead(answer.status, headers)
    pump(answer.body, sink)
    return answer.status
  }

  /** Where its body goes, compressed for a reader that takes it so, and what is said of it then. */
  coded(answer: AppAnswer, headers: string[]): CodedHead {
    const { request, response } = this.visit
    const { method } = request
    const reader = { response, method, acceptEncoding: request.headers['accept-encoding'] }
    return this.#parts.coders?.head(answer, headers, reader) ?? { headers, sink: response }
  }

  /** What the caller is told of an answer: all but what was between us and the application. */
  answerFields({ headers }: Pick<AppAnswer, 'headers'>): string[] {
    const ending = hopByHop(headers)
    const kept = without(headers, { has: (name) => ending.has(name) || ours.has(name) })
    return [...kept, ...this.visit.headers, ...this.routeHeaders, 'via', `1.1 ${this.#parts.node}`]
  }

  get routeHeaders(): string[] {
    return Object.entries(this.#route.headers).flat()
  }

  /** The body is not read before it is wanted: whoever waits for leave to send it gets that now. */
  #watchBody(flight: AppFlight): void {
    const { request, response } = this.visit
    if (request.headers.expect !== undefined) response.writeContinue?.()
    let bytes = 0
    request.on('data', (piece: Buffer) => {
      bytes += piece.length
      if (bytes <= this.#parts.bodyBytesMax) return
      flight.cancel()
      this.visit.fail(this.#tooLarge())
    })
  }

  #tooLarge(): Fault {
    return new Fault('HF_BODY_TOO_LARGE', { detail: `more than ${this.#parts.bodyBytesMax} bytes` })
  }

  #tellEarly(status: number, told: readonly string[]): void {
    const { response } = this.visit
    if (response.headersSent || response.destroyed) return
    if (status === 102) response.writeProcessing?.()
    if (status !== 103) return
    const hints: Record<string, string | string[]> = {}
    for (let i = 0; i < told.length; i += 2) {
      const name = (told[i] ?? '').toLowerCase()
      const before = hints[name]
      const value = told[i + 1] ?? ''
      hints[name] = before === undefined ? value : [before, value].flat()
    }
    try {
      response.writeEarlyHints?.(hints)
    } catch {
      // A link that Node finds improper: it is a hint, and may be left out.
    }
  }
}

/** As the caller names it. @throws {Fault} HF_BAD_HTTP */
export function hostOf({ request: { headers } }: Pick<WebVisit, 'request'>): string {
  const named = headers.host ?? headers[':authority']
  const host = typeof named === 'string' ? named : ''
  // It stands in addresses and in fields from here on.
  if (!/^[\w.:[\]-]{0,260}$/.test(host)) throw new Fault('HF_BAD_HTTP', { detail: 'Host is no host' })
  return host
}
