/**
 * A TCP proxy that makes a link bad: slow, narrow, lossy, half-open, dead. It stands between two processes of a test
 * where the kernel's own means (`tc netem`) are not at hand. Toxics can be changed at any time and work on live
 * connections too.
 *
 * What it cannot do: lose a SYN. A connection that hangs before it is made needs an address that nothing answers.
 */
import { createServer, type AddressInfo, type Server } from 'node:net'
import { type Clock, systemClock } from '../src/ground/clock.ts'
import { seededRandom } from '../src/ground/random.ts'
import { Link } from './proxy/link.ts'
import { type Toxic, type ToxicOrder, toToxic } from './proxy/toxic.ts'

export interface FaultProxyOptions {
  /** Where to: `host:port`, `[::1]:port`, or a URL. */
  readonly target: string
  /** Default 127.0.0.1. */
  readonly host?: string
  /** Default 0: one chosen by the system. */
  readonly port?: number
  /** For jitter, loss and shares; 1 by default. */
  readonly seed?: number
  readonly clock?: Clock
}

export interface FaultProxy extends AsyncDisposable {
  readonly port: number
  /** `http://127.0.0.1:41234`: for a target that speaks HTTP. */
  readonly url: string
  readonly target: string
  readonly toxics: readonly Toxic[]
  /** Connections that are open now. */
  readonly openCount: number
  readonly isRefusing: boolean
  /**
   * Adds a toxic, or replaces the one of the same name; what it is called. @throws {RangeError} when there are too
   * many.
   */
  add(order: ToxicOrder): string
  /** Takes one away, or all. */
  remove(name?: string): void
  /** Ends all connections that are open now. */
  cut(how?: 'rst' | 'fin'): void
  /** True: stops listening, so that new connections are refused; live ones go on. */
  refuse(isRefusing: boolean): Promise<void>
  /** Ends all and stops listening. Idempotent. */
  close(): Promise<void>
}

const toxicsMax = 64

/** @throws {TypeError} when it is no address with a port. */
function parseTarget(target: string): { host: string; port: number } {
  const text = target.includes('://') ? target : `tcp://${target}`
  if (!URL.canParse(text)) throw new TypeError(`not an address: ${target}`)
  const url = new URL(text)
  const port = Number(url.port || { 'http:': 80, 'https:': 443 }[url.protocol])
  if (!(port > 0) || url.hostname === '') throw new TypeError(`an address with a port is needed: ${target}`)
  return { host: url.hostname.replace(/^\[|\]$/g, ''), port }
}

function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

/**
 * Starts a fault proxy in this process; without toxics it passes everything on. @throws {Error} when it cannot listen.
 */
export async function openFaultProxy(options: FaultProxyOptions): Promise<FaultProxy> {
  const target = parseTarget(options.target)
  const host = options.host ?? '127.0.0.1'
  const clock = options.clock ?? systemClock
  const random = seededRandom(options.seed ?? 1)
  const links = new Set<Link>()
  let toxics: Toxic[] = []
  let isClosed = false
  const server = createServer({ allowHalfOpen: true }, (client) => {
    const link = new Link(client, { target, clock, random, toxics: () => toxics, onClose: () => links.delete(link) })
    links.add(link)
  })
  await listen(server, options.port ?? 0, host)
  const { port } = server.address() as AddressInfo
  const change = (next: Toxic[]): void => {
    toxics = next
    for (const link of links) link.refresh()
  }
  const cut = (how: 'rst' | 'fin' = 'rst'): void => {
    for (const link of links) link.cut(how)
  }
  const close = async (): Promise<void> => {
    isClosed = true
    cut()
    if (server.listening) await new Promise((resolve) => server.close(resolve))
  }
  return {
    port,
    url: `http://${host.includes(':') ? `[${host}]` : host}:${port}`,
    target: options.target,
    cut,
    close,
    get toxics() {
      return toxics
    },
    get openCount() {
      return links.size
    },
    get isRefusing() {
      return !server.listening
    },
    add(order) {
      const toxic = toToxic(order)
      const others = toxics.filter((known) => known.name !== toxic.name)
      if (others.length >= toxicsMax) throw new RangeError(`at most ${toxicsMax} toxics`)
      change([...others, toxic])
      return toxic.name
    },
    remove: (name) => change(name === undefined ? [] : toxics.filter((toxic) => toxic.name !== name)),
    async refuse(isRefusing) {
      // Not waiting for the close: it comes only with the end of the live connections.
      if (isRefusing) server.close()
      else if (!server.listening && !isClosed) await listen(server, port, host)
    },
    [Symbol.asyncDispose]: close,
  }
}
