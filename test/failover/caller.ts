/**
 * One caller of a gateway: asks once, or asks and comes back for the rest whenever the connection is lost. Every call
 * is given up after its patience, so that a gateway that hangs is caught and not waited for.
 */
import { type Agent, type IncomingMessage, request as httpRequest } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { question } from './answer-text.ts'
import { type ConnectionEnd, Hearing } from './hearing.ts'

export interface Ask {
  /** Base URL of the gateway. */
  readonly url: string
  readonly model: string
  readonly isStream: boolean
  readonly patienceMs: number
  readonly headers?: Readonly<Record<string, string>>
  /** Connections to be used again; left out, each call opens its own. */
  readonly agent?: Agent
  /** Told at each piece of what came; may leave, or hold the reading up by its promise. */
  readonly onBytes?: (hearing: Hearing, bytes: number) => Promise<void> | 'leave' | undefined
}

interface Request {
  readonly method: 'GET' | 'POST'
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | null
  readonly agent: Agent | false
  readonly leftMs: number
  readonly onBytes: Ask['onBytes']
}

/** Asks once. */
export async function ask(options: Ask): Promise<Hearing> {
  const hearing = new Hearing()
  hearing.ended(await connect(post(options, options.patienceMs, {}), hearing))
  return hearing
}

export interface Persistence {
  /** How a lost answer is asked for: by its ray, behind the last event, or by the same call once more. */
  readonly by: 'ray' | 'repeat'
  /** Before it comes back. */
  readonly waitMs: number
}

/** Asks, and comes back whenever the connection is lost, until the answer has ended or patience has. */
export async function askOn(options: Ask, { by, waitMs }: Persistence): Promise<Hearing> {
  const hearing = new Hearing()
  const endMs = hearing.beganMs + options.patienceMs
  let ray: string | undefined
  for (let number = 0; ; number++) {
    const leftMs = endMs - performance.now()
    if (leftMs <= 0) {
      hearing.ended('late')
      return hearing
    }
    // A stream that is asked for again by the same call begins anew, and so does what was heard of it.
    const current = by === 'repeat' ? again(hearing, number) : hearing
    const canResume = by === 'ray' && ray !== undefined
    const repeated = { 'x-stainless-retry-count': String(number) }
    const request = canResume ? get(options, leftMs, ray ?? '', hearing.lastId) : post(options, leftMs, repeated)
    const end = await connect(request, current)
    current.ended(end)
    ray ??= current.status === 200 ? (current.headers['holdfast-ray'] as string | undefined) : undefined
    if (isOver(current, end, number)) return current
    current.forgetError()
    hearing.resumeCount++
    await sleep(waitMs)
  }
}

/** A fresh hearing that goes on counting time and returns. */
function again(first: Hearing, number: number): Hearing {
  if (number === 0) return first
  const next = new Hearing()
  next.resumeCount = number
  return next
}

/** Retried is what SDKs retry: lost connections, and refusals that may pass. */
function isOver(hearing: Hearing, end: ConnectionEnd, number: number): boolean {
  if (hearing.complaint !== null || end === 'late' || number > 200) return true
  if (hearing.isDone) return true
  if (hearing.status !== null && hearing.status !== 200) return hearing.headers['x-should-retry'] !== 'true'
  return hearing.error !== null && hearing.isErrorNumbered
}

function post(options: Ask, leftMs: number, more: Readonly<Record<string, string>>): Request {
  const { url, model, isStream, headers, agent, onBytes } = options
  const messages = [{ role: 'user', content: question }]
  const usage = isStream ? { stream_options: { include_usage: true } } : {}
  return {
    method: 'POST',
    url: `${url}/v1/chat/completions`,
    headers: { 'content-type': 'application/json', ...more, ...headers },
    body: JSON.stringify({ model, stream: isStream, temperature: 0, messages, ...usage }),
    agent: agent ?? false,
    leftMs,
    onBytes,
  }
}

function get(options: Ask, leftMs: number, ray: string, lastId: number | null): Request {
  const { url, isStream, agent, onBytes } = options
  const accept = isStream ? 'text/event-stream' : 'application/json'
  return {
    method: 'GET',
    url: `${url}/v1/answers/${ray}`,
    headers: { accept, ...(lastId !== null && { 'last-event-id': String(lastId) }) },
    body: null,
    agent: agent ?? false,
    leftMs,
    onBytes,
  }
}

/** One connection, to its end. */
function connect(options: Request, hearing: Hearing): Promise<ConnectionEnd> {
  const { method, url, headers, body, agent, leftMs, onBytes } = options
  const { promise, resolve } = Promise.withResolvers<ConnectionEnd>()
  const length: Record<string, string> = body === null ? {} : { 'content-length': String(Buffer.byteLength(body)) }
  const request = httpRequest(url, { method, agent, headers: { ...headers, ...length } })
  const end = (how: ConnectionEnd): void => {
    clearTimeout(late)
    resolve(how)
    if (how !== 'clean') request.destroy()
  }
  const late = setTimeout(() => end('late'), leftMs)
  request.on('error', (error: NodeJS.ErrnoException) => end(error.code === 'ECONNREFUSED' ? 'refused' : 'broken'))
  request.on('response', (response) => {
    hearing.head(response.statusCode ?? 0, response.headers)
    read(response, hearing, onBytes).then(end, () => end('broken'))
  })
  request.end(body ?? undefined)
  return promise
}

async function read(response: IncomingMessage, hearing: Hearing, onBytes: Ask['onBytes']): Promise<ConnectionEnd> {
  const isEvents = (response.headers['content-type'] ?? '').includes('text/event-stream')
  const decoder = new TextDecoder()
  let pending = ''
  for await (const bytes of response as AsyncIterable<Buffer>) {
    pending += decoder.decode(bytes, { stream: true })
    if (isEvents) pending = takeEvents(pending, hearing)
    const wish = onBytes?.(hearing, bytes.length)
    if (wish === 'leave') return 'left'
    await wish
  }
  if (!isEvents && response.statusCode !== 204) hearing.body(pending)
  return response.complete ? 'clean' : 'broken'
}

/** Feeds whole events; what is left is the beginning of the next. */
function takeEvents(text: string, hearing: Hearing): string {
  let at = 0
  for (let end = text.indexOf('\n\n'); end !== -1; end = text.indexOf('\n\n', at)) {
    hearing.event(text.slice(at, end))
    at = end + 2
  }
  return text.slice(at)
}
