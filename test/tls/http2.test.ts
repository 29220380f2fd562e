// HTTP/2 beside HTTP/1.1: calls, streams, readers that leave or do not read, answers that break off, a polite end.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2'
import { after, before, test } from 'node:test'
import { goodBody, openTestHouse, streamBody, type TestHouse, until, type UpstreamCall } from '../http/harness.ts'
import { Authority, material, noOpenssl } from './certificates.ts'

const skip = noOpenssl ?? false
let authority: Authority
let house: TestHouse

before(async () => {
  if (skip) return
  authority = new Authority()
  house = await openTestHouse({}, material([authority.issue('localhost', '127.0.0.1')]))
})

after(async () => {
  await house?.[Symbol.asyncDispose]()
  authority?.[Symbol.dispose]()
})

interface Visit extends AsyncDisposable {
  readonly session: ClientHttp2Session
  ask(body: string | null, headers?: Record<string, string>): ClientHttp2Stream
}

async function visit(url = `https://127.0.0.1:${house.port}`): Promise<Visit> {
  const session = connect(url, { ca: authority?.cert, servername: 'localhost' })
  session.on('error', () => {})
  const gone = new Promise<void>((resolve) => session.once('close', () => resolve()))
  await once(session, 'connect')
  return {
    session,
    ask: (body, headers = {}) => {
      const method = body === null ? 'GET' : 'POST'
      const path = body === null ? '/v1/models' : '/v1/chat/completions'
      const stream = session.request({
        ':method': method,
        ':path': path,
        'content-type': 'application/json',
        ...headers,
      })
      return body === null ? stream.end() : stream.end(body)
    },
    [Symbol.asyncDispose]: async () => {
      session.destroy()
      await gone
    },
  }
}

interface Heard {
  readonly status: number
  readonly headers: Record<string, unknown>
  readonly text: string
  /** The code of a reset; null where the answer ended as a whole. */
  readonly reset: number | null
}

/** However it ends. */
function closed(stream: ClientHttp2Stream): Promise<void> {
  stream.on('error', () => {})
  return new Promise((resolve) => stream.once('close', () => resolve()))
}

async function hear(stream: ClientHttp2Stream): Promise<Heard> {
  let headers: Record<string, unknown> = {}
  let text = ''
  let isEnded = false
  stream.on('response', (head) => (headers = head))
  stream.setEncoding('utf8').on('data', (piece: string) => (text += piece))
  stream.on('end', () => (isEnded = true))
  await closed(stream)
  const code = stream.rstCode ?? 0
  return { status: Number(headers[':status']), headers, text, reset: isEnded && code === 0 ? null : code }
}

test('calls, lists and refusals come with what HTTP/2 allows', { skip }, async () => {
  await using client = await visit()
  const whole = await hear(client.ask(goodBody))
  assert.deepEqual([whole.status, whole.reset], [200, null])
  assert.match(whole.text, /"content":"hello"/)
  assert.match(String(whole.headers['holdfast-ray']), /-local$/)
  for (const name of ['connection', 'keep-alive', 'transfer-encoding']) assert.equal(whole.headers[name], undefined)
  const list = await hear(client.ask(null))
  assert.match(list.text, /"id":"m"/)
  const unknown = await hear(client.ask(null, { ':path': '/nothing', accept: 'text/html' }))
  assert.equal(unknown.status, 404)
  assert.match(unknown.text, /<!doctype html>/)
  const tunnel = await hear(client.session.request({ ':method': 'CONNECT', ':authority': 'x:1' }).end())
  assert.ok(tunnel.status >= 400 && tunnel.headers['holdfast-ray'], 'no tunnel, and a ray')
  const expecting = await hear(client.ask(goodBody, { expect: 'wonders' }))
  assert.equal(expecting.status, 417)
})

test('many streams on one connection do not wait for each other', { skip }, async () => {
  await using client = await visit()
  const base = house.upstream.calls.length
  house.upstream.script = (call) => {
    call.beginStream()
    call.say('first')
  }
  const slow = client.ask(streamBody)
  const heardSlow = hear(slow)
  const held = await house.upstream.call(base)
  house.upstream.script = (call) => {
    call.beginStream()
    call.say('second')
    call.endStream()
  }
  const others = await Promise.all(Array.from({ length: 40 }, () => hear(client.ask(streamBody))))
  assert.ok(others.every(({ text, reset }) => /second.*\[DONE\]/s.test(text) && reset === null))
  held.say(' and last')
  held.endStream()
  const { text, headers, reset } = await heardSlow
  assert.match(text, /first.*and last.*\[DONE\]/s)
  assert.match(String(headers['content-type']), /^text\/event-stream/)
  assert.equal(reset, null)
})

