/** The operators' listener: is it alive, is it ready, and what do the numbers say. Apart from the visitors' traffic. */
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { answerConsole } from './console-page.ts'
import { openMetricsType, prometheusType, wantsOpenMetrics } from '../observe/openmetrics.ts'
import { answerCache, type CacheOpener, cachePaths } from './admin-cache.ts'
import { answerDeploy, type DeployDesk, deployPaths } from './admin-deploy.ts'
import { answerQuarantine, type QuarantineOpener, quarantinePaths } from './admin-quarantine.ts'
import { answerRecord, BadQuery } from './admin-record.ts'
import { answerKeys, isKeyPath, type KeyActions } from './admin-keys.ts'
import { type AdminAnswer, answerReload, reloadPath, serveWrite } from './admin-write.ts'
import { AdminRefusals } from './admin-refusal.ts'
import { isLoopback, showsToken } from './admin-token.ts'
import { explainRay } from '../diagnosis/explain-ray.ts'
import { Fault, toFault } from '../fault/fault.ts'
import type { RecordReader } from '../store/record.ts'
import type { RawRefusalParts } from './raw-refusal.ts'

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
  /** The replicas of deployments. */
  readonly fleet: () => object
  /** The load of a deployment, behind and before it; null where it is not scaled by its load. */
  readonly forecast: (deployment: string) => Promise<object | null>
  /** Who leads rollouts; null where nothing is deployed. */
  readonly deploys: () => DeployDesk | null
  readonly keys: KeyActions
  /** Takes up a changed configuration, or says what would change. @throws what is wrong with it; then all stays. */
  readonly reload: (isDry: boolean) => Promise<object>
  /** Who is told of incidents on which way, in numbers. */
  readonly subscriptions: () => Promise<object>
  /** For a question to the record; null where nothing is taken down. @throws when it cannot be read. */
  readonly record: () => RecordReader | null
  /** What the console shows. `since`: the number of the last sample that it knows, or 0. */
  readonly consoleDesk: { state(since: number): object; shownConfig(): object }
  /** What is kept of applications; null where that is not on the disk. @throws when it cannot be read. */
  readonly cache: CacheOpener
  /** Requests that are refused for killing model servers; null where that is not on the disk. @throws as `cache`. */
  readonly quarantine: QuarantineOpener
  /** Wall time. */
  readonly nowMs: () => number
  /** Where refusals get their rays, and who is told of them. */
  readonly refusals: RawRefusalParts
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
  const refusals = new AdminRefusals(parts.refusals)
  const server = createServer(
    adminSettings,
    adminHandler(parts, refusals, { tokens, mayAsk: (request) => mayAsk(request, tokens) }),
  )
  return await listenForOperators(server, { host, port, scheme: 'http' }, refusals)
}

/** Of either port. */
export const adminSettings = {
  maxHeaderSize: 8192,
  requestTimeout: 10_000,
  headersTimeout: 5000,
  requireHostHeader: false,
} as const

export interface Gate {
  /** What may be shown; none where something else says who may ask. */
  readonly tokens: readonly string[]
  readonly mayAsk: (request: IncomingMessage) => boolean
}

/** Answers operators and probes. */
export function adminHandler(parts: AdminParts, refusals: AdminRefusals, gate: Gate): RequestListener {
  const answers = answersOf(parts, refusals)
  const refuse = (response: ServerResponse, fault: Fault, headers?: readonly string[]): void =>
    refusals.refuse(response, fault, headers)
  /** A mistake of ours costs one answer, and not the process that holds the workers. */
  const answerOrRefuse = (answer: () => void, response: ServerResponse): void => {
    try {
      answer()
    } catch (thrown) {
      refuse(response, toFault(thrown))
    }
  }
  return (request, response) => {
    const [path, query] = targetOf(request.url ?? '/')
    if (isWritten(path)) {
      const no = whyNot(request, gate)
      if (no) return refuse(response, no.fault, no.headers)
      const write = (): Promise<AdminAnswer> => {
        if (deployPaths.has(path)) return answerDeploy([path, query], request, parts.deploys)
        if (quarantinePaths.has(path)) return answerQuarantine(path, request, parts)
        if (cachePaths.has(path)) return answerCache([path, query], request, parts.cache)
        return path === reloadPath ? answerReload(request, parts.reload) : answerKeys(path, request, parts.keys)
      }
      return serveWrite([request, response], write, (fault) => refuse(response, fault))
    }
    if (request.method !== 'GET' && request.method !== 'HEAD')
      return refuse(response, new Fault('HF_METHOD_UNKNOWN', { detail: 'only GET' }), ['allow', 'GET, HEAD'])
    if (answerConsole(path, request, response)) return
    const answer = answers.get(path)
    if (!answer)
      return refuse(response, new Fault('HF_ROUTE_UNKNOWN', { detail: `here are ${[...answers.keys()].join(', ')}` }))
    const no = whyNot(request, gate)
    if (!no || forProbes.has(path)) return answerOrRefuse(() => answer(response, query, !no), response)
    refuse(response, no.fault, no.headers)
  }
}

