/**
 * The public page's own server: what is on the shelf, to as many as ask. It reads no body, keeps no session, asks
 * nobody, and every wait of it has an end; so it stands when everything else has fallen.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Clock } from '../../ground/clock.ts'
import { isPublicAddress } from '../../ground/public-address.ts'
import { pagePolicy } from '../../status/page/page-policy.ts'
import { LiveReaders } from './live-readers.ts'
import type { PageShelf, ShelfFile } from './page-shelf.ts'
import { pickLanguage } from './pick-language.ts'

/** A client that sends nothing, or takes nothing, for so long is let go. */
const headersMs = 5000
const requestMs = 10_000
const silentMs = 20_000
/** However slowly it reads: after so long it has had its time. */
const answerMs = 60_000
const idleMs = 15_000
const sweepMs = 5000
/** Also keeps the connections of readers from being silent. */
const beatMs = 10_000
/** Of the connections, so many to one public address; a proxy on this network has as many as it likes. */
const addressShare = 0.1
const addressMin = 32
/** From here on a connection is closed after its answer. */
const fullShare = 0.8
/** Files that change with a release only. */
const lastingSeconds = 300

export interface StatusServerOptions {
  readonly host: string
  /** 0: one of the system's choice. */
  readonly port: number
  readonly maxAgeSeconds: number
  readonly connectionsMax: number
  readonly readersMax: number
  /** As their folders are named; the first has none. */
  readonly languages: readonly string[]
}

/** For what the shelf has not, such as subscriptions: true where it answers. It sees no GET of a file. */
export type StatusHook = (request: IncomingMessage, response: ServerResponse) => boolean

export class StatusServer implements AsyncDisposable {
  readonly readers: LiveReaders
  #options: StatusServerOptions
  #shelf: PageShelf
  #clock: Clock
  #hook: StatusHook
  #server: Server
  #timers = new DisposableStack()
  /** Connections, by public address. */
  #held = new Map<string, number>()
  /** Answers that were not taken at once, and since when. */
  #slow = new Map<ServerResponse, number>()

