/**
 * Keys of callers for operators' programs: `GET /keys`, `POST /keys`, `PATCH /keys/<name>`, `POST /keys/<name>/rotate`,
 * `DELETE /keys/<name>`. What is written needs `content-type: application/json` and no foreign `Origin`, so that no page
 * in somebody's browser can write here.
 */
import type { IncomingMessage } from 'node:http'
import { Fault } from '../fault/fault.ts'
import { percentDecoded } from '../ground/percent-decoded.ts'
import { type AdminAnswer, type AdminBody, readWrite } from './admin-write.ts'

/** What there is to be done; refusals in words for the operator are thrown as errors of `refusal`. */
export interface KeyActions {
  create(wish: { readonly name: string; readonly settings?: unknown; readonly days?: number | undefined }): object
  list(): readonly object[]
  change(name: string, settings: unknown): void
  rotate(name: string, graceMs: number): object
  revoke(name: string): void
}

const minuteMs = 60_000
const graceMinutesDefault = 1440
const graceMinutesMax = 525_600

export const isKeyPath = (path: string): boolean => path === '/keys' || path.startsWith('/keys/')

/** @throws {Fault} or the words of a `KeyActions`. */
export async function answerKeys(path: string, request: IncomingMessage, keys: KeyActions): Promise<AdminAnswer> {
  const { method } = request
  const [name, action, more] = path
    .split('/')
    .slice(2)
    .map((part) => percentDecoded(part) ?? part)
  if (more !== undefined || name === '') throw new Fault('HF_ROUTE_UNKNOWN', { detail: 'keys are at /keys/<name>' })
  if (method === 'GET' || method === 'HEAD') {
    if (name === undefined) return { status: 200, body: { keys: keys.list() } }
    throw new Fault('HF_METHOD_UNKNOWN', { param: 'PATCH, DELETE', detail: 'GET /keys lists them all' })
  }
  const body = await readWrite(request)
  if (name === undefined) return create(request, body, keys)
  if (action === 'rotate' && method === 'POST')
    return { status: 201, body: keys.rotate(name, graceOf(body) * minuteMs) }
  if (action !== undefined)
    throw new Fault('HF_ROUTE_UNKNOWN', { detail: 'a key can be rotated: POST /keys/<name>/rotate' })
  if (method === 'PATCH') {
    keys.change(name, body['settings'] ?? {})
    return { status: 200, body: { name, changed: true } }
  }
  if (method !== 'DELETE') throw new Fault('HF_METHOD_UNKNOWN', { param: 'PATCH, DELETE' })
  keys.revoke(name)
  return { status: 200, body: { name, revoked: true } }
}

function create({ method }: IncomingMessage, body: AdminBody, keys: KeyActions): AdminAnswer {
  if (method !== 'POST') throw new Fault('HF_METHOD_UNKNOWN', { param: 'GET, HEAD, POST' })
  const unknown = Object.keys(body).find((field) => !['name', 'settings', 'days'].includes(field))
  if (unknown !== undefined)
    throw new Fault('HF_BAD_CALL', {
      detail: `${JSON.stringify(unknown.slice(0, 40))} is not known; there are name, settings, days`,
    })
  const { name, settings, days } = body
  if (typeof name !== 'string') throw new Fault('HF_BAD_CALL', { detail: '`name` is missing', param: 'name' })
  if (days !== undefined && typeof days !== 'number')
    throw new Fault('HF_BAD_CALL', { detail: '`days` is a number', param: 'days' })
  return { status: 201, body: keys.create({ name, settings, days }) }
}

function graceOf({ graceMinutes = graceMinutesDefault }: AdminBody): number {
  if (typeof graceMinutes === 'number' && graceMinutes >= 0 && graceMinutes <= graceMinutesMax) return graceMinutes
  throw new Fault('HF_BAD_CALL', { detail: `\`graceMinutes\` is a number from 0 to ${graceMinutesMax}` })
}
