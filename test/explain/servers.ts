/** Model servers for scenarios: simulated ones in processes of their own or in this one, and scripted ones. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { ChildServer } from '../../lab/child.ts'
import { openSimServer, type SimServer, type SimServerOptions } from '../../lab/sim-server.ts'
import { type SimFlags, startSim } from '../../lab/start-sim.ts'
import { recordFileName } from '../../src/store/sqlite-record-file.ts'
import { RecordQuery } from '../../src/store/sqlite-record-query.ts'
import type { Opening, Playing, Upstream } from './scenario.ts'

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

/** A fault for a server in a process of its own. */
export async function order(url: string, fault: object): Promise<void> {
  const answer = await fetch(new URL('/lab/faults', url), { method: 'POST', body: JSON.stringify(fault) })
  if (!answer.ok) throw new Error(await answer.text())
}

/** Processes of the model servers that a gateway started itself, by its own record. */
export function enginePids({ state }: Playing['gateway']): number[] {
  using reader = new RecordQuery(join(state, recordFileName))
  const { entries } = reader.latest({ kinds: ['engine'] }, 10)
  return entries.flatMap(({ fact }) => (fact.kind === 'engine' && fact.pid !== null ? [fact.pid] : []))
}
