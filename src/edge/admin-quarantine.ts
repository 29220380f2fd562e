/** `GET /quarantine` and `POST /quarantine/release` on the operators' port: requests that kill model servers. */
import type { IncomingMessage } from 'node:http'
import { Fault } from '../fault/fault.ts'
import type { Condemned, Quarantine } from '../store/quarantine.ts'
import { type AdminAnswer, readWrite } from './admin-write.ts'

export const quarantinePaths: ReadonlySet<string> = new Set(['/quarantine', '/quarantine/release'])

/** Null where nothing is kept on the disk. */
export type QuarantineOpener = () => (Pick<Quarantine, 'condemned' | 'release'> & Disposable) | null

/** @throws {Fault} */
export async function answerQuarantine(
  path: string,
  request: IncomingMessage,
  { quarantine, nowMs }: { readonly quarantine: QuarantineOpener; readonly nowMs: () => number },
): Promise<AdminAnswer> {
  const isRelease = path === '/quarantine/release'
  const allowed = isRelease ? 'POST' : 'GET'
  if (request.method !== allowed) throw new Fault('HF_METHOD_UNKNOWN', { param: allowed, detail: `${allowed} ${path}` })
  const prefix = isRelease ? prefixOf(await readWrite(request)) : null
  using store = quarantine()
  if (!store)
    throw new Fault('HF_ROUTE_UNKNOWN', {
      detail: 'nothing is kept on the disk (`journal.engine`, `quarantine.enabled`)',
    })
  if (prefix !== null) return { status: 200, body: { released: store.release(prefix) } }
  return { status: 200, body: { requests: store.condemned(nowMs()).map(shownRequest) } }
}

/** As operators see it. */
export function shownRequest({ key, model, route, ray, atMs, untilMs, upstreams, refusedCount }: Condemned): object {
  const [since, until] = [new Date(atMs).toISOString(), new Date(untilMs).toISOString()]
  return { id: key.slice(0, shownLength), model, route, ray, since, until, upstreams, refused: refusedCount }
}

/** Of the hash, for people. */
const shownLength = 12

/** One of `id` and `all`. @throws {Fault} HF_BAD_CALL */
function prefixOf({ id, all, ...others }: Readonly<Record<string, unknown>>): string {
  if (Object.keys(others).length === 0) {
    if (typeof id === 'string' && /^[0-9a-f]{6,32}$/.test(id) && all === undefined) return id
    if (all === true && id === undefined) return ''
  }
  throw new Fault('HF_BAD_CALL', { detail: 'name the `id` that /quarantine tells, or `"all": true`' })
}
