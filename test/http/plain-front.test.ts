// Plain calls are served without node:http. Whatever this front takes, node:http must have taken for the same request;
// whatever it does not take, node:http answers as if there were no front.
import assert from 'node:assert/strict'
import { createServer, request as ask } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { after, before, describe, test } from 'node:test'
import * as fc from 'fast-check'
import { readPlainRequest } from '../../src/edge/plain/plain-request.ts'
import { goodBody, openTestHouse, pause, post, request, streamBody, type TestHouse, until } from './harness.ts'

const limit = { timeout: 120_000 }
const path = '/v1/chat/completions'
const nobody = {} as Socket
const read = (bytes: Buffer): ReturnType<typeof readPlainRequest> =>
  readPlainRequest(bytes, nobody, (url) => url === path)

const plain = `POST ${path} HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}`

describe('a plain request', limit, () => {
  test('is read with its headers, its body, and nothing of what follows', () => {
    const asked = read(Buffer.from(`${plain.replace('host: a', 'HOST:  a\t')}POST`))
    assert.ok(typeof asked === 'object')
    assert.deepEqual(asked.headers, { host: 'a', 'content-type': 'application/json', 'content-length': '2' })
    assert.equal(String(asked.plainBody), '{}')
    assert.equal(asked.lengthBytes, plain.length + 2)
  })

  test('is waited for as long as it may still become one', () => {
    for (let i = 1; i < plain.length; i++) assert.equal(read(Buffer.from(plain.slice(0, i))), 'more', plain.slice(0, i))
  })

  for (const [name, bytes] of [
    ['another method', plain.replace('POST', 'GET')],
    ['another path', plain.replace('/chat/', '/other/')],
    ['another version', plain.replace('HTTP/1.1', 'HTTP/1.0')],
    ['no Host', plain.replace('host', 'hust')],
    ['two of a header', plain.replace('host: a', 'x: a\r\nX: b\r\nhost: a')],
    ['a chunked body', plain.replace('content-length: 2', 'transfer-encoding: chunked')],
    ['both framings', plain.replace('content-length: 2', 'content-length: 2\r\ntransfer-encoding: chunked')],
    ['a signed length', plain.replace('length: 2', 'length: +2')],
    ['a list of lengths', plain.replace('length: 2', 'length: 2, 2')],
    ['an empty length', plain.replace('length: 2', 'length:')],
    ['a large body', plain.replace('length: 2', 'length: 70000')],
    ['a folded header', plain.replace('host: a', 'host: a\r\n b')],
    ['a blank before the colon', plain.replace('host:', 'host :')],
    ['a bare LF', plain.replace('a\r\n', 'a\n')],
    ['a bare CR', plain.replace('host: a', 'host: a\rb')],
    ['NUL', plain.replace('host: a', 'host: a\0')],
    ['letters beyond ASCII', plain.replace('host: a', 'host: ä')],
    ['an expectation', plain.replace('host: a', 'host: a\r\nexpect: 100-continue')],
    ['an upgrade', plain.replace('host: a', 'host: a\r\nconnection: upgrade\r\nupgrade: h2c')],
    ['a close', plain.replace('host: a', 'host: a\r\nconnection: close')],
    ['a name that objects have', plain.replace('host: a', 'host: a\r\nconstructor: b')],
    ['an endless head', `${plain.slice(0, -6)}\r\nx: ${'y'.repeat(9000)}\r\n\r\n{}`],
  ] as const) {
    test(`with ${name} is none`, () => assert.equal(read(Buffer.from(bytes, 'latin1')), 'other'))
  }
})

