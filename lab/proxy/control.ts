/**
 * An HTTP interface for fault proxies, on the paths of Toxiproxy's API (version 2), so that its clients can be used:
 * `/version`, `/proxies`, `/proxies/{name}`, `/proxies/{name}/toxics`, `/proxies/{name}/toxics/{toxic}`, `/reset`.
 * A toxic's `type` is one of Toxiproxy's or one of ours (`toxic.ts`), its `attributes` are the fields of that kind.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type FaultProxy, openFaultProxy } from '../fault-proxy.ts'
import { parseToxicOrder, type Toxic, type ToxicOrder } from './toxic.ts'

export interface ProxyControl extends AsyncDisposable {
  readonly url: string
  readonly proxies: ReadonlyMap<string, FaultProxy>
  /** Takes charge of a proxy that exists already; it is closed with the control. */
  adopt(name: string, proxy: FaultProxy): void
  close(): Promise<void>
}

const proxiesMax = 256
const bodyBytesMax = 65_536

class Problem extends Error {
  readonly status: number
  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

type Json = Readonly<Record<string, unknown>>

async function readJson(request: IncomingMessage): Promise<Json> {
  let text = ''
  for await (const chunk of request as AsyncIterable<Buffer>) {
    text += chunk.toString('utf8')
    if (text.length > bodyBytesMax) throw new Problem(413, 'body too large')
  }
  const json: unknown = text === '' ? {} : JSON.parse(text)
  if (typeof json !== 'object' || json === null) throw new Problem(400, 'a JSON object is needed')
  return json as Json
}

/** Toxiproxy's kinds, in our words; a `timeout` never closes here, as its 0 does there. */
const foreignKinds: Readonly<Record<string, (given: Json) => object>> = {
  latency: (given) => ({ kind: 'latency', ms: given.latency ?? given.ms, jitterMs: given.jitter ?? given.jitterMs }),
  bandwidth: (given) => ({
    kind: 'bandwidth',
    bytesPerSecond: given.rate === undefined ? given.bytesPerSecond : Number(given.rate) * 1024,
  }),
  timeout: () => ({ kind: 'swallow' }),
  reset_peer: (given) => ({ kind: 'cut', afterMs: given.timeout ?? 0, how: 'rst' }),
  limit_data: (given) => ({ kind: 'cut', afterBytes: given.bytes ?? 0, how: 'fin' }),
  slicer: (given) => ({
    kind: 'slicer',
    bytes: given.average_size ?? given.bytes,
    delayMs: given.delay === undefined ? given.delayMs : Number(given.delay) / 1000,
  }),
}

/** Toxiproxy's words for our directions; `both` is ours alone. */
const streams = { up: 'upstream', down: 'downstream', both: 'both' } as const

function toOrder(json: Json): ToxicOrder {
  const type = String(json.type)
  const stream = json.stream ?? 'downstream'
  const given = (typeof json.attributes === 'object' && json.attributes !== null ? json.attributes : {}) as Json
  const fields = foreignKinds[type]?.(given) ?? { kind: type, ...given }
  const direction = stream === 'upstream' ? 'up' : stream === 'both' ? 'both' : 'down'
  const all = { ...fields, direction, name: json.name ?? `${type}_${streams[direction]}`, share: json.toxicity ?? 1 }
  return parseToxicOrder(Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)))
}

function describeToxic({ name, kind, direction, share, ...attributes }: Toxic): object {
  return {
    name,
    type: kind,
    stream: streams[direction],
    toxicity: share,
    attributes,
  }
}

function describe(name: string, proxy: FaultProxy): object {
  return {
    name,
    listen: proxy.url.replace('http://', ''),
    upstream: proxy.target,
    enabled: !proxy.isRefusing,
    toxics: proxy.toxics.map(describeToxic),
  }
}

async function enable(proxy: FaultProxy, isEnabled: boolean): Promise<void> {
  await proxy.refuse(!isEnabled)
  if (!isEnabled) proxy.cut()
}

async function openProxy(proxies: Map<string, FaultProxy>, json: Json): Promise<object> {
  const name = typeof json.name === 'string' ? json.name : ''
  if (name === '' || typeof json.upstream !== 'string') throw new Problem(400, 'name and upstream are needed')
  if (proxies.has(name)) throw new Problem(409, `proxy already exists: ${name}`)
  if (proxies.size >= proxiesMax) throw new Problem(400, `at most ${proxiesMax} proxies`)
  const listen = new URL(`tcp://${typeof json.listen === 'string' && json.listen !== '' ? json.listen : '127.0.0.1:0'}`)
  const proxy = await openFaultProxy({
    target: json.upstream,
    host: listen.hostname.replace(/^\[|\]$/g, ''),
    port: Number(listen.port || 0),
  })
  proxies.set(name, proxy)
  if (json.enabled === false) await enable(proxy, false)
  return describe(name, proxy)
}

