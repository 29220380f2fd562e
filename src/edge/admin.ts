/** The operators' listener: is it alive, is it ready, and what do the numbers say. Apart from the visitors' traffic. */
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { openMetricsType, prometheusType, wantsOpenMetrics } from '../observe/openmetrics.ts'

export interface AdminParts {
  /** Text for Prometheus, in its older format or as OpenMetrics. */
  readonly metrics: (isOpenMetrics: boolean) => Promise<string>
  /** What is known of those who do the work; told by a process that does none of it, so it never waits. */
  readonly liveness: () => Readonly<Record<string, unknown>>
  /** What stands behind `ready`. */
  readonly readiness: () => Readiness
}

export interface Readiness {
  readonly isReady: boolean
  readonly facts: Readonly<Record<string, unknown>>
}

export interface Admin extends AsyncDisposable {
  readonly url: string
}

export async function openAdmin(options: { host: string; port: number }, parts: AdminParts): Promise<Admin> {
  const server = createServer(
    { maxHeaderSize: 8192, requestTimeout: 10_000, headersTimeout: 5000 },
    (request, response) => {
      const path = (request.url ?? '/').split('?')[0]
      if (request.method !== 'GET' && request.method !== 'HEAD')
        return send(response, 405, 'application/json', '{"error":"only GET"}', ['allow', 'GET, HEAD'])
      if (path === '/livez')
        return send(response, 200, 'application/json', JSON.stringify({ status: 'alive', ...parts.liveness() }))
      if (path === '/readyz') {
        const { isReady, facts } = parts.readiness()
        return send(
          response,
          isReady ? 200 : 503,
          'application/json',
          JSON.stringify({ status: isReady ? 'ready' : 'not ready', ...facts }, null, 2),
        )
      }
      if (path !== '/metrics')
        return send(response, 404, 'application/json', '{"error":"here are /livez, /readyz and /metrics"}')
      const isOpenMetrics = wantsOpenMetrics(request.headers.accept ?? '')
      parts.metrics(isOpenMetrics).then(
        (text) => send(response, 200, isOpenMetrics ? openMetricsType : prometheusType, text),
        (error: unknown) => send(response, 500, 'application/json', JSON.stringify({ error: String(error) })),
      )
    },
  )
  server.maxConnections = 100
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port, options.host, resolve)
  })
  const { port } = server.address() as AddressInfo
  return {
    url: `http://${options.host.includes(':') ? `[${options.host}]` : options.host}:${port}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
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
