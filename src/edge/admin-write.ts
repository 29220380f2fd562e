/**
 * What operators' programs may change at their port: keys, and the configuration. It needs `content-type:
 * application/json` and no foreign `Origin`, so that no page in somebody's browser can write here.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Fault } from '../fault/fault.ts'

export interface AdminAnswer {
  readonly status: number
  readonly body: object
}

export type AdminBody = Readonly<Record<string, unknown>>

export const reloadPath = '/reload'
const bodyBytesMax = 64 * 1024

/** `POST /reload` `{"dryRun": true}`. */
export async function answerReload(
  request: IncomingMessage,
  reload: (isDry: boolean) => Promise<object>,
): Promise<AdminAnswer> {
  if (request.method !== 'POST') throw new Fault('HF_METHOD_UNKNOWN', { param: 'POST', detail: 'POST /reload' })
  const { dryRun = false } = await readWrite(request)
  if (typeof dryRun !== 'boolean') throw new Fault('HF_BAD_CALL', { detail: '`dryRun` is true or false' })
  return { status: 200, body: await reload(dryRun) }
}

/** The body of a request that may write. @throws {Fault} */
export async function readWrite(request: IncomingMessage): Promise<AdminBody> {
  checkWriter(request)
  return readJson(request)
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

async function readJson(request: IncomingMessage): Promise<AdminBody> {
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
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as AdminBody
  } catch {
    // It is told below.
  }
  throw new Fault('HF_BAD_JSON', { detail: 'the body is not a JSON object' })
}

/** Answers, or refuses in the operator's words. */
export function serveWrite(
  [request, response]: readonly [IncomingMessage, ServerResponse],
  answer: () => Promise<AdminAnswer>,
  refuse: (fault: Fault) => void,
): void {
  answer().then(
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
      const isWords = thrown instanceof Error && wordNames.has(thrown.name)
      const detail = isWords ? thrown.message : String(thrown)
      refuse(new Fault(isWords ? 'HF_BAD_CALL' : 'HF_INTERNAL', { detail }))
    },
  )
}

/** Errors whose words are for the operator. */
const wordNames: ReadonlySet<string> = new Set(['KeyError', 'ConfigError', 'RolloutError'])
