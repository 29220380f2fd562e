/**
 * Keys of callers for operators' programs: `GET /keys`, `POST /keys`, `PATCH /keys/<name>`, `POST /keys/<name>/rotate`,
 * `DELETE /keys/<name>`. What is written needs `content-type: application/json` and no foreign `Origin`, so that no page
 * in somebody's browser can write here.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Fault } from '../fault/fault.ts'

/** What there is to be done; refusals in words for the operator are thrown as errors of `refusal`. */
export interface KeyActions {
  create(wish: { readonly name: string; readonly settings?: unknown; readonly days?: number | undefined }): object
  list(): readonly object[]
  change(name: string, settings: unknown): void
  rotate(name: string, graceMs: number): object
  revoke(name: string): void
}

const bodyBytesMax = 64 * 1024
const minuteMs = 60_000
const graceMinutesDefault = 1440
const graceMinutesMax = 525_600

export const isKeyPath = (path: string): boolean => path === '/keys' || path.startsWith('/keys/')

export interface KeyAnswer {
  readonly status: number
  readonly body: object
}

/** @throws {Fault} or the words of a `KeyActions`. */
export async function answerKeys(path: string, request: IncomingMessage, keys: KeyActions): Promise<KeyAnswer> {
  const { method } = request
  const [name, action, more] = path.split('/').slice(2).map(decodeURIComponentSafe)
  if (more !== undefined || name === '') throw new Fault('HF_ROUTE_UNKNOWN', { detail: 'keys are at /keys/<name>' })
  if (method === 'GET' || method === 'HEAD') {
    if (name === undefined) return { status: 200, body: { keys: keys.list() } }
    throw new Fault('HF_METHOD_UNKNOWN', { param: 'PATCH, DELETE', detail: 'GET /keys lists them all' })
  }
  checkWriter(request)
  const body = await readJson(request)
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

function create({ method }: IncomingMessage, body: Body, keys: KeyActions): KeyAnswer {
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

type Body = Readonly<Record<string, unknown>>

function graceOf({ graceMinutes = graceMinutesDefault }: Body): number {
  if (typeof graceMinutes === 'number' && graceMinutes >= 0 && graceMinutes <= graceMinutesMax) return graceMinutes
  throw new Fault('HF_BAD_CALL', { detail: `\`graceMinutes\` is a number from 0 to ${graceMinutesMax}` })
}

/** A form in a foreign page can send neither. */
function checkWriter({ headers, method }: IncomingMessage): void {
  const { origin, host } = headers
  if (origin !== undefined && !(URL.canParse(origin) && new URL(origin).host === host))
    throw new Fault('HF_KEY_UNKNOWN', { detail: 'pages of other sites may not write here', status: 403 })
  const type = headers['content-type'] ?? ''
  if (method !== 'DELETE' && !/^application\/json\s*(;|$)/i.test(type))
    throw new Fault('HF_MEDIA_TYPE', { detail: 'send application/json' })
}

async function readJson(request: IncomingMessage): Promise<Body> {
  const parts: Buffer[] = []
  let bytes = 0
  for await (const part of request as AsyncIterable<Buffer>) {
    bytes += part.length
    if (bytes > bodyBytesMax) throw new Fault('HF_BODY_TOO_LARGE', { detail: `at most ${bodyBytesMax} bytes` })
    parts.push(part)
  }
  if (bytes === 0) return {}
  try {
    const value: unknown = JSON.parse(Buffer.concat(parts).toString())
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Body
  } catch {
    // It is told below.
  }
  throw new Fault('HF_BAD_JSON', { detail: 'the body is not a JSON object' })
}

function decodeURIComponentSafe(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** Answers, or refuses in the operator's words. */
export function serveKeys(
  path: string,
  [request, response]: readonly [IncomingMessage, ServerResponse],
  keys: KeyActions,
  refuse: (fault: Fault) => void,
): void {
  answerKeys(path, request, keys).then(
    ({ status, body }) => {
      if (response.destroyed) return
      const text = JSON.stringify(body, null, 2)
      response.writeHead(status, [
        ...['content-type', 'application/json', 'cache-control', 'no-store'],
        ...['content-length', String(Buffer.byteLength(text))],
      ])
      response.end(request.method === 'HEAD' ? undefined : text)
    },
    (thrown: unknown) => {
      if (thrown instanceof Fault) return refuse(thrown)
      const isWords = thrown instanceof Error && thrown.name === 'KeyError'
      refuse(
        isWords
          ? new Fault('HF_BAD_CALL', { detail: thrown.message })
          : new Fault('HF_INTERNAL', { detail: String(thrown) }),
      )
    },
  )
}
