/**
 * `/lab/…`: faults on command, the calls seen, a fresh start. On the same port as the model, and never struck by its
 * faults.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { promptHash } from '../answer.ts'
import { faultKinds, parseFaultOrder } from '../fault-plan.ts'
import type { Sim } from './sim.ts'

const orderBytesMax = 65_536

function send(response: ServerResponse, status: number, body: object): void {
  const text = `${JSON.stringify(body)}\n`
  response
    .writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) })
    .end(text)
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  let text = ''
  for await (const chunk of request as AsyncIterable<Buffer>) {
    text += chunk.toString('utf8')
    if (text.length > orderBytesMax) throw new TypeError(`an order is at most ${orderBytesMax} bytes`)
  }
  return JSON.parse(text)
}

/** Gives an order; those that strike at once are carried out, and only those that last (deadlock) are kept. */
export function giveOrder(sim: Sim, json: unknown): { id: number | null } {
  const order = parseFaultOrder(json)
  if (order.kind === 'refuse') {
    sim.refuse(order.ms ?? 1000)
    return { id: null }
  }
  const id = sim.faults.add(order)
  if (order.kind === 'deadlock') {
    sim.engine.freeze()
    if (order.ms !== undefined) sim.clock.after(order.ms, () => takeBack(sim, id))
  }
  return { id }
}

/** Takes one order back, or all of them. */
export function takeBack(sim: Sim, id: number | null): void {
  if (id === null) sim.faults.clear()
  else sim.faults.remove(id)
  if (!sim.faults.list().some((order) => order.kind === 'deadlock')) sim.engine.thaw()
}

function listCalls(sim: Sim, url: URL): object {
  const prompt = url.searchParams.get('prompt')
  const hash = prompt === null ? null : promptHash(prompt)
  const entries = hash === null ? sim.calls.entries : sim.calls.entries.filter((entry) => entry.promptHash === hash)
  const perPrompt = hash === null ? sim.calls.perPrompt : { [hash]: sim.calls.countOf(hash) }
  return { total: sim.calls.total, aborted: sim.calls.aborted, perPrompt, calls: entries }
}

/** Answers a request below `/lab/`. */
export async function answerAdmin(
  sim: Sim,
  request: IncomingMessage,
  response: ServerResponse,
  url: URL,
): Promise<void> {
  const key = `${request.method ?? 'GET'} ${url.pathname}`
  const id = /^DELETE \/lab\/faults\/(\d+)$/.exec(key)?.[1]
  if (key === 'POST /lab/faults') {
    try {
      send(response, 200, giveOrder(sim, await readJson(request)))
    } catch (error) {
      send(response, 400, { error: error instanceof Error ? error.message : String(error), kinds: faultKinds })
    }
  } else if (key === 'GET /lab/faults') send(response, 200, { orders: sim.faults.list(), kinds: faultKinds })
  else if (key === 'DELETE /lab/faults' || id !== undefined) {
    takeBack(sim, id === undefined ? null : Number(id))
    send(response, 200, { orders: sim.faults.list() })
  } else if (key === 'GET /lab/calls') send(response, 200, listCalls(sim, url))
  else if (key === 'POST /lab/reset') {
    sim.calls.reset()
    sim.leaked.length = 0
    sim.engine.room.clear()
    takeBack(sim, null)
    send(response, 200, {})
  } else
    send(response, 404, {
      error: 'there are: POST, GET and DELETE /lab/faults, DELETE /lab/faults/<id>, GET /lab/calls, POST /lab/reset',
    })
}