test('a reader that resets its stream has left: its answer is cancelled where that is asked for', {
  skip,
}, async () => {
  await using own = await openTestHouse({ onDisconnect: 'cancel' }, material([authority.issue('localhost')]))
  own.upstream.script = (call) => {
    call.beginStream()
    call.say('word')
  }
  await using client = await visit(`https://127.0.0.1:${own.port}`)
  const stream = client.ask(streamBody)
  stream.on('error', () => {})
  await once(stream, 'data')
  stream.close(constants.NGHTTP2_CANCEL)
  const call = await own.upstream.call(0)
  await until('the model server to be let go', () => call.leftMs !== null)
  await until('the call to be over', () => own.house.callsLive() === 0)
  assert.equal(own.accounts.at(-1)?.outcome, 'cancelled')
  // The connection serves on.
  assert.equal((await hear(client.ask(null))).status, 200)
})

test('an answer that breaks off ends with its error event and a reset, and never looks whole', { skip }, async () => {
  await using own = await openTestHouse({}, material([authority.issue('localhost')]))
  own.upstream.script = (call) => {
    call.beginStream()
    call.say('word')
    setTimeout(() => call.response.destroy(), 50)
  }
  await using client = await visit(`https://127.0.0.1:${own.port}`)
  const { text, reset } = await hear(client.ask(streamBody))
  assert.match(text, /word/)
  assert.match(text, /"cause":"HF_/)
  assert.doesNotMatch(text, /\[DONE\]/)
  assert.equal(reset, constants.NGHTTP2_INTERNAL_ERROR)
})

test('a reader that is slow gets all of it, and one that takes nothing at all is let go', { skip }, async () => {
  const settings = { limits: { stalledReaderMs: 2500 } }
  await using own = await openTestHouse(settings, material([authority.issue('localhost')]))
  const piece = 'x'.repeat(32 * 1024)
  const count = 100
  const sayAll = async (call: UpstreamCall): Promise<void> => {
    call.beginStream()
    for (let said = 0; said < count; said++) if (!call.say(piece)) await once(call.response, 'drain')
    call.endStream()
  }
  own.upstream.script = (call) => void sayAll(call)
  await using client = await visit(`https://127.0.0.1:${own.port}`)
  const slow = client.ask(streamBody)
  slow.on('data', () => {
    slow.pause()
    setTimeout(() => slow.resume(), 2)
  })
  // On a connection of its own: what it does not take fills the window that all streams of a connection share.
  await using other = await visit(`https://127.0.0.1:${own.port}`)
  const silent = other.ask(streamBody)
  const silentGone = closed(silent)
  const { text, reset } = await hear(slow)
  assert.equal(text.split(piece).length - 1, count)
  assert.match(text, /\[DONE\]/)
  assert.equal(reset, null)
  await silentGone
  assert.equal(silent.rstCode, constants.NGHTTP2_INTERNAL_ERROR)
  // The connection serves on.
  assert.equal((await hear(other.ask(null))).status, 200)
})

test('a body that is too large is refused, and the connection serves on', { skip }, async () => {
  await using own = await openTestHouse({ limits: { bodyBytesMax: 100_000 } }, material([authority.issue('localhost')]))
  await using client = await visit(`https://127.0.0.1:${own.port}`)
  const announced = await hear(client.ask(goodBody.padEnd(200_000), { 'content-length': '200000' }))
  assert.equal(announced.status, 413)
  const unannounced = await hear(client.ask(goodBody.padEnd(200_000)))
  assert.equal(unannounced.status, 413)
  assert.equal((await hear(client.ask(goodBody))).status, 200)
})

test('kept answers and durable streams are read over HTTP/2 as well', { skip }, async () => {
  const settings = { streams: { engine: 'memory' as const } }
  await using own = await openTestHouse(settings, material([authority.issue('localhost')]))
  await using client = await visit(`https://127.0.0.1:${own.port}`)
  own.upstream.script = (call) => {
    call.beginStream()
    call.say('kept')
    call.endStream()
  }
  const first = await hear(client.ask(streamBody))
  const ray = String(first.headers['holdfast-ray'])
  const again = client.session.request({ ':path': `/v1/answers/${ray}`, accept: 'text/event-stream' })
  const { status, text, reset } = await hear(again.end())
  assert.deepEqual([status, reset], [200, null])
  assert.match(text, /kept.*\[DONE\]/s)
  const path = '/v1/stream/over-two'
  const type = { 'content-type': 'text/plain' }
  const made = await hear(client.session.request({ ':method': 'PUT', ':path': path, ...type }).end('one'))
  assert.equal(made.status, 201)
  const reader = client.session.request({ ':path': `${path}?offset=-1&live=sse` })
  const heard = hear(reader.end())
  await once(reader, 'response')
  const added = await hear(client.session.request({ ':method': 'POST', ':path': path, ...type }).end(' two'))
  assert.ok(added.status === 200 || added.status === 204, String(added.status))
  const ended = client.session.request({ ':method': 'POST', ':path': path, ...type, 'stream-closed': 'true' })
  await hear(ended.end())
  const stream = await heard
  assert.match(stream.text, /one/)
  assert.match(stream.text, /two/)
})

test('an answer that could not be delivered is there when its call is sent again', { skip }, async () => {
  await using own = await openTestHouse({}, material([authority.issue('localhost')]))
  const url = `https://127.0.0.1:${own.port}`
  // A head comes, and nothing of the body: this client takes none.
  const session = connect(url, { ca: authority.cert, servername: 'localhost', settings: { initialWindowSize: 0 } })
  session.on('error', () => {})
  const headers = { ':method': 'POST', ':path': '/v1/chat/completions', 'content-type': 'application/json' }
  const stream = session.request(headers)
  stream.on('error', () => {})
  stream.end(goodBody)
  const [head] = (await once(stream, 'response')) as [Record<string, unknown>]
  session.destroy()
  await until('the call to be over', () => own.house.callsLive() === 0 && own.accounts.length > 0)
  await using client = await visit(url)
  const again = await hear(client.ask(goodBody, { 'x-stainless-retry-count': '1' }))
  assert.equal(again.headers['holdfast-ray'], head['holdfast-ray'])
  assert.match(again.text, /"content":"hello"/)
  assert.equal(own.upstream.calls.length, 1)
  // One that has arrived is another matter.
  const text = goodBody.replace('hi', 'what arrives')
  const first = await hear(client.ask(text))
  const second = await hear(client.ask(text, { 'x-stainless-retry-count': '1' }))
  assert.notEqual(second.headers['holdfast-ray'], first.headers['holdfast-ray'])
})

test('a house that drains says so, finishes what is under way and what is on its way, and closes', {
  skip,
}, async () => {
  const own = await openTestHouse({}, material([authority.issue('localhost')]))
  own.upstream.script = (call) => {
    call.beginStream()
    call.say('word')
  }
  await using client = await visit(`https://127.0.0.1:${own.port}`)
  const heard = hear(client.ask(streamBody))
  const call = await own.upstream.call(0)
  const told = once(client.session, 'goaway')
  const drained = own.house.drain(10_000, true)
  const [code, last] = (await told) as [number, number]
  assert.deepEqual([code, last], [0, 2 ** 31 - 1])
  call.endStream()
  const { text, reset } = await heard
  assert.match(text, /\[DONE\]/)
  assert.equal(reset, null)
  await drained
  await own.upstream[Symbol.asyncDispose]()
})

test('without TLS, a client that begins with HTTP/2 is served where that is set, and refused elsewhere', async () => {
  await using open = await openTestHouse({ listeners: [{ port: 0, h2c: true }] })
  await using client = await visit(`http://127.0.0.1:${open.port}`)
  const { status, text } = await hear(client.ask(goodBody))
  assert.equal(status, 200)
  assert.match(text, /"content":"hello"/)
  await using shut = await openTestHouse()
  const answer = await shut.ask('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
  assert.equal(answer.status, 400)
})

test('where all connections are taken, sessions that ask nothing make room; one that is asking does not', {
  skip,
}, async () => {
  const shown = material([authority.issue('localhost', '127.0.0.1')])
  const few = { guard: { exempt: [] }, limits: { connectionsMax: 10 } }
  await using small = await openTestHouse(few, shown)
  const sessions: ClientHttp2Session[] = []
  const arrive = async (i: number): Promise<ClientHttp2Session> => {
    const options = { ca: authority.cert, servername: 'localhost', localAddress: `127.0.5.${1 + i}` }
    const session = connect(`https://127.0.0.1:${small.port}`, options).on('error', () => {})
    sessions.push(session)
    await once(session, 'remoteSettings')
    return session
  }
  try {
    const asking = await arrive(0)
    const headers = { ':method': 'POST', ':path': '/v1/chat/completions', 'content-type': 'application/json' }
    const call = asking.request(headers) // its body is yet to come
    for (let i = 1; i < 30; i++) await arrive(i)
    assert.equal(asking.closed, false)
    await until('room is made', () => sessions.filter(({ closed: isClosed }) => isClosed).length >= 20)
    call.end(goodBody)
    assert.equal((await hear(call)).status, 200)
  } finally {
    for (const session of sessions) session.destroy()
  }
})