/** What node:http makes of these bytes: the request it read, or null where it refused them. */
async function readByNode(bytes: Buffer): Promise<{ url: string; headers: object; body: string } | null> {
  const { promise, resolve } = Promise.withResolvers<{ url: string; headers: object; body: string } | null>()
  const server = createServer((asked, answer) => {
    let body = ''
    asked.setEncoding('latin1').on('data', (text: string) => (body += text))
    asked.on('end', () => {
      resolve({ url: asked.url ?? '', headers: { ...asked.headers }, body })
      answer.end()
    })
  })
  server.on('clientError', (_error, socket) => {
    socket.destroy()
    resolve(null)
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1')
  client.on('error', () => {})
  client.write(bytes)
  try {
    return await promise
  } finally {
    client.destroy()
    server.closeAllConnections()
    server.close()
  }
}

test('of damaged requests the front takes none that node:http reads otherwise', limit, async () => {
  const scrap = fc.constantFrom(
    ...['\r', '\n', '\r\n', '\r\n\r\n', ' ', '\t', ':', ',', '\0', '\x7f', '\xff', '0', '2', 'content-length: 3'],
    ...['\r\ncontent-length: 2', '\r\ntransfer-encoding: chunked', '\r\n x', 'HTTP/1.1', 'x-y: z\r\n', '{}'],
  )
  const cut = fc.record({ at: fc.nat(plain.length), gone: fc.nat(3), scrap })
  let takenCount = 0
  await fc.assert(
    fc.asyncProperty(fc.array(cut, { minLength: 0, maxLength: 3 }), async (cuts) => {
      let text = plain
      for (const { at, gone, scrap: put } of cuts) text = text.slice(0, at) + put + text.slice(at + gone)
      const bytes = Buffer.from(text, 'latin1')
      const asked = read(bytes)
      if (typeof asked !== 'object') return
      takenCount++
      const byNode = await readByNode(bytes.subarray(0, asked.lengthBytes))
      const ours = { url: asked.url, headers: { ...asked.headers }, body: asked.plainBody.toString('latin1') }
      assert.deepEqual(byNode, ours)
    }),
    { numRuns: 3000 },
  )
  assert.ok(takenCount > 50, `only ${takenCount} were taken`)
})

describe('a house behind the front', limit, () => {
  let house: TestHouse
  before(async () => void (house = await openTestHouse({ onDisconnect: 'cancel' })))
  after(() => house[Symbol.asyncDispose]())

  test('serves calls and everything else on one connection, in whatever order', async () => {
    await using client = await house.visit()
    for (const bytes of [post(goodBody), post(goodBody), request('GET', '/v1/models'), post(goodBody)]) {
      client.write(bytes)
      const answer = await client.answer()
      assert.equal(answer.status, 200)
      assert.match(String(answer.headers['date']), /GMT$/)
      assert.equal(answer.headers['connection'], 'keep-alive')
    }
    await house.isWell()
  })

  test('reads a call that comes in single bytes, and two that come at once', async () => {
    await using client = await house.visit()
    for (const byte of post(goodBody)) {
      client.write(Buffer.of(byte))
      if (Math.random() < 0.05) await pause(0)
    }
    assert.equal((await client.answer()).status, 200)
    client.write(Buffer.concat([post(goodBody), post(streamBody), post(goodBody)]))
    for (let i = 0; i < 3; i++) assert.equal((await client.answer()).status, 200)
    await house.isWell()
  })

  test('a large answer and a large stream come byte for byte', async () => {
    const content = 'größe '.repeat(60_000)
    const choice = { index: 0, message: { role: 'assistant', content }, finish_reason: 'stop' }
    house.upstream.script = (call) => call.answer({ id: 'c', object: 'chat.completion', model: 'm', choices: [choice] })
    const answer = await house.ask(post(goodBody))
    assert.equal((JSON.parse(answer.body) as { choices: (typeof choice)[] }).choices[0]?.message.content, content)
    await house.isWell()
  })

  test('a client of node gets each token when it is said, and lets go of the model server when it leaves', async () => {
    house.upstream.calls.length = 0
    house.upstream.script = (call) => {
      call.beginStream()
      call.say('one')
    }
    const heard: string[] = []
    const { port } = new URL(house.house.urls[0] ?? '')
    const asked = ask({
      port,
      host: '127.0.0.1',
      path,
      method: 'POST',
      headers: { 'content-type': 'application/json' },
    })
    asked.on('error', () => {})
    asked.on('response', (response) => response.on('data', (bytes: Buffer) => heard.push(String(bytes))))
    asked.end(streamBody)
    await until('the first token', () => heard.join('').includes('one'))
    asked.destroy()
    await house.isWell()
  })
})
