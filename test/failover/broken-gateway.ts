/**
 * Gateways that are broken on purpose, in the ways that real ones are: the table must see through each of them. They
 * read of their configuration only where the primary and the fallback of a model are.
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text as readText } from 'node:stream/consumers'
import type { OpenSubject } from './stage.ts'

/** Handles one call; `urls` are those of the primary and the fallback. */
type Handler = (call: { body: string; urls: readonly [string, string]; response: ServerResponse }) => Promise<void>

function open(handle: Handler): OpenSubject {
  return async ({ upstreams, pools = {} }) => {
    const urlsOf = (model: string): readonly [string, string] => {
      const names = Object.values(pools).find(({ upstreams: [first] }) => {
        return typeof first === 'string' && upstreams[first]?.models?.includes(model)
      })?.upstreams
      const [primary = '', fallback = ''] = (names ?? []).map((name) => upstreams[name as string]?.url ?? '')
      return [primary, fallback]
    }
    const take = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
      if (request.method !== 'POST') return refuse(response, 404)
      const body = await readText(request)
      await handle({ body, urls: urlsOf((JSON.parse(body) as { model: string }).model), response })
    }
    const server = createServer((request, response) => void take(request, response).catch(() => response.destroy()))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    return {
      url: `http://127.0.0.1:${port}`,
      gateway: null,
      [Symbol.asyncDispose]: async () => {
        server.close()
        server.closeAllConnections()
        await once(server, 'close')
      },
    }
  }
}

function refuse(response: ServerResponse, status: number): void {
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(JSON.stringify({ error: { message: 'No.', type: 'server_error', code: 'refused' } }))
}

function post(url: string, body: string): Promise<Response> {
  return fetch(`${url}/chat/completions`, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
}

/** Passes an answer on. Resolves with true when it broke off. */
async function pass(answer: Response, response: ServerResponse): Promise<boolean> {
  if (!response.headersSent) {
    response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? 'application/json' })
  }
  try {
    for await (const bytes of answer.body as unknown as AsyncIterable<Uint8Array>) response.write(bytes)
    return false
  } catch {
    return true
  }
}

/** The primary only; an answer that is cut ends as if it were whole. */
export const truncates = open(async ({ body, urls: [primary], response }) => {
  const isBroken = await pass(await post(primary, body), response)
  response.end(isBroken ? 'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n' : '')
})

/** The same without an end mark: a quiet end of the stream. */
export const endsQuietly = open(async ({ body, urls: [primary], response }) => {
  await pass(await post(primary, body), response)
  response.end()
})

/** The same, but the connection is cut without a word. */
export const cutsWithoutWord = open(async ({ body, urls: [primary], response }) => {
  if (await pass(await post(primary, body), response)) response.destroy()
  else response.end()
})

/** After a cut the whole answer of the fallback, behind what has already been sent. */
export const repeats = open(async ({ body, urls: [primary, fallback], response }) => {
  if (await pass(await post(primary, body), response)) await pass(await post(fallback, body), response)
  response.end()
})

/** Tells of a cut, and closes as if all were well. */
export const tellsAndEnds = open(async ({ body, urls: [primary], response }) => {
  const isBroken = await pass(await post(primary, body), response)
  const error = { message: 'The upstream broke off.', type: 'server_error', code: 'cut' }
  response.end(isBroken ? `data: ${JSON.stringify({ error })}\n\ndata: [DONE]\n\n` : '')
})

/** A typed error for everything, without asking anybody. */
export const refusesAll = open((call) => Promise.resolve(refuse(call.response, 503)))

/** The page of a reverse proxy. */
export const barePage = open(({ response }) => {
  response.writeHead(502, { 'content-type': 'text/html' })
  response.end('<html><title>502 Bad Gateway</title></html>')
  return Promise.resolve()
})

export const hangs = open(() => Promise.resolve())

/** Gathers the whole answer before the first byte goes out; asks the primary so many times, then the fallback. */
function gathers(primaryCount: number): OpenSubject {
  return open(async ({ body, urls: [primary, fallback], response }) => {
    for (const url of [...Array.from({ length: primaryCount }, () => primary), fallback]) {
      try {
        const answer = await post(url, body)
        const text = await answer.text()
        if (!answer.ok || !text.includes('"finish_reason":"stop"')) continue
        response.writeHead(200, { 'content-type': answer.headers.get('content-type') ?? '' })
        return void response.end(text)
      } catch {
        // The next.
      }
    }
    refuse(response, 503)
  })
}

/** Slow to begin and without any resume, but never wrong: cuts and refusals are hidden by asking again. */
export const gathersAll = gathers(2)
/** The same, and the primary is hammered. */
export const hammers = gathers(9)
