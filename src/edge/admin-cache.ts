/** `GET /cache` and `POST /cache/purge` on the operators' port: what is kept of applications, and taking it out. */
import type { IncomingMessage } from 'node:http'
import { Fault } from '../fault/fault.ts'
import type { CacheDesk } from '../store/cache-desk.ts'
import type { CacheChoice, ListedEntry } from '../store/cache-store.ts'
import { type AdminAnswer, type AdminBody, readWrite } from './admin-write.ts'

export const cachePaths: ReadonlySet<string> = new Set(['/cache', '/cache/purge'])
const countMax = 1000
const countUsual = 50

/** Null where nothing is kept on the disk. */
export type CacheOpener = () => (CacheDesk & Disposable) | null

/** @throws {Fault} */
export async function answerCache(
  [path, query]: readonly [path: string, query: string],
  request: IncomingMessage,
  open: CacheOpener,
): Promise<AdminAnswer> {
  const isPurge = path === '/cache/purge'
  const allowed = isPurge ? 'POST' : 'GET'
  if (request.method !== allowed) throw new Fault('HF_METHOD_UNKNOWN', { param: allowed, detail: `${allowed} ${path}` })
  if (!isPurge) return { status: 200, body: withDesk(open, (desk) => list(desk, new URLSearchParams(query))) }
  const choice = choiceOf(await readWrite(request))
  return { status: 200, body: withDesk(open, (desk) => ({ purged: desk.purge(choice) })) }
}

function withDesk(open: CacheOpener, ask: (desk: CacheDesk) => object): object {
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
function choiceOf({ url, prefix, tag, all, ...others }: AdminBody): CacheChoice {
  const named = [url, prefix, tag, all].filter((each) => each !== undefined)
  if (named.length === 1 && Object.keys(others).length === 0) {
    if (typeof url === 'string') return { key: url }
    if (typeof prefix === 'string' && prefix !== '') return { prefix }
    if (typeof tag === 'string') return { tag }
    if (all === true) return { all }
  }
  throw new Fault('HF_BAD_CALL', { detail: 'a purge names one of `url`, `prefix`, `tag`, or `"all": true`' })
}
