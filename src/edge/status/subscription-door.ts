/**
 * Where the public asks to be told of incidents: the form of the page, Statuspage's JSON, and the links in letters. A
 * link alone changes nothing, since programs that check mail follow links; only a POST does, by a button or by one
 * click of the program for mail (RFC 8058).
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { FloodGate } from '../../status/subscription/flood-gate.ts'
import type { Counter } from '../../status/subscription/far-desk.ts'
import { readRequest, RequestRefusal } from '../../status/subscription/subscription-request.ts'
import { lastHop } from '../address/forwarded.ts'
import { type SmallPage, smallPageHeaders, smallPageHtml } from './small-page.ts'
import { readFields, type SubscriptionFields, TooLarge } from './subscription-fields.ts'

const apiPath = '/api/v2/subscribers.json'

export interface SubscriptionDoorParts {
  readonly desk: Counter
  readonly view: () => PageFacts
  /** Wall time. */
  readonly nowMs: () => number
  /** Somebody could not be served by our fault. */
  readonly onTrouble: (error: unknown) => void
}

/** What the door has to know of the page. */
export interface PageFacts {
  readonly page: { readonly name: string; readonly url: string }
  readonly components: readonly { readonly id: string }[]
}

interface Answer {
  readonly status: number
  readonly page: SmallPage
  /** For programs. */
  readonly json: object
  readonly headers?: Readonly<Record<string, string>>
}

/** Takes a request if it is for here: then true, and the answer comes. */
export type SubscriptionDoor = (request: IncomingMessage, response: ServerResponse) => boolean

export function openSubscriptionDoor(parts: SubscriptionDoorParts): SubscriptionDoor {
  const gate = new FloodGate(parts.desk.options.perSourceMax)
  return (request, response) => {
    const { path, token } = targetOf(request.url ?? '/')
    const step = stepOf(path, request.method ?? 'GET')
    if (step === null) return false
    const wantsJson = path === apiPath
    const run = async (): Promise<Answer> => {
      if (step === 'wrong') return wrongMethod
      if (step === 'look') return lookAt(path)
      const fields = await readFields(request)
      if (step === 'ask') return ask(parts, gate, request, fields)
      const shown = token || fields.token
      return path === '/confirm' ? confirm(parts, shown) : unsubscribe(parts, shown)
    }
    run()
      .catch((error: unknown) => answerFor(error, parts, request))
      .then((answer) => send(request, response, answer, parts.view().page, wantsJson))
      // The visitor has gone, as a rule.
      .catch(() => response.destroy())
    return true
  }
}

type Step = 'ask' | 'look' | 'act' | 'wrong'

/** Null where it is no business of ours. */
function stepOf(path: string, method: string): Step | null {
  if (path === apiPath) return method === 'POST' ? 'ask' : method === 'DELETE' ? 'act' : 'wrong'
  if (path === '/subscribe') return method === 'POST' ? 'ask' : null
  if (path !== '/confirm' && path !== '/unsubscribe') return null
  if (method === 'POST') return 'act'
  return method === 'GET' || method === 'HEAD' ? 'look' : 'wrong'
}

function targetOf(url: string): { path: string; token: string } {
  const [path = '/', query = ''] = url.split('?', 2)
  return { path, token: new URLSearchParams(query).get('token') ?? '' }
}

function lookAt(path: string): Answer {
  const isConfirm = path === '/confirm'
  const page = isConfirm
    ? {
        title: 'One more step',
        text: 'You asked to be told of incidents. Confirm it, and you will be.',
        button: 'Confirm',
      }
    : { title: 'Unsubscribe', text: 'Do you want to be told of incidents no more?', button: 'Unsubscribe' }
  return { status: 200, page, json: {} }
}