  constructor(options: StatusServerOptions, shelf: PageShelf, clock: Clock, hook: StatusHook = () => false) {
    this.#options = options
    this.#shelf = shelf
    this.#clock = clock
    this.#hook = hook
    this.readers = new LiveReaders(readersMax(options))
    this.#server = createServer(
      {
        ...{ maxHeaderSize: 8192, headersTimeout: headersMs, requestTimeout: requestMs },
        ...{ keepAliveTimeout: idleMs, connectionsCheckingInterval: 2000, noDelay: true },
      },
      (request, response) => this.#answer(request, response),
    )
    this.#server.maxConnections = options.connectionsMax
    this.#server.timeout = silentMs
    this.#server.on('connection', (socket: Socket) => this.#hold(socket))
    this.#timers.use(clock.every(beatMs, () => this.readers.beat()))
    this.#timers.use(clock.every(sweepMs, () => this.#sweep()))
  }

  /** Resolves with where it listens. @throws the system's error when the port is taken. */
  listen(): Promise<string> {
    const { host, port } = this.#options
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen({ host, port, backlog: 1024 }, () => {
        this.#server.off('error', reject)
        this.#server.on('error', () => {})
        const { port: chosen } = this.#server.address() as AddressInfo
        resolve(`http://${host.includes(':') ? `[${host}]` : host}:${chosen}`)
      })
    })
  }

  /** Other settings from now on, at the same address. */
  use(options: StatusServerOptions): void {
    this.#options = options
    this.#server.maxConnections = options.connectionsMax
    this.readers.countMax = readersMax(options)
  }

  /** Another folder. */
  useShelf(shelf: PageShelf): void {
    this.#shelf = shelf
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#timers.dispose()
    this.readers.close()
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    this.#server.closeAllConnections()
    await closed
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const { method = 'GET', url = '/' } = request
    const path = (url.split('?', 1)[0] ?? '').replace(/^\/+/, '')
    if (method === 'GET' || method === 'HEAD') {
      if (path === 'live' && method === 'GET') return this.#follow(response)
      const file = this.#find(path)
      if (file) return this.#send(request, response, path, file)
      if (this.#hook(request, response)) return
      return this.#miss(response, method === 'HEAD')
    }
    if (this.#hook(request, response)) return
    // Whatever body there is: it is not read, so the connection is of no more use.
    const isAsking = method === 'OPTIONS'
    response.writeHead(isAsking ? 204 : 405, {
      ...(isAsking
        ? {
            'access-control-allow-methods': 'GET, HEAD',
            'access-control-allow-headers': '*',
            'access-control-max-age': '86400',
          }
        : { 'content-length': '0', connection: 'close' }),
      'access-control-allow-origin': '*',
      allow: 'GET, HEAD, OPTIONS',
    })
    response.end()
  }

  /** An address without an ending is that of a page. */
  #find(path: string): ShelfFile | undefined {
    const name = path === '' || path.endsWith('/') ? `${path}index.html` : path
    return this.#shelf.get(name) ?? this.#shelf.get(`${name}.html`)
  }

  #send(request: IncomingMessage, response: ServerResponse, path: string, file: ShelfFile): void {
    const { headers: asked } = request
    const { languages, maxAgeSeconds } = this.#options
    const isOpen = languages.length > 1 && !path.includes('.') && file.path.endsWith('.html')
    const language =
      isOpen && !languages.some((tag) => path.startsWith(`${tag}/`))
        ? pickLanguage(asked['accept-language'], languages)
        : languages[0]
    const vary = isOpen ? 'accept-encoding, accept-language' : 'accept-encoding'
    if (language !== languages[0] && this.#shelf.get(`${language}/${file.path}`)) {
      const location = `${'../'.repeat(path.split('/').length - 1)}${language}/${file.path}`
      response.writeHead(302, { location, vary, 'content-length': '0', 'cache-control': 'no-cache' }).end()
      return
    }
    const isLasting = /\.(css|js|png|jpeg|webp)$/.test(file.path) || file.path.startsWith('logo.')
    const maxAge = isLasting ? Math.max(lastingSeconds, maxAgeSeconds) : maxAgeSeconds
    const [bytes, encoding] = encoded(file, asked['accept-encoding'] ?? '')
    const etag = encoding === null ? file.etag : file.etag.replace(/"$/, `-${encoding}"`)
    const headers = [
      ...['etag', etag, 'vary', vary],
      ...['cache-control', `max-age=${maxAge}, stale-while-revalidate=60, stale-if-error=86400`],
      ...['access-control-allow-origin', '*', 'x-content-type-options', 'nosniff'],
    ]
    if (this.#isFull) headers.push('connection', 'close')
    if (isKnown(asked['if-none-match'], etag)) return void response.writeHead(304, headers).end()
    headers.push('content-type', file.contentType, 'content-length', String(bytes.length))
    if (encoding !== null) headers.push('content-encoding', encoding)
    headers.push('content-security-policy', `${pagePolicy}; frame-ancestors 'none'`, 'referrer-policy', 'no-referrer')
    response.writeHead(200, headers)
    if (request.method === 'HEAD') return void response.end()
    response.end(bytes)
    if (response.writableLength > 0) this.#watch(response)
  }

  #follow(response: ServerResponse): void {
    if (!this.#isFull && this.readers.add(response, this.#shelf.version)) return
    // The page asks once a minute then.
    response.writeHead(503, { 'retry-after': '60', 'content-length': '0', 'access-control-allow-origin': '*' }).end()
  }

  #miss(response: ServerResponse, isHead: boolean): void {
    const page = this.#shelf.get('404.html')
    const isEmpty = this.#shelf.version === ''
    const body = isEmpty
      ? Buffer.from('The status page is being prepared.\n')
      : (page?.plain ?? Buffer.from('Not here.\n'))
    response.writeHead(isEmpty ? 503 : 404, {
      'content-type': isEmpty || !page ? 'text/plain; charset=utf-8' : page.contentType,
      'content-length': body.length,
      'content-security-policy': `${pagePolicy}; frame-ancestors 'none'`,
      'access-control-allow-origin': '*',
      'cache-control': isEmpty ? 'no-store' : `max-age=${this.#options.maxAgeSeconds}`,
      ...(isEmpty && { 'retry-after': '2' }),
    })
    response.end(isHead ? undefined : body)
  }

  get #isFull(): boolean {
    return this.#open > this.#options.connectionsMax * fullShare
  }

  #open = 0

  #hold(socket: Socket): void {
    this.#open++
    const address = socket.remoteAddress ?? ''
    const isCounted = isPublicAddress(address.replace(/^::ffff:/, ''))
    socket.once('close', () => {
      this.#open--
      if (isCounted) this.#release(address)
    })
    if (this.#isFull) this.#server.closeIdleConnections()
    if (!isCounted) return
    const held = (this.#held.get(address) ?? 0) + 1
    this.#held.set(address, held)
    if (held > Math.max(addressMin, this.#options.connectionsMax * addressShare)) socket.destroy()
  }

  #release(address: string): void {
    const left = (this.#held.get(address) ?? 1) - 1
    if (left > 0) this.#held.set(address, left)
    else this.#held.delete(address)
  }

  #watch(response: ServerResponse): void {
    this.#slow.set(response, this.#clock.monotonicMs())
    response.once('close', () => this.#slow.delete(response))
  }

  #sweep(): void {
    const limitMs = this.#clock.monotonicMs() - answerMs
    for (const [response, sinceMs] of this.#slow) if (sinceMs < limitMs) response.destroy()
  }
}

function readersMax({ readersMax: asked, connectionsMax }: StatusServerOptions): number {
  return Math.min(asked, Math.floor(connectionsMax / 2))
}

function encoded(file: ShelfFile, accepted: string): readonly [Buffer, 'br' | 'gzip' | null] {
  if (file.br && /\bbr\b(?!\s*;\s*q=0(?:\.0*)?(?:,|$))/.test(accepted)) return [file.br, 'br']
  if (file.gzip && /\bgzip\b(?!\s*;\s*q=0(?:\.0*)?(?:,|$))/.test(accepted)) return [file.gzip, 'gzip']
  return [file.plain, null]
}

/** Weak comparison, as `If-None-Match` has it. */
function isKnown(known: string | undefined, etag: string): boolean {
  if (known === undefined) return false
  return known === '*' || known.split(',', 50).some((each) => each.trim().replace(/^W\//, '') === etag)
}
