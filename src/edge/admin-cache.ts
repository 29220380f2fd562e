/**
 * `GET /cache` and `POST /cache/purge` on the operators' port: what is kept, and taking it out. A purge is told in
 * JSON, which no page of another site can send without being asked first.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Fault, toFault } from '../fault/fault.ts'
import type { CacheDesk } from '../store/cache-desk.ts'
import type { CacheChoice, ListedEntry } from '../store/cache-store.ts'

export const cachePaths: ReadonlySet<string> = new Set(['/cache', '/cache/purge'])
const bodyBytesMax = 16 * 1024
const countMax = 1000
const countUsual = 50

export interface CacheQuestion {
  readonly request: IncomingMessage
  readonly path: string
  readonly query: string
  /** Null where nothing is kept on the disk. */
  readonly open: () => (CacheDesk & Disposable) | null
  readonly send: (response: ServerResponse, status: number, value: object) => void
  readonly refuse: (response: ServerResponse, fault: Fault, headers?: readonly string[]) => void
}

/** @throws {Fault} */
export function answerCache(response: ServerResponse, question: CacheQuestion): void {
  const { request, path, query, open, send, refuse } = question
  const isPurge = path === '/cache/purge'
  const allowed = isPurge ? 'POST' : 'GET'
  if (request.method !== allowed)
    return refuse(response, new Fault('HF_METHOD_UNKNOWN', { detail: `only ${allowed}` }), ['allow', allowed])
  if (!isPurge)
    return send(
      response,
      200,
      withDesk(open, (desk) => list(desk, new URLSearchParams(query))),
    )
  if (!/^application\/json\s*(;|$)/i.test(request.headers['content-type'] ?? ''))
    throw new Fault('HF_MEDIA_TYPE', { detail: 'a purge is told as application/json' })
  readSmall(request, (fault, text) => {
    try {
      if (fault) throw fault
      const choice = choiceOf(JSON.parse(text) as unknown)
      send(
        response,
        200,
        withDesk(open, (desk) => ({ purged: desk.purge(choice) })),
      )
    } catch (thrown) {
      const isJson = !(thrown instanceof SyntaxError)
      refuse(response, isJson ? toFault(thrown) : new Fault('HF_BAD_JSON', { detail: 'the purge is no JSON' }))
    }
  })
}

function withDesk(open: CacheQuestion['open'], ask: (desk: CacheDesk) => object): object {
  using desk = open()
  if (desk) return ask(desk)
  throw new Fault('HF_ROUTE_UNKNOWN', { detail: 'nothing is kept on the disk (`web.routes`, `web.cache.engine`)' })
}

function list(desk: CacheDesk, query: URLSearchParams): object {
  const count = Math.min(countMax, Math.max(1, Number(query.get('count') ?? countUsual) || countUsual))
  const [tag, prefix] = [query.get('tag'), query.get('prefix')]
  const choice: CacheChoice = tag !== null ? { tag } : prefix !== null ? { prefix } : { all: true }
  return { ...desk.size, kept: desk.list(choice, count).map(shown) }
}

/** What operators see of an entry: no body, and of its fields only what the cache goes by. */
export function shown({ key, bytes, storedMs, meta }: ListedEntry): object {
  const { status, headers = [] } = JSON.parse(meta) as { status?: number; headers?: string[] }
  const told = headers.flatMap((name, i) =>
    i % 2 === 0 && /^(?:(?:cdn-)?cache-control|surrogate-control|expires|content-type|etag|cache-tag|vary)$/i.test(name)
      ? [[name.toLowerCase(), headers[i + 1]]]
      : [],
  )
  return { url: key, status, bytes, stored: new Date(storedMs).toISOString(), ...Object.fromEntries(told) }
}

/** One of `url`, `prefix`, `tag` and `all`. @throws {Fault} HF_BAD_CALL */
function choiceOf(value: unknown): CacheChoice {
  const { url, prefix, tag, all, ...others } = (typeof value === 'object' ? (value ?? {}) : {}) as Record<
    string,
    unknown
  >
  const named = [url, prefix, tag, all].filter((each) => each !== undefined)
  if (named.length === 1 && Object.keys(others).length === 0) {
    if (typeof url === 'string') return { key: url }
    if (typeof prefix === 'string' && prefix !== '') return { prefix }
    if (typeof tag === 'string') return { tag }
    if (all === true) return { all }
  }
  throw new Fault('HF_BAD_CALL', { detail: 'a purge names one of `url`, `prefix`, `tag`, or `"all": true`' })
}

function readSmall(request: IncomingMessage, done: (fault: Fault | null, text: string) => void): void {
  const pieces: Buffer[] = []
  let bytes = 0
  request.on('data', (piece: Buffer) => {
    bytes += piece.length
    if (bytes <= bodyBytesMax) pieces.push(piece)
  })
  request.on('end', () =>
    done(bytes > bodyBytesMax ? new Fault('HF_BODY_TOO_LARGE') : null, Buffer.concat(pieces).toString()),
  )
}