interface AdminPlace {
  readonly host: string
  readonly port: number
  readonly scheme: 'http' | 'https'
}

/** Whether something can be changed there. */
const isWritten = (path: string): boolean =>
  isKeyPath(path) || path === reloadPath || [cachePaths, quarantinePaths, deployPaths].some((paths) => paths.has(path))

/** @throws the system's error when the port cannot be taken. */
export async function listenForOperators(
  server: Server,
  { host, port, scheme }: AdminPlace,
  refusals: AdminRefusals,
): Promise<Admin> {
  server.on('checkExpectation', (_request, response) => {
    refusals.refuse(response, new Fault('HF_BAD_HTTP', { detail: 'what is expected cannot be met', status: 417 }))
  })
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => refusals.refuseUnread(error, socket))
  server.on('connect', (request, socket) => refusals.refuseTunnel(request, socket))
  server.maxConnections = 100
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, resolve)
  })
  const { port: chosen } = server.address() as AddressInfo
  return {
    url: `${scheme}://${host.includes(':') ? `[${host}]` : host}:${chosen}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}

/** Why this operator may not ask; null where he may. */
function whyNot(request: IncomingMessage, { tokens, mayAsk: may }: Gate): { fault: Fault; headers: string[] } | null {
  if (may(request)) return null
  const hasTokens = tokens.length > 0
  const detail = hasTokens ? tokenWords : 'ask by the address of this machine, or by localhost'
  const fault = new Fault('HF_KEY_UNKNOWN', { detail, status: hasTokens ? 401 : 403 })
  return { fault, headers: hasTokens ? ['www-authenticate', 'Bearer'] : [] }
}

/** Without a token: a page in somebody's browser must not read what is here by a name that leads to this machine. */
function mayAsk({ headers }: IncomingMessage, tokens: readonly string[]): boolean {
  if (tokens.length > 0) return tokens.some((token) => showsToken(headers.authorization, token))
  const name = (headers.host ?? '').replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1')
  return name === '' || isLoopback(name)
}

function answersOf(parts: AdminParts, refusals: AdminRefusals): Map<string, Answer> {
  const { metrics, liveness, readiness, alerts, status, subscriptions, nowMs, consoleDesk } = parts
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
          (error: unknown) => refusals.refuse(response, new Fault('HF_INTERNAL', { detail: String(error) })),
        )
      },
    ],
    ['/alerts', (response) => sendJson(response, 200, alerts(), 2)],
    [
      '/status/subscriptions',
      (response) => {
        subscriptions().then(
          (told) => sendJson(response, 200, told, 2),
          (error: unknown) => refusals.refuse(response, new Fault('HF_INTERNAL', { detail: String(error) })),
        )
      },
    ],
    ['/fleet', (response) => sendJson(response, 200, parts.fleet(), 2)],
    [
      '/fleet/forecast',
      (response, query) => {
        const deployment = new URLSearchParams(query).get('deployment') ?? ''
        const none = new Fault('HF_ROUTE_UNKNOWN', { detail: 'no deployment of that name is scaled by its load' })
        parts.forecast(deployment).then(
          (told) => (told ? sendJson(response, 200, told) : refusals.refuse(response, none)),
          (error: unknown) => refusals.refuse(response, toFault(error)),
        )
      },
    ],
    ['/status', (response) => sendJson(response, 200, status(), 2)],
    [
      '/record',
      (response, query) =>
        sendRecord(response, parts, refusals, (reader) => answerRecord(reader, new URLSearchParams(query), nowMs())),
    ],
    ['/explain/<ray>', (response, ray) => sendRecord(response, parts, refusals, (reader) => explainRay(reader, ray))],
  ])
}

/** Path and query; where a ray stands in the path, it is the query. */
function targetOf(url: string): [path: string, query: string] {
  const [path = '/', query = ''] = url.split('?')
  return path.startsWith(explainPath) ? [`${explainPath}<ray>`, path.slice(explainPath.length)] : [path, query]
}

const explainPath = '/explain/'
const tokenWords = 'show the token of `admin.token`'

function sendRecord(
  response: ServerResponse,
  { record }: Pick<AdminParts, 'record'>,
  refusals: AdminRefusals,
  answer: (reader: RecordReader) => object,
): void {
  try {
    using reader = record()
    if (reader) return sendJson(response, 200, answer(reader))
    const detail = 'nothing is taken down: `record.enabled` is false'
    refusals.refuse(response, new Fault('HF_ROUTE_UNKNOWN', { detail }))
  } catch (error) {
    if (error instanceof BadQuery) return refusals.refuse(response, new Fault('HF_BAD_CALL', { detail: error.message }))
    const detail = `the record cannot be read: ${String(error)}`
    refusals.refuse(response, new Fault('HF_INTERNAL', { detail, status: 503 }))
  }
}

function sendJson(response: ServerResponse, status: number, value: object, indent?: number): void {
  send(response, status, 'application/json', JSON.stringify(value, null, indent))
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  if (response.destroyed) return
  response.writeHead(status, [
    'content-type',
    type,
    'content-length',
    String(Buffer.byteLength(body)),
    'cache-control',
    'no-store',
  ])
  response.end(body)
}
