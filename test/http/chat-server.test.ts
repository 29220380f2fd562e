// The example's server without a browser: what it asks of the gateway, and what it says when something is wrong.
import assert from 'node:assert/strict'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, beforeEach, describe, test } from 'node:test'
import { ChatApp, eventually } from './chat-app.ts'
import { until } from './harness.ts'

interface Ask {
  readonly method: string
  readonly path: string
  readonly key: string | undefined
  readonly response: ServerResponse
}

/** A gateway of which every answer is written by the test. */
let asks: Ask[] = []
let gateway: Server
let app: ChatApp

before(async () => {
  gateway = createServer((request, response) => void serve(request, response))
  await new Promise<void>((resolve) => gateway.listen(0, '127.0.0.1', resolve))
  app = await ChatApp.start(`http://127.0.0.1:${(gateway.address() as AddressInfo).port}`)
})
after(async () => {
  await app[Symbol.asyncDispose]()
  gateway.closeAllConnections()
  await new Promise((resolve) => gateway.close(resolve))
})
beforeEach(() => {
  asks = []
})

async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
  for await (const _ of request);
  if (request.url === '/v1/models') return void response.end('{"data":[{"id":"m"}]}')
  const key = request.headers['idempotency-key']
  asks.push({ method: request.method ?? '', path: request.url ?? '', key: key?.toString(), response })
}

async function nextAsk(index: number): Promise<Ask> {
  await until(`request ${index} at the gateway`, () => asks.length > index)
  return asks[index] as Ask
}

function begin({ response }: Ask, ray: string): void {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'holdfast-ray': ray })
  response.flushHeaders()
}

let events = 0
function say({ response }: Ask, content: string, finish_reason: string | null = null): void {
  const chunk = { id: 'c', model: 'm', choices: [{ index: 0, delta: { content }, finish_reason }] }
  response.write(`id: ${events++}\ndata: ${JSON.stringify(chunk)}\n\n`)
}
function finish(ask: Ask): void {
  say(ask, '', 'stop')
  ask.response.end('data: [DONE]\n\n')
}

let chats = 0
function newId(): string {
  events = 0
  return `chat-${chats++}`
}

const send = (path: string, body: unknown): Promise<Response> =>
  fetch(app.url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })

const question = (id: string, text = 'hello'): object => ({
  id,
  message: { id: `${id}-asked`, role: 'user', parts: [{ type: 'text', text }] },
})

interface Shown {
  readonly running: string | null
  readonly messages: { id: string; role: string; parts: { text?: string }[]; metadata?: object }[]
}
const show = async (id: string): Promise<Shown> => (await fetch(`${app.url}/api/chats/${id}`)).json() as Promise<Shown>

const chunksOf = (text: string): { type: string; messageId?: string; errorText?: string }[] =>
  text
    .split('\n\n')
    .map((event) => event.replace(/^data: /, ''))
    .filter((data) => data.startsWith('{'))
    .map((data) => JSON.parse(data) as { type: string })

