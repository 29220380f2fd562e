/** The operators' listener: is it alive, is it ready, and what do the numbers say. Apart from the visitors' traffic. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { answerConsole } from './console-page.ts'
import { openMetricsType, prometheusType, wantsOpenMetrics } from '../observe/openmetrics.ts'
import { answerRecord, BadQuery } from './admin-record.ts'
import { isLoopback, showsToken } from './admin-token.ts'
import { explainRay } from '../diagnosis/explain-ray.ts'
import type { RecordReader } from '../store/record.ts'

export interface AdminParts {
  /** Text for Prometheus, in its older format or as OpenMetrics. */
  readonly metrics: (isOpenMetrics: boolean) => Promise<string>
  /** What is known of those who do the work; told by a process that does none of it, so it never waits. */
  readonly liveness: () => Readonly<Record<string, unknown>>
  /** What stands behind `ready`. */
  readonly readiness: () => Readiness
  /** How objectives stand, and which alerts go on. */
  readonly alerts: () => object
  /** What the public is told. */
  readonly status: () => object
  /** For a question to the record; null where nothing is taken down. @throws when it cannot be read. */
  readonly record: () => RecordReader | null
  /** What the console shows. `since`: the number of the last sample that it knows, or 0. */
  readonly consoleDesk: { state(since: number): object; shownConfig(): object }
  /** Wall time. */
  readonly nowMs: () => number
}

export interface Readiness {
  readonly isReady: boolean
  readonly facts: Readonly<Record<string, unknown>>
}

export interface Admin extends AsyncDisposable {
  readonly url: string
}

export interface AdminOptions {
  readonly host: string
  readonly port: number
  /** Any of these operators may show; none where whoever reaches the port may ask. */
  readonly tokens: readonly string[]
}

type Answer = (response: ServerResponse, query: string, isTrusted: boolean) => void

/** Probes have no token: without one they are told yes or no. */
const forProbes = new Set(['/livez', '/readyz'])

export async function openAdmin({ host, port, tokens }: AdminOptions, parts: AdminParts): Promise<Admin> {
  const answers = answersOf(parts)
  const server = createServer(
    { maxHeaderSize: 8192, requestTimeout: 10_000, headersTimeout: 5000 },
    (request, response) => {
      const [path, query] = targetOf(request.url ?? '/')
      if (request.method !== 'GET' && request.method !== 'HEAD')
        return sendError(response, 405, 'only GET', ['allow', 'GET, HEAD'])
      if (answerConsole(path, request, response)) return
      const answer = answers.get(path)
      if (!answer) return sendError(response, 404, `here are ${[...answers.keys()].join(', ')}`)
      const isTrusted = mayAsk(request, tokens)
      if (isTrusted || forProbes.has(path)) return answer(response, query, isTrusted)
      if (tokens.length === 0) return sendError(response, 403, 'ask by the address of this machine, or by localhost')
      sendError(response, 401, 'show the token of `admin.token`', ['www-authenticate', 'Bearer'])
    },
  )
  server.maxConnections = 100
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, resolve)
  })
  const { port: chosen } = server.address() as AddressInfo
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${chosen}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}

/** Without a token: a page in somebody's browser must not read what is here by a name that leads to this machine. */
function mayAsk({ headers }: IncomingMessage, tokens: readonly string[]): boolean {
  if (tokens.length > 0) return tokens.some((token) => showsToken(headers.authorization, token))
  const name = (headers.host ?? '').replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1')
  return name === '' || isLoopback(name)
}

function answersOf(parts: AdminParts): Map<string, Answer> {
  const { metrics, liveness, readiness, alerts, status, record, nowMs, consoleDesk } = parts
  return new Map<string, Answer>([
    [
      '/console/state',
      (response, query) =>
        sendJson(response, 200, consoleDesk.state(Number(new URLSearchParams(query).get('since') ?? 0))),
    ],
    ['/console/config', (response) => sendJson(response, 200, consoleDesk.shownConfig())],
    ['/livez', (response, _, isTrusted) => sendJson(response, 200, { status: 'alive', ...(isTrusted && liveness()) })],
    [
      '/readyz',
      (response, _, isTrusted) => {
        const { isReady, facts } = readiness()
        sendJson(response, isReady ? 200 : 503, { status: isReady ? 'ready' : 'not ready', ...(isTrusted && facts) }, 2)
      },
    ],
    [
      '/metrics',
      (response) => {
        const isOpenMetrics = wantsOpenMetrics(response.req.headers.accept ?? '')
        metrics(isOpenMetrics).then(
          (text) => send(response, 200, isOpenMetrics ? openMetricsType : prometheusType, text),
          (error: unknown) => sendError(response, 500, String(error)),
        )
      },
    ],
    ['/alerts', (response) => sendJson(response, 200, alerts(), 2)],
    ['/status', (response) => sendJson(response, 200, status(), 2)],
    [
      '/record',
      (response, query) =>
        sendRecord(response, record, (reader) => answerRecord(reader, new URLSearchParams(query), nowMs())),
    ],
    ['/explain/<ray>', (response, ray) => sendRecord(response, record, (reader) => explainRay(reader, ray))],
  ])
}

/** Path and query; where a ray stands in the path, it is the query. */
function targetOf(url: string): [path: string, query: string] {
  const [path = '/', query = ''] = url.split('?')
  return path.startsWith(explainPath) ? [`${explainPath}<ray>`, path.slice(explainPath.length)] : [path, query]
}

const explainPath = '/explain/'

function sendRecord(
  response: ServerResponse,
  record: AdminParts['record'],
  answer: (reader: RecordReader) => object,
): void {
  try {
    using reader = record()
    if (!reader) return sendError(response, 404, 'nothing is taken down: `record.enabled` is false')
    sendJson(response, 200, answer(reader))
  } catch (error) {
    if (error instanceof BadQuery) sendError(response, 400, error.message)
    else sendError(response, 503, `the record cannot be read: ${String(error)}`)
  }
}

function sendError(response: ServerResponse, status: number, error: string, headers: string[] = []): void {
  send(response, status, 'application/json', JSON.stringify({ error }), headers)
}

function sendJson(response: ServerResponse, status: number, value: object, indent?: number): void {
  send(response, status, 'application/json', JSON.stringify(value, null, indent))
}

function send(response: ServerResponse, status: number, type: string, body: string, headers: string[] = []): void {
  if (response.destroyed) return
  response.writeHead(status, [
    'content-type',
    type,
    'content-length',
    String(Buffer.byteLength(body)),
    'cache-control',
    'no-store',
    ...headers,
  ])
  response.end(body)
}
