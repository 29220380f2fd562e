// The example's fetch: an answer over broken connections comes whole and once, or it is said what became of it.
import assert from 'node:assert/strict'
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { AnswerLost, resumingFetch, type ResumingOptions } from '../../examples/resumable-chat/resuming-fetch.js'
import { until } from './harness.ts'

const ray = '01m849vn68vs1z00ptynnb-local'
const words = ['The ', 'sea ', 'is ', '海 ', 'and ', '🌊.']
const events = [...words.map((word) => JSON.stringify({ choices: [{ delta: { content: word } }] })), '[DONE]'].map(
  (data, id) => `id: ${id}\ndata: ${data}\n\n`,
)
const whole = events.join('')

interface Ask {
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

type Script = (response: ServerResponse, ask: Ask) => void

/** A gateway of which every answer is written by the test, one a request; the last one is for all further ones. */
let scripts: Script[] = []
let asks: Ask[] = []
let server: Server
let url = ''

beforeEach(async () => {
  asks = []
  server = createServer((request, response) => void serve(request, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/chat/completions`
})
afterEach(async () => {
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
})

async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
  let body = ''
  for await (const piece of request.setEncoding('utf8')) body += String(piece)
  const ask = { method: request.method ?? '', path: request.url ?? '', headers: request.headers, body }
  asks.push(ask)
  const script = scripts[Math.min(asks.length, scripts.length) - 1] as Script
  script(response, ask)
}

function begin(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'holdfast-ray': ray })
}

/** Sends this, then ends as it should. */
const send =
  (text: string): Script =>
  (response) => {
    begin(response)
    response.end(text)
  }

/** Sends this, then the connection breaks. */
const breakAfter =
  (text: string): Script =>
  (response) => {
    begin(response)
    response.write(text, () => response.socket?.resetAndDestroy())
  }

const refuse =
  (status: number, message: string): Script =>
  (response) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify({ error: { message } }))
  }

const post = {
  method: 'POST',
  headers: { 'content-type': 'application/json', authorization: 'Bearer sk-1', 'idempotency-key': 'k' },
  body: '{}',
}

/** Asks with that fetch, without really waiting; gives the text of the body, and the waits between the tries. */
async function read(options: ResumingOptions = {}): Promise<{ text: string; waits: number[] }> {
  const waits: number[] = []
  const fetch = resumingFetch({
    pause: async (ms) => void waits.push(ms),
    ...options,
  })
  return { text: await (await fetch(url, post)).text(), waits }
}

/** The error in which reading ends. */
async function lostBy(options: ResumingOptions): Promise<AnswerLost> {
  let lost: unknown
  await read(options).catch((error: unknown) => (lost = error))
  assert.ok(lost instanceof AnswerLost, `AnswerLost expected: ${String(lost)}`)
  assert.equal(lost.ray, ray)
  return lost
}

describe('a fetch that resumes', () => {
  test('passes on an answer that does not break, and tells its ray', async () => {
    scripts = [send(whole)]
    const rays: string[] = []
    assert.equal((await read({ onRay: (name) => rays.push(name) })).text, whole)
    assert.deepEqual(rays, [ray])
    assert.equal(asks.length, 1)
  })

  test('asks for the rest wherever the connection breaks, in the middle of a character too', async () => {
    const bytes = Buffer.from(whole)
    for (let cut = 0; cut < bytes.length; cut += 7) {
      asks = []
      scripts = [
        (response) => {
          begin(response)
          response.flushHeaders()
          if (cut > 0) response.write(bytes.subarray(0, cut))
          setImmediate(() => response.socket?.destroy())
        },
        (response, { headers }) => {
          begin(response)
          response.end(events.slice(Number(headers['last-event-id'] ?? -1) + 1).join(''))
        },
      ]
      assert.equal((await read()).text, whole, `cut at byte ${cut}`)
      assert.equal(asks.length, 2)
      assert.equal(asks[1]?.path, `/v1/chat/completions/${ray}?stream=true`)
      assert.equal(asks[1]?.method, 'GET')
    }
  })

  test('takes an end without the end mark for a break', async () => {
    scripts = [send(events.slice(0, 2).join('')), send(events.slice(2).join(''))]
    assert.equal((await read()).text, whole)
    assert.equal(asks[1]?.headers['last-event-id'], '1')
  })

  test('passes on nothing twice when the gateway begins again at the first event', async () => {
    scripts = [breakAfter(events.slice(0, 4).join('')), send(whole)]
    assert.equal((await read()).text, whole)
  })

  test('waits longer and longer for a gateway that is not ready, and begins anew with each event', async () => {
    const notReady = refuse(503, 'not yet')
    const first = breakAfter(events.slice(0, 2).join(''))
    scripts = [first, notReady, notReady, notReady, breakAfter(events[2] ?? ''), send(events.slice(3).join(''))]
    const { text, waits } = await read({ waitMs: 100 })
    assert.equal(text, whole)
    assert.equal(asks.length, 6)
    // Up to one half of each wait is left to chance; a new event was there, so the last try came at once.
    assert.equal(waits.length, 3)
    for (const [i, ms] of waits.entries()) assert.ok(ms >= 50 * 2 ** i && ms <= 100 * 2 ** i, `wait ${i}: ${ms} ms`)
  })

  test('gives up after so many tries, and says that the gateway may still have the answer', async () => {
    scripts = [breakAfter(events[0] ?? ''), refuse(502, 'nobody is here')]
    const lost = await lostBy({ triesMax: 5 })
    assert.equal(lost.isFinal, false)
    assert.equal(asks.length, 6)
    assert.match(String(lost.cause), /nobody is here/)
  })

  test('gives up a gateway that takes and drops connections without a new event', async () => {
    scripts = [breakAfter(events[0] ?? ''), breakAfter('')]
    assert.equal((await lostBy({ triesMax: 4 })).isFinal, false)
    assert.equal(asks.length, 5)
  })

  test('says in the gateway’s words that the answer is not there any more', async () => {
    scripts = [breakAfter(events[0] ?? ''), refuse(410, 'The answer is older than this gateway keeps answers.')]
    const lost = await lostBy({})
    assert.equal(lost.isFinal, true)
    assert.equal(lost.message, 'The answer is older than this gateway keeps answers.')
    assert.equal(asks.length, 2)
  })

  test('ends with the event that says that the answer has broken for good', async () => {
    const broken = 'id: 1\ndata: {"error":{"message":"broke off","code":"upstream_unavailable"}}\n\n'
    scripts = [breakAfter(`${events[0]}${broken}`)]
    assert.equal((await read()).text, `${events[0]}${broken}`)
    assert.equal(asks.length, 1)
  })

  test('comes back when a gateway that has to leave says so, in an event without a number', async () => {
    const leaving = 'data: {"error":{"message":"closing"}}\n\n'
    scripts = [breakAfter(leaving), breakAfter(`${events[0]}${leaving}`), send(events.slice(1).join(''))]
    assert.equal((await read()).text, whole)
    assert.equal(asks[1]?.headers['last-event-id'], undefined)
    assert.equal(asks[2]?.headers['last-event-id'], '0')
  })

  test('ends when the gateway says that nothing is behind the last event', async () => {
    scripts = [breakAfter(events.slice(0, 6).join('')), (response) => response.writeHead(204).end()]
    assert.equal((await read()).text, events.slice(0, 6).join(''))
    assert.equal(asks.length, 2)
  })

  test('goes on without numbers as long as nothing breaks, and never guesses', async () => {
    const bare = whole.replaceAll(/^id: \d+\n/gm, '')
    scripts = [send(bare)]
    assert.equal((await read()).text, bare)
    scripts = [breakAfter(bare.slice(0, 200))]
    assert.equal((await lostBy({})).isFinal, false)
  })

  test('reads a kept answer by its ray, with the key and without asking the model again', async () => {
    scripts = [breakAfter(events.slice(0, 3).join('')), send(events.slice(3).join(''))]
    assert.equal((await read({ ray })).text, whole)
    assert.deepEqual(
      asks.map(({ method, body }) => [method, body]),
      [
        ['GET', ''],
        ['GET', ''],
      ],
    )
    assert.equal(asks[0]?.headers['last-event-id'], undefined)
    assert.equal(asks[0]?.headers.authorization, 'Bearer sk-1')
    assert.equal(asks[0]?.headers['idempotency-key'], undefined)
  })

  test('takes a connection for broken that brings nothing for long', async () => {
    scripts = [
      (response) => {
        begin(response)
        response.write(events[0])
      },
      send(events.slice(1).join('')),
    ]
    assert.equal((await read({ silenceMs: 40 })).text, whole)
  })

  test('lets go of the connection when its reader leaves, and does not come back', async () => {
    let isClosed = false
    scripts = [
      (response) => {
        begin(response)
        response.write(events[0])
        response.on('close', () => (isClosed = true))
      },
    ]
    const { body } = await resumingFetch()(url, post)
    const reader = (body as ReadableStream<Uint8Array>).getReader()
    await reader.read()
    await reader.cancel()
    await until('the connection to be closed', () => isClosed)
    assert.equal(asks.length, 1)
  })

  test('leaves alone what is no stream of events', async () => {
    scripts = [refuse(429, 'slow down')]
    const response = await resumingFetch()(url, post)
    assert.equal(response.status, 429)
    assert.match(await response.text(), /slow down/)
    assert.equal(asks.length, 1)
  })
})