async function answerToxics(
  proxy: FaultProxy,
  method: string,
  toxicName: string | undefined,
  readBody: () => Promise<Json>,
): Promise<[number, object]> {
  const known = (name: string | undefined): Toxic => {
    const toxic = proxy.toxics.find((toxic) => toxic.name === name)
    if (!toxic) throw new Problem(404, 'toxic not found')
    return toxic
  }
  if (toxicName === undefined && method === 'GET') return [200, proxy.toxics.map(describeToxic)]
  if (toxicName === undefined && method === 'POST')
    return [200, describeToxic(known(proxy.add(toOrder(await readBody()))))]
  const toxic = known(toxicName)
  if (method === 'GET') return [200, describeToxic(toxic)]
  if (method === 'DELETE') {
    proxy.remove(toxic.name)
    return [204, {}]
  }
  if (method !== 'POST' && method !== 'PATCH') throw new Problem(405, 'GET, POST, PATCH or DELETE')
  const change = await readBody()
  const { name, kind, direction, share, ...now } = toxic
  const fields = { ...now, ...(change.attributes as Json | undefined), toxicity: undefined }
  const stream = streams[direction]
  const order = toOrder({ type: kind, name, stream, toxicity: change.toxicity ?? share, attributes: fields })
  return [200, describeToxic(known(proxy.add(order)))]
}

async function route(proxies: Map<string, FaultProxy>, request: IncomingMessage): Promise<[number, object]> {
  const method = request.method ?? 'GET'
  const [root = '', name, toxics, toxicName, ...more] = new URL(request.url ?? '/', 'http://control').pathname
    .split('/')
    .slice(1)
    .map(decodeURIComponent)
  if (root === 'version' && method === 'GET') return [200, { version: '2.0.0-lab' }]
  if (root === 'reset' && method === 'POST') {
    for (const proxy of proxies.values()) {
      proxy.remove()
      await proxy.refuse(false)
    }
    return [204, {}]
  }
  if (root !== 'proxies' || more.length > 0) throw new Problem(404, 'there are /version, /proxies and /reset')
  if (name === undefined) {
    if (method === 'POST') return [201, await openProxy(proxies, await readJson(request))]
    return [200, Object.fromEntries([...proxies].map(([name, proxy]) => [name, describe(name, proxy)]))]
  }
  const proxy = proxies.get(name)
  if (!proxy) throw new Problem(404, 'proxy not found')
  if (toxics === 'toxics') return answerToxics(proxy, method, toxicName, () => readJson(request))
  if (method === 'DELETE') {
    proxies.delete(name)
    await proxy.close()
    return [204, {}]
  }
  if (method === 'POST' || method === 'PATCH') {
    const { enabled } = await readJson(request)
    if (typeof enabled === 'boolean') await enable(proxy, enabled)
  }
  return [200, describe(name, proxy)]
}

async function answer(
  proxies: Map<string, FaultProxy>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const [status, body] = await route(proxies, request).catch((error: unknown): [number, object] => {
    const message = error instanceof Error ? error.message : String(error)
    const status = error instanceof Problem ? error.status : 400
    return [status, { error: message, title: message, status }]
  })
  response.writeHead(status, { 'content-type': 'application/json' }).end(status === 204 ? '' : JSON.stringify(body))
}

/** Starts the interface on `host:port`; port 0 = one chosen by the system. */
export async function openProxyControl(options: { host?: string; port?: number } = {}): Promise<ProxyControl> {
  const proxies = new Map<string, FaultProxy>()
  const server = createServer((request, response) => void answer(proxies, request, response))
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port ?? 0, options.host ?? '127.0.0.1', resolve)
  })
  const { port, address, family } = server.address() as AddressInfo
  const close = async (): Promise<void> => {
    server.closeAllConnections()
    const isClosed = server.listening ? new Promise((resolve) => server.close(resolve)) : null
    await Promise.all([...proxies.values()].map((proxy) => proxy.close()))
    await isClosed
  }
  const url = `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`
  return { url, proxies, adopt: (name, proxy) => void proxies.set(name, proxy), close, [Symbol.asyncDispose]: close }
}