describe('the server of the resumable chat', () => {
  test('gives the same stream, from the same message id on, to whoever comes later', async () => {
    const id = newId()
    const first = await send('/api/chat', question(id))
    assert.equal(first.headers.get('x-vercel-ai-ui-message-stream'), 'v1')
    const asked = await nextAsk(0)
    begin(asked, 'ray-a')
    say(asked, 'one ')
    const later = fetch(`${app.url}/api/chat/${id}/stream`)
    const replayed = await nextAsk(1)
    assert.equal(`${replayed.method} ${replayed.path}`, 'GET /v1/chat/completions/ray-a?stream=true')
    events = 0
    begin(replayed, 'ray-a')
    say(replayed, 'one ')
    say(replayed, 'two')
    finish(replayed)
    events = 1
    say(asked, 'two')
    finish(asked)
    const [here, there] = [await first.text(), await (await later).text()]
    assert.equal(chunksOf(here)[0]?.type, 'start')
    assert.equal(there, here)
    const { running, messages } = await show(id)
    assert.equal(running, null)
    assert.deepEqual(
      messages.map(({ id, role, parts }) => [id, role, parts.map(({ text }) => text ?? '').join('')]),
      [
        [`${id}-asked`, 'user', 'hello'],
        [chunksOf(here)[0]?.messageId, 'assistant', 'one two'],
      ],
    )
    assert.equal((await fetch(`${app.url}/api/chat/${id}/stream`)).status, 204)
  })

  test('a reload before the first token waits for it, and does not ask again', async () => {
    const id = newId()
    const first = await send('/api/chat', question(id))
    const asked = await nextAsk(0)
    const later = fetch(`${app.url}/api/chat/${id}/stream`)
    await first.body?.cancel()
    begin(asked, 'ray-b')
    const replayed = await nextAsk(1)
    assert.equal(replayed.path, '/v1/chat/completions/ray-b?stream=true')
    begin(replayed, 'ray-b')
    for (const each of [asked, replayed]) {
      events = 0
      say(each, 'late')
      finish(each)
    }
    assert.match(await (await later).text(), /late/)
    assert.equal(asks.filter(({ method }) => method === 'POST').length, 1)
  })

  test('killed before the gateway has named the ray, it asks again under the same key', async () => {
    const id = newId()
    void send('/api/chat', question(id)).catch(() => {})
    const asked = await nextAsk(0)
    await app.kill()
    await app.start()
    const again = await nextAsk(1)
    assert.equal(again.method, 'POST')
    assert.equal(again.key, asked.key)
    assert.equal((await show(id)).running, asked.key)
    begin(again, 'ray-c')
    say(again, 'found')
    finish(again)
    await eventually('the answer in the chat', async () => (await show(id)).running === null)
    assert.equal((await show(id)).messages[1]?.parts.at(-1)?.text, 'found')
  })

  test('one answer at a time; a stop that comes late stops nothing', async () => {
    const id = newId()
    const first = await send('/api/chat', question(id))
    const asked = await nextAsk(0)
    begin(asked, 'ray-d')
    assert.equal((await send('/api/chat', question(id, 'and?'))).status, 409)
    assert.equal((await send(`/api/chat/${id}/stop`, { messageId: 'an-older-one' })).status, 200)
    assert.equal(asks.length, 1)
    const { running } = await show(id)
    const stopped = send(`/api/chat/${id}/stop`, { messageId: running })
    const cancel = await nextAsk(1)
    assert.equal(`${cancel.method} ${cancel.path}`, 'POST /v1/chat/completions/ray-d/cancel')
    cancel.response.end('{}')
    assert.equal((await stopped).status, 200)
    say(asked, 'half')
    asked.response.end(`id: 1\ndata: ${JSON.stringify({ error: { message: 'Cancelled.', code: 'cancelled' } })}\n\n`)
    const types = chunksOf(await first.text()).map(({ type }) => type)
    assert.ok(types.includes('abort') && !types.includes('error'), types.join(' '))
    assert.deepEqual((await show(id)).messages[1]?.metadata, { ray: 'ray-d', ending: 'stopped' })
  })

  test('an answer that broke for good says so, stays as far as it came, and can be asked for again', async () => {
    const id = newId()
    const first = await send('/api/chat', question(id))
    const asked = await nextAsk(0)
    begin(asked, 'ray-e')
    say(asked, 'half')
    const error = { message: 'The model server broke off.', code: 'upstream_unavailable' }
    asked.response.end(`id: 1\ndata: ${JSON.stringify({ error })}\n\n`)
    const said = chunksOf(await first.text()).find(({ type }) => type === 'error')
    assert.equal(said?.errorText, error.message)
    const broken = (await show(id)).messages[1]
    assert.deepEqual(broken?.metadata, { ray: 'ray-e', ending: 'broken', reason: error.message })
    const second = await send('/api/chat', question(id))
    const again = await nextAsk(1)
    assert.notEqual(again.key, asked.key)
    events = 0
    begin(again, 'ray-f')
    say(again, 'whole')
    finish(again)
    await second.text()
    const { messages } = await show(id)
    assert.deepEqual(
      messages.map(({ parts }) => parts.map(({ text }) => text ?? '').join('')),
      ['hello', 'whole'],
    )
  })

  test('refuses what it cannot understand', async () => {
    const status = async (body: unknown): Promise<number> => (await send('/api/chat', body)).status
    assert.equal(await status('{'), 400)
    assert.equal(await status('null'), 400)
    assert.equal(await status({ id: '../chat', message: {} }), 400)
    assert.equal(await status({ id: 'c' }), 400)
    assert.equal(await status(question('c', ' ')), 400)
    assert.equal(await status(question('c', 'a'.repeat(1024 * 1024))), 413)
    const form = await fetch(`${app.url}/api/chat`, { method: 'POST', body: JSON.stringify(question('c')) })
    assert.equal(form.status, 415)
    assert.equal((await fetch(`${app.url}/api/chat/nobody/stream`)).status, 204)
    assert.equal((await fetch(`${app.url}/api/chat/a%2Fb/stream`)).status, 404)
    assert.equal((await fetch(`${app.url}/server.js`)).status, 404)
    assert.equal(asks.length, 0)
  })
})