async function ask(
  { desk, view, nowMs }: SubscriptionDoorParts,
  gate: FloodGate,
  request: IncomingMessage,
  fields: SubscriptionFields,
): Promise<Answer> {
  const waitMs = gate.waitMs(sourceOf(request, desk.options.sourceHeader), nowMs())
  if (waitMs > 0) return tooMany(waitMs)
  const { page, components } = view()
  const known = components.map(({ id }) => id)
  const wanted = readRequest(fields.subscriber, known, desk.options)
  if (wanted.channel === 'email' && page.url === '') throw new RequestRefusal('Mail is not offered here.')
  const { kind, secret } = await desk.ask(wanted)
  if (kind === 'full') return tooMany(3_600_000)
  const mode = wanted.channel
  const common = { mode, state: 'unconfirmed', components: wanted.components ?? known }
  if (mode === 'email')
    return {
      status: 202,
      page: { title: 'Look into your mail', text: 'We have sent you a link. Follow it to confirm.', button: null },
      json: { subscriber: { ...common, email: wanted.address } },
    }
  const text =
    mode === 'slack'
      ? 'A first message is on its way to your channel.'
      : `A first message is on its way to your webhook, which has to answer its challenge. Messages are signed with ${secret}`
  const json = { ...common, ...(mode === 'webhook' && { endpoint: wanted.address, secret }) }
  return { status: 202, page: { title: 'Almost done', text, button: null }, json: { subscriber: json } }
}

async function confirm({ desk }: SubscriptionDoorParts, token: string): Promise<Answer> {
  if (!(await desk.confirm(token))) return badLink
  const text = 'You will be told of incidents. Each message has a link to unsubscribe.'
  return { status: 200, page: { title: 'Confirmed', text, button: null }, json: { state: 'confirmed' } }
}

async function unsubscribe({ desk }: SubscriptionDoorParts, token: string): Promise<Answer> {
  if (!(await desk.unsubscribe(token))) return badLink
  const text = 'You will not be told of incidents any more.'
  return { status: 200, page: { title: 'Unsubscribed', text, button: null }, json: { state: 'unsubscribed' } }
}

const refused = (status: number, title: string, text: string, headers: Record<string, string> = {}): Answer => ({
  status,
  page: { title, text, button: null },
  json: { error: text },
  headers,
})

const badLink = refused(
  404,
  'This link is not good',
  'It is too old, or not whole. Ask for another on the status page.',
)
const wrongMethod = refused(405, 'Not like this', 'Subscribe with POST.', { allow: 'GET, HEAD, POST, DELETE' })

const tooMany = (waitMs: number): Answer =>
  refused(429, 'Too many requests', 'Please try again later.', { 'retry-after': String(Math.ceil(waitMs / 1000)) })

function answerFor(error: unknown, { onTrouble }: SubscriptionDoorParts, request: IncomingMessage): Answer {
  if (error instanceof RequestRefusal) return refused(422, 'This does not work', error.message)
  if (error instanceof TooLarge) return refused(413, 'Too large', 'This is longer than anything we asked for.')
  // One who has hung up is no trouble of ours, and could fill a log with it.
  if (request.errored === null) onTrouble(error)
  return refused(503, 'Not now', 'This does not work at the moment. Please try again later.', { 'retry-after': '60' })
}

function send(
  request: IncomingMessage,
  response: ServerResponse,
  { status, page: small, json, headers }: Answer,
  page: PageFacts['page'],
  wantsJson: boolean,
): void {
  const body = Buffer.from(wantsJson ? JSON.stringify(json) : smallPageHtml(small, page.name, page.url))
  const shape = wantsJson
    ? { 'content-type': 'application/json; charset=utf-8', 'access-control-allow-origin': '*' }
    : smallPageHeaders
  const all = { ...shape, 'cache-control': 'no-store', 'content-length': body.length, ...headers }
  // What is still being sent is not waited for.
  if (!request.complete) response.shouldKeepAlive = false
  response.writeHead(status, all).end(request.method === 'HEAD' ? undefined : body)
}

/** By the header that our own proxy writes, else by the connection. */
function sourceOf(request: IncomingMessage, header: string): string {
  const said = header === '' ? null : lastHop(request.headers, header.toLowerCase())
  return said ?? request.socket.remoteAddress ?? ''
}
