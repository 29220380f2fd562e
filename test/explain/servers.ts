/** Model servers for scenarios: simulated ones in processes of their own or in this one, and scripted ones. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { ChildServer } from '../../lab/child.ts'
import { openSimServer, type SimServer, type SimServerOptions } from '../../lab/sim-server.ts'
import { type SimFlags, startSim } from '../../lab/start-sim.ts'
import type { Opening, Upstream } from './scenario.ts'

/** One that can be killed, stopped and left to leak. */
export async function child({ parts, model }: Opening, flags: SimFlags = {}): Promise<ChildServer> {
  const server = await startSim({ model, ...flags })
  parts.defer(() => server.stop())
  return server
}

/** One that does as it is told. */
export async function sim({ parts, model }: Opening, options: SimServerOptions = {}): Promise<SimServer> {
  return parts.use(await openSimServer({ model, ...options }))
}

export type Script = (request: IncomingMessage, response: ServerResponse, body: string) => void

/** One whose every answer is written by the scenario; lists are answered. Its URL, without a path. */
export async function scripted({ parts, model }: Opening, script: Script): Promise<string> {
  const server = createServer((request, response) => {
    response.on('error', () => {})
    let body = ''
    request.setEncoding('utf8')
    request.on('data', (piece: string) => (body += piece))
    request.on('error', () => {})
    request.on('end', () => {
      if (request.method === 'POST') return script(request, response, body)
      response.end(JSON.stringify({ object: 'list', data: [{ id: model, object: 'model' }] }))
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  parts.defer(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

export function at(url: string, { model }: Pick<Opening, 'model'>, more: Partial<Upstream> = {}): Upstream {
  return { url: `${url}/v1`, kind: 'vllm', models: [model], ...more }
}
