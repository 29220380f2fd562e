/**
 * Connections to an application that is served beside the models, over node:http: bodies stream both ways. What the
 * own wire is for, calls by the thousand with bodies in hand, is not asked here.
 */
import { Agent, type ClientRequest, type IncomingMessage, request as requestHttp } from 'node:http'
import { Agent as TlsAgent, request as requestHttps } from 'node:https'
import type { Readable } from 'node:stream'
import { Fault } from '../../fault/fault.ts'
import type { Clock } from '../../ground/clock.ts'

export interface AppLinkOptions {
  readonly url: URL
  readonly connectionsMax: number
  /** For a connection to be up; for the answer to begin; for silence within it. */
  readonly connectMs: number
  readonly headMs: number
  readonly idleMs: number
  readonly clock: Clock
}

export interface AppAsk {
  readonly method: string
  readonly path: string
  /** Names and values in turn, with host and framing. */
  readonly headers: readonly string[]
  /** Null for none. */
  readonly body: Readable | null
  /** Of an answer before the answer (1xx). */
  readonly onInterim: (status: number, headers: readonly string[]) => void
}

export interface AppAnswer {
  readonly status: number
  readonly headers: readonly string[]
  /** Ends with an error where the answer breaks off. */
  readonly body: IncomingMessage
}

export interface AppFlight {
  /** Rejects with a fault: one of HF_APP_*, HF_QUEUE_FULL; HF_CLIENT_GONE where it was cancelled. */
  readonly answer: Promise<AppAnswer>
  cancel(): void
}

/** They may be asked twice: RFC 9110 section 9.2.2. Only these go on connections that were used before. */
const repeatable: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])
const idleConnectionsMax = 64
/** Well below what common servers wait (5 s) before they close. */
const idleConnectionMs = 4000

export class AppLink implements Disposable {
  #options: AppLinkOptions
  #kept: Agent
  /** A connection for each: one that was kept may close under a request that cannot be sent again. */
  #fresh: Agent

  constructor(options: AppLinkOptions) {
    this.#options = options
    const Kind = options.url.protocol === 'https:' ? TlsAgent : Agent
    const { connectionsMax: maxSockets } = options
    this.#kept = new Kind({
      keepAlive: true,
      maxSockets,
      maxFreeSockets: idleConnectionsMax,
      timeout: idleConnectionMs,
    })
    this.#fresh = new Kind({ keepAlive: false, maxSockets })
  }

  ask(ask: AppAsk): AppFlight {
    const flight = new Flight(this.#options, ask)
    const mayRepeat = repeatable.has(ask.method) && ask.body === null
    flight.send(mayRepeat ? this.#kept : this.#fresh, mayRepeat ? this.#fresh : null)
    return flight
  }

  [Symbol.dispose](): void {
    this.#kept.destroy()
    this.#fresh.destroy()
  }
}

class Flight implements AppFlight {
  readonly answer: Promise<AppAnswer>
  #options: AppLinkOptions
  #ask: AppAsk
  #resolve: (answer: AppAnswer) => void
  #reject: (fault: Fault) => void
  #request: ClientRequest | null = null
  #isUp = false
  #isOver = false
  #timers = new DisposableStack()

  constructor(options: AppLinkOptions, ask: AppAsk) {
    this.#options = options
    this.#ask = ask
    const { promise, resolve, reject } = Promise.withResolvers<AppAnswer>()
    this.answer = promise
    this.#resolve = resolve
    this.#reject = reject
    const { clock, headMs } = options
    this.#timers.use(clock.after(headMs, () => this.#fail('HF_APP_TIMEOUT', `no answer within ${headMs} ms`)))
  }

  /** `again`: where it is sent once more when a kept connection turns out to be closed. */
  send(agent: Agent, again: Agent | null): void {
    const { url, idleMs, connectMs, clock } = this.#options
    const { method, path, headers, body } = this.#ask
    const run = url.protocol === 'https:' ? requestHttps : requestHttp
    const request = run({
      ...{ host: url.hostname.replace(/^\[|\]$/g, ''), port: url.port || undefined, method, path, agent },
      ...{ headers: headers as string[], timeout: idleMs, setDefaultHeaders: false },
    })
    this.#request = request
    request.once('socket', (socket) => {
      if (!socket.connecting) return void (this.#isUp = true)
      const timer = this.#timers.use(
        clock.after(connectMs, () => this.#fail('HF_APP_UNREACHABLE', `no connection within ${connectMs} ms`)),
      )
      socket.once(url.protocol === 'https:' ? 'secureConnect' : 'connect', () => {
        this.#isUp = true
        timer.cancel()
      })
    })
    request.on('information', ({ statusCode, rawHeaders }) => this.#ask.onInterim(statusCode, rawHeaders))
    request.once('response', (message) => this.#take(message))
    request.once('timeout', () => request.destroy(new Error(`silent for ${idleMs} ms`)))
    request.on('error', (error) => {
      const isClosed = request.reusedSocket && !this.#isOver && again !== null && isReset(error)
      if (isClosed) this.send(again, null)
      else this.#break(error)
    })
    if (body) body.pipe(request)
    else request.end()
  }

  cancel(): void {
    this.#isOver = true
    this.#timers.dispose()
    this.#request?.destroy()
    this.#reject(new Fault('HF_CLIENT_GONE', { detail: 'the application is asked no longer' }))
  }

  #take(message: IncomingMessage): void {
    if (this.#isOver) return void message.destroy()
    this.#isOver = true
    this.#timers.dispose()
    this.#resolve({ status: message.statusCode ?? 502, headers: message.rawHeaders, body: message })
  }

  #break(error: NodeJS.ErrnoException): void {
    const code = error.code ?? ''
    const detail = code === '' ? error.message : code
    if (/^(EMFILE|ENFILE|ENOBUFS|ENOMEM)$/.test(code)) this.#fail('HF_QUEUE_FULL', detail)
    else if (error.message.startsWith('silent')) this.#fail('HF_APP_TIMEOUT', error.message)
    else this.#fail(this.#isUp ? 'HF_APP_BROKEN' : 'HF_APP_UNREACHABLE', detail)
  }

  #fail(code: 'HF_APP_UNREACHABLE' | 'HF_APP_TIMEOUT' | 'HF_APP_BROKEN' | 'HF_QUEUE_FULL', detail: string): void {
    if (this.#isOver) return
    this.#reject(new Fault(code, { detail: `${detail} at ${this.#options.url.host}` }))
    this.cancel()
  }
}

function isReset(error: NodeJS.ErrnoException): boolean {
  return error.code === 'ECONNRESET' || error.code === 'EPIPE'
}
