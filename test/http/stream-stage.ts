/** Durable streams on a port of their own, without the gateway around them. The key of a caller is its name. */
import { noNotice } from '../../src/edge/notice.ts'
import type { Ray } from '../../src/fault/ray.ts'
import { createServer, type IncomingMessage } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { BodyPurse } from '../../src/edge/body.ts'
import {
  type DurableStreams,
  openDurableStreams,
  type StreamParts,
} from '../../src/edge/durable-streams/durable-streams.ts'
import { streamsSchema } from '../../src/edge/durable-streams/streams-options.ts'
import { Fault } from '../../src/fault/fault.ts'
import { systemClock } from '../../src/ground/clock.ts'
import { seededRandom } from '../../src/ground/random.ts'
import { silentLog } from '../../src/observe/log.ts'
import { MemoryStreams } from '../../src/store/memory-streams.ts'
import type { StreamStore } from '../../src/store/stream-store.ts'

export type StageOptions = Partial<Omit<StreamParts, 'options'>> & {
  readonly settings?: Parameters<typeof streamsSchema.parse>[0]
}

interface Said {
  readonly caller?: string
  readonly body?: string | Buffer<ArrayBuffer>
  readonly [header: string]: string | Buffer<ArrayBuffer> | undefined
}

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
}

export class StreamStage implements AsyncDisposable {
  readonly url: string
  /** The gateway's ends of the connections. */
  readonly sockets: Socket[] = []
  readonly store: StreamStore
  readonly drain: () => void
  readonly waiterCount: () => number
  #close: () => Promise<void>

  private constructor(
    port: number,
    sockets: Socket[],
    close: () => Promise<void>,
    streams: DurableStreams,
    store: StreamStore,
  ) {
    this.store = store
    this.url = `http://127.0.0.1:${port}`
    this.sockets = sockets
    this.#close = close
    this.drain = () => streams.drain()
    this.waiterCount = () => streams.waiterCount
  }

  static async open({ settings, ...more }: StageOptions = {}): Promise<StreamStage> {
    const options = streamsSchema.parse({ engine: 'memory', localWebhooks: true, ...(settings as object) })
    const clock = more.clock ?? systemClock
    const store = more.store ?? new MemoryStreams(clock, options)
    const base = { clock, store, random: seededRandom(1), log: silentLog, purse: new BodyPurse(2 ** 28) }
    const post = (): Promise<never> => Promise.reject(new Error('there are no webhooks here'))
    const streams = openDurableStreams({ ...base, post, stalledReaderMs: 60_000, ...more, options })
    const server = createServer((request, response) => {
      const caller = (): string => callerOf(request)
      const ray = 'test' as Ray
      const context = () => ({ address: '', ray, site: 'local', atMs: clock.nowMs(), notice: noNotice })
      streams.handle(request, response, { headers: ['holdfast-ray', ray], caller, context, refused: () => {} })
    })
    const sockets: Socket[] = []
    server.on('connection', (socket) => sockets.push(socket))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const close = async (): Promise<void> => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      streams[Symbol.dispose]()
      await store[Symbol.asyncDispose]()
    }
    return new StreamStage((server.address() as AddressInfo).port, sockets, close, streams, store)
  }

  /** Sends headers, and beside them a body and the name of a caller, `ann` if none. */
  async ask(method: string, name: string, { caller = 'ann', body, ...headers }: Said = {}): Promise<Answer> {
    const response = await fetch(`${this.url}/v1/stream/${name}`, {
      method,
      headers: { 'x-api-key': caller, ...(headers as Record<string, string>) },
      ...(body !== undefined && { body }),
    })
    return { status: response.status, headers: response.headers, text: await response.text() }
  }

  /** A reader by hand: its socket, which takes nothing while it is paused. */
  async reader(path: string): Promise<Socket> {
    const socket = connect(Number(new URL(this.url).port), '127.0.0.1')
    await new Promise((resolve) => socket.once('connect', resolve))
    socket.write(`GET /v1/stream/${path} HTTP/1.1\r\nHost: test\r\nX-Api-Key: ann\r\n\r\n`)
    return socket
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#close()
  }
}

function callerOf({ headers }: IncomingMessage): string {
  const key = headers['x-api-key']
  if (typeof key !== 'string') throw new Fault('HF_KEY_UNKNOWN', { detail: 'no key was sent' })
  return key
}

/** Resolves when `isSo` holds, looked at again and again; rejects after five seconds. */
export async function until(isSo: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const endMs = performance.now() + 5000
  while (!(await isSo())) {
    if (performance.now() > endMs) throw new Error(`in vain: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
