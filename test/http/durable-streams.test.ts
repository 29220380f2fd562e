/** What users of durable streams rely on beyond the public suite: whose they are, limits, slow readers, seams. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { ReadOnlySource, ReadOnlyStream } from '../../src/edge/durable-streams/read-only-source.ts'
import { StreamStage, until } from './stream-stage.ts'

const plain = { 'content-type': 'text/plain' }
const json = { 'content-type': 'application/json' }

describe('whose stream it is', () => {
  test('another caller finds none of this name, and may have one of its own', async () => {
    await using stage = await StreamStage.open()
    await stage.ask('PUT', 'a', { ...plain, body: 'of ann' })
    const bob = { caller: 'bob' }
    for (const [method, headers] of [
      ['GET', {}],
      ['HEAD', {}],
      ['DELETE', {}],
      ['POST', { ...plain, body: 'x' }],
      ['POST', { 'stream-closed': 'true' }],
    ] as const)
      assert.equal((await stage.ask(method, 'a', { ...bob, ...headers })).status, 404, method)
    for (const live of ['long-poll', 'sse'])
      assert.equal((await stage.ask('GET', `a?offset=-1&live=${live}`, bob)).status, 404, live)
    assert.equal((await stage.ask('PUT', 'fork', { ...bob, 'stream-forked-from': '/v1/stream/a' })).status, 404)
    assert.equal((await stage.ask('PUT', 'a', { ...bob, ...plain, body: 'of bob' })).status, 201)
    assert.equal((await stage.ask('GET', 'a')).text, 'of ann')
  })

  test('without a key it is 401, told so that a page can read it; a preflight needs none', async () => {
    await using stage = await StreamStage.open()
    const refused = await fetch(`${stage.url}/v1/stream/a`)
    assert.equal(refused.status, 401)
    const told = (await refused.json()) as Record<string, unknown>
    assert.deepEqual([told['error_code'], told['ray_id'], told['retryable']], ['HF_KEY_UNKNOWN', 'test', false])
    assert.equal(refused.headers.get('access-control-allow-origin'), '*')
    assert.equal(refused.headers.get('x-content-type-options'), 'nosniff')
    const preflight = await fetch(`${stage.url}/v1/stream/a`, { method: 'OPTIONS' })
    assert.equal(preflight.status, 204)
    assert.match(preflight.headers.get('access-control-allow-headers') ?? '', /Producer-Id/)
  })

  test('names that could be read in two ways are refused', async () => {
    await using stage = await StreamStage.open()
    for (const name of ['%2e%2e/a', 'a//b', 'a/', '%zz', 'a%00', 'x'.repeat(1025), 'a%0d%0ab'])
      assert.equal((await stage.ask('PUT', name)).status, 400, name)
    assert.equal((await stage.ask('PUT', 'caf%C3%A9/%F0%9F%8D%B5')).status, 201)
    assert.equal((await stage.ask('GET', 'café/🍵')).status, 200)
  })
})

describe('what is appended is what is read', () => {
  test('JSON is kept as it was written: large numbers, spaces within, escapes', async () => {
    await using stage = await StreamStage.open()
    await stage.ask('PUT', 'a', json)
    const messages = ['12345678901234567890', '1.0', '{"a": [1, {"b":"],[\\"}"}]}', '"\\u00e9,"', '[]', 'null']
    await stage.ask('POST', 'a', { ...json, body: `[ ${messages.join(' ,\n')} ]` })
    await stage.ask('POST', 'a', { ...json, body: ' {"x":1e400}\n' })
    assert.equal((await stage.ask('GET', 'a')).text, `[${messages.join(',')},{"x":1e400}]`)
  })

  test('what is not JSON, or not UTF-8, is refused and not there', async () => {
    await using stage = await StreamStage.open()
    await stage.ask('PUT', 'a', json)
    for (const body of ['{', '[1,]', '[]', Buffer.from([0x22, 0xff, 0x22])]) {
      const refused = await stage.ask('POST', 'a', { ...json, body })
      assert.equal(refused.status, 400, String(body))
    }
    assert.equal((await stage.ask('GET', 'a')).text, '[]')
  })

  test('a character that came in two appends is delivered whole by server-sent events', async () => {
    await using stage = await StreamStage.open()
    await stage.ask('PUT', 'a', plain)
    const reading = stage.ask('GET', 'a?offset=-1&live=sse')
    const text = 'naïve 🍵 \r\ntea'
    for (const byte of Buffer.from(text)) await stage.ask('POST', 'a', { ...plain, body: Buffer.of(byte) })
    await stage.ask('POST', 'a', { 'stream-closed': 'true' })
    const events = (await reading).text.split('\n\n').filter((event) => event.startsWith('event: data'))
    const received = events
      .map((event) =>
        event
          .split('\n')
          .slice(1)
          .map((line) => line.slice(5))
          .join('\n'),
      )
      .join('')
    // Line ends of any kind are read as \n; here they came in two appends, and so in two events.
    assert.equal(received.replaceAll('\n', ''), text.replaceAll(/[\r\n]/g, ''))
  })

  test('a large append is one append, and is read in pieces of the allowed size', async () => {
    await using stage = await StreamStage.open({ settings: { readBytesMax: 400_000 } })
    await stage.ask('PUT', 'a')
    const body = Buffer.alloc(3_000_000, 'holdfast')
    const appended = await stage.ask('POST', 'a', { 'content-type': 'application/octet-stream', body })
    const pieces: Buffer[] = []
    let offset: string | null = '-1'
    for (let reads = 0; reads < 20; reads++) {
      const response: Response = await fetch(`${stage.url}/v1/stream/a?offset=${offset}`, {
        headers: { 'x-api-key': 'ann' },
      })
      pieces.push(Buffer.from(await response.arrayBuffer()))
      offset = response.headers.get('stream-next-offset')
      if (response.headers.get('stream-up-to-date')) break
    }
    assert.equal(offset, appended.headers.get('stream-next-offset'))
    assert.ok(pieces.length > 7 && pieces.every(({ length }) => length <= 400_000))
    assert.ok(Buffer.concat(pieces).equals(body))
  })

  test('an offset of another stream, or beyond the end, is refused and not guessed at', async () => {
    await using stage = await StreamStage.open()
    await stage.ask('PUT', 'a', { ...plain, body: 'abc' })
    await stage.ask('PUT', 'b', { ...plain, body: 'longer' })
    const beyond = (await stage.ask('HEAD', 'b')).headers.get('stream-next-offset')
    for (const query of [`offset=${beyond}`, `offset=${beyond}&live=long-poll`, `offset=${beyond}&live=sse`])
      assert.equal((await stage.ask('GET', `a?${query}`)).status, 400, query)
  })
})

describe('limits', () => {
  test('what is too large for a request or a stream is refused with 413 and not there', async () => {
    await using stage = await StreamStage.open({ settings: { appendBytesMax: 1000, streamBytesMax: 2000 } })
    await stage.ask('PUT', 'a', plain)
    const append = async (length: number): Promise<number> =>
      (await stage.ask('POST', 'a', { ...plain, body: 'x'.repeat(length) })).status
    assert.deepEqual(
      [await append(1001), await append(1000), await append(900), await append(100)],
      [413, 204, 413, 204],
    )
    assert.equal((await stage.ask('GET', 'a')).text.length, 1100)
  })

  test('readers that wait are counted, and one too many is told when to come back', async () => {
    await using stage = await StreamStage.open({ settings: { waitersMax: 2 } })
    await stage.ask('PUT', 'a', plain)
    const waiting = ['long-poll', 'sse'].map((live) => stage.ask('GET', `a?offset=now&live=${live}`))
    await until(() => stage.waiterCount() === 2, 'two readers wait')
    const refused = await stage.ask('GET', 'a?offset=now&live=long-poll')
    assert.deepEqual([refused.status, refused.headers.get('retry-after')], [503, '1'])
    await stage.ask('POST', 'a', { ...plain, body: 'x', 'stream-closed': 'true' })
    assert.equal((await Promise.all(waiting))[0]?.text, 'x')
    assert.equal(stage.waiterCount(), 0)
  })

  test('a reader that takes nothing holds less than 1 MiB, slows nobody, and is let go in the end', async () => {
    await using stage = await StreamStage.open({ stalledReaderMs: 1500 })
    await stage.ask('PUT', 'a')
    const stalled = await stage.reader('a?offset=-1&live=sse')
    stalled.pause()
    const closed = new Promise((resolve) => stalled.once('close', resolve))
    stalled.on('error', () => {})
    const body = Buffer.alloc(1_000_000, 7)
    const type = { 'content-type': 'application/octet-stream' }
    const other = stage.ask('GET', 'a?offset=-1&live=sse')
    for (let i = 0; i < 20; i++) await stage.ask('POST', 'a', { ...type, body })
    await stage.ask('POST', 'a', { 'stream-closed': 'true' })
    const data = (await other).text.split('\n').filter((line) => line.startsWith('data:') && !line.startsWith('data:{'))
    assert.equal(
      data.reduce((sum, line) => sum + Buffer.from(line.slice(5), 'base64').length, 0),
      20_000_000,
    )
    const heldBytes = Math.max(
      ...stage.sockets.filter(({ destroyed }) => !destroyed).map((each) => each.writableLength),
    )
    assert.ok(heldBytes < 2 ** 20, `${heldBytes} bytes are held for it`)
    await until(() => stage.waiterCount() === 0, 'the stalled reader is let go')
    stalled.resume()
    await closed
  })

  test('a reader of one large answer that takes nothing is let go too', async () => {
    await using stage = await StreamStage.open({ stalledReaderMs: 300, settings: { readBytesMax: 16_000_000 } })
    await stage.ask('PUT', 'a', { body: Buffer.alloc(15_000_000, 'x') })
    const stalled = await stage.reader('a?offset=-1')
    stalled.pause()
    stalled.on('error', () => {})
    await until(() => stage.sockets.some(({ writableLength }) => writableLength > 0), 'it is waited for')
    await until(() => stage.sockets.some(({ destroyed }) => destroyed), 'it is let go')
    let bytes = 0
    stalled.on('data', (piece: Buffer) => (bytes += piece.length))
    const closed = new Promise((resolve) => stalled.once('close', resolve))
    stalled.resume()
    await closed
    assert.ok(bytes < 15_000_000)
    assert.equal((await stage.ask('GET', 'a?offset=-1')).text.length, 15_000_000)
  })

  test('when slow readers hold all they may, others are told to come back', async () => {
    await using stage = await StreamStage.open({ settings: { readersBytesMax: 12_000_000, readBytesMax: 12_000_000 } })
    await stage.ask('PUT', 'a', { body: Buffer.alloc(10_000_000, 'x') })
    const slow = await stage.reader('a?offset=-1')
    slow.pause()
    await until(() => stage.sockets.some(({ writableLength }) => writableLength > 0), 'the slow reader holds something')
    const refused = await stage.ask('GET', 'a?offset=-1')
    assert.equal(refused.status, 503)
    slow.destroy()
    await until(async () => (await stage.ask('GET', 'a?offset=-1')).status === 200, 'there is room again')
  })
})

describe('readers that wait', () => {
  test('a stream that is removed under a reader breaks off, and does not look complete', async () => {
    await using stage = await StreamStage.open()
    await stage.ask('PUT', 'a', { ...plain, body: 'x' })
    const broken = stage.ask('GET', 'a?offset=-1&live=sse')
    const poll = stage.ask('GET', 'a?offset=now&live=long-poll')
    await until(() => stage.waiterCount() === 2, 'both wait')
    await stage.ask('DELETE', 'a')
    await assert.rejects(broken)
    assert.equal((await poll).status, 404)
  })

  test('when the gateway drains they are let go at once, each with its place', async () => {
    await using stage = await StreamStage.open()
    await stage.ask('PUT', 'a', { ...plain, body: 'x' })
    const sse = stage.ask('GET', 'a?offset=-1&live=sse')
    const poll = stage.ask('GET', 'a?offset=now&live=long-poll')
    await until(() => stage.waiterCount() === 2, 'both wait')
    stage.drain()
    assert.match((await sse).text, /"streamNextOffset":"0000000000000001_0000000000000001"/)
    assert.equal((await poll).status, 204)
    assert.equal((await stage.ask('GET', 'a?offset=now&live=long-poll')).status, 204)
  })

  test('a stream with a short time to live lives as long as somebody waits for it', async () => {
    await using stage = await StreamStage.open({ settings: { longPollMs: 2000 } })
    await stage.ask('PUT', 'a', { ...plain, 'stream-ttl': '1' })
    const answer = await stage.ask('GET', 'a?offset=now&live=long-poll')
    assert.equal(answer.status, 204)
    assert.equal((await stage.ask('HEAD', 'a')).status, 200)
  })
})

describe('a stream that is written elsewhere', () => {
  /** An answer under way: two events, and a third when told. */
  function fake(): { source: ReadOnlySource; add: (event: string, isEnd: boolean) => void } {
    const events = [Buffer.from('data: 1\n\n'), Buffer.from('data: 2\n\n')]
    let isClosed = false
    const listeners = new Set<() => void>()
    const stream: ReadOnlyStream = {
      contentType: 'text/event-stream',
      read: (from, bytesMax) => {
        const some = events.slice(from, from + Math.max(1, Math.floor(bytesMax / 9)))
        return Promise.resolve({ events: some, count: events.length, isClosed })
      },
      onChange: (listener) => {
        listeners.add(listener)
        return { [Symbol.dispose]: () => listeners.delete(listener) }
      },
    }
    const add = (event: string, isEnd: boolean): void => {
      events.push(Buffer.from(event))
      isClosed = isEnd
      for (const each of [...listeners]) each()
    }
    return { add, source: (caller, name) => Promise.resolve(caller === 'ann' && name === 'ray-1' ? stream : null) }
  }

  test('is read like any other, at once, by long-poll and by events', async () => {
    const { source, add } = fake()
    await using stage = await StreamStage.open({ readOnly: source })
    const whole = await stage.ask('GET', 'ray-1')
    assert.deepEqual([whole.status, whole.text], [200, 'data: 1\n\ndata: 2\n\n'])
    const offset = whole.headers.get('stream-next-offset')
    const poll = stage.ask('GET', `ray-1?offset=${offset}&live=long-poll`)
    const sse = stage.ask('GET', `ray-1?offset=${offset}&live=sse`)
    await until(() => stage.waiterCount() === 2, 'both wait')
    add('data: 3\n\n', true)
    const last = await poll
    assert.deepEqual([last.text, last.headers.get('stream-closed')], ['data: 3\n\n', 'true'])
    assert.match((await sse).text, /data:data: 3\ndata:\ndata:\n\nevent: control\ndata:.*"streamClosed":true/)
    assert.equal((await stage.ask('HEAD', 'ray-1')).headers.get('stream-closed'), 'true')
    assert.equal((await stage.ask('GET', `ray-1?offset=${offset?.replace(/0$/, '1')}`)).status, 400)
  })

  test('takes nothing from outside, and is nobody else’s', async () => {
    const { source } = fake()
    await using stage = await StreamStage.open({ readOnly: source })
    for (const [method, more] of [
      ['PUT', plain],
      ['POST', { ...plain, body: 'x' }],
      ['DELETE', {}],
    ] as const) {
      const refused = await stage.ask(method, 'ray-1', more)
      assert.deepEqual([refused.status, refused.headers.get('allow')], [405, 'GET, HEAD'], method)
    }
    assert.equal((await stage.ask('GET', 'ray-1', { caller: 'bob' })).status, 404)
  })
})
