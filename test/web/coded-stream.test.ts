// What an application streams is compressed on its way, and no piece of it is held back.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import { brotliDecompressSync, createBrotliDecompress, createGunzip, createZstdDecompress } from 'node:zlib'
import { openTestHouse, patienceMs, type TestHouse } from '../http/harness.ts'

let house: TestHouse
let handle: (request: IncomingMessage, response: ServerResponse) => void
const app = createServer((asked, response) => handle(asked, response))
const decoders = { br: createBrotliDecompress, gzip: createGunzip, zstd: createZstdDecompress }

before(async () => {
  app.listen(0, '127.0.0.1')
  await once(app, 'listening')
  const url = `http://127.0.0.1:${(app.address() as AddressInfo).port}`
  house = await openTestHouse({
    web: {
      routes: [{ app: url }, { path: '/plain', app: url, compress: false }, { path: '/bare', app: url, cache: false }],
    },
  })
})
after(async () => {
  await house[Symbol.asyncDispose]()
  app.closeAllConnections()
  app.close()
})

async function get(path: string, acceptEncoding = 'br', method = 'GET'): Promise<IncomingMessage> {
  const sent = request({ port: house.port, path, method, headers: { 'accept-encoding': acceptEncoding }, agent: false })
  sent.end()
  const [answer] = (await once(sent, 'response')) as [IncomingMessage]
  return answer
}

async function bytesOf(answer: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = []
  for await (const piece of answer) pieces.push(piece as Buffer)
  return Buffer.concat(pieces)
}

for (const coding of ['br', 'gzip', 'zstd'] as const) {
  for (const type of ['text/html', 'text/event-stream']) {
    test(`each piece of ${type} is there when it was sent, as ${coding}`, { timeout: patienceMs }, async () => {
      let app: ServerResponse | null = null
      handle = (_, response) => {
        app = response.writeHead(200, { 'content-type': type, 'cache-control': 'no-store', etag: '"a"' })
        app.write('one\n')
      }
      const answer = await get('/live', coding)
      assert.deepEqual([answer.headers['content-encoding'], answer.headers['etag']], [coding, 'W/"a"'])
      assert.match(answer.headers['vary'] ?? '', /accept-encoding/)
      const plain = answer.pipe(decoders[coding]())
      let text = ''
      plain.on('data', (piece: Buffer) => (text += piece.toString()))
      for (const word of ['one', 'two', 'three']) {
        // The next is only sent when this one has been read.
        while (!text.includes(`${word}\n`)) await once(plain, 'data')
        const response = app as unknown as ServerResponse
        if (word === 'one') response.write('two\n')
        else if (word === 'two') response.write('three\n')
        else response.end('end')
      }
      await once(plain, 'end')
      assert.equal(text, 'one\ntwo\nthree\nend')
    })
  }
}

test('a large answer comes whole, with or without the cache, and the kept one is the same', async () => {
  const body = Array.from({ length: 50_000 }, (_, i) => `line ${i}`).join('\n')
  handle = (_, response) =>
    response
      .writeHead(200, { 'content-type': 'text/plain', 'cache-control': 'max-age=60', 'content-length': body.length })
      .end(body)
  for (const path of ['/large', '/large', '/bare/large']) {
    const answer = await get(path)
    const bytes = await bytesOf(answer)
    if (answer.headers['content-encoding'] === 'br') assert.equal(brotliDecompressSync(bytes).toString(), body)
    else assert.equal(bytes.toString(), body)
    assert.ok(path === '/large' || bytes.length < body.length / 2)
  }
})

test('what must not be changed, or gains nothing, is passed on as it is', async () => {
  const long = 'x'.repeat(5000)
  const cases: readonly (readonly [Record<string, string>, string, string?])[] = [
    [{ 'content-type': 'text/plain', 'cache-control': 'no-transform' }, '/a'],
    [{ 'content-type': 'text/plain', 'content-encoding': 'x-own' }, '/b'],
    [{ 'content-type': 'text/plain', 'content-digest': 'sha-256=:AA==:' }, '/c'],
    [{ 'content-type': 'image/png' }, '/d'],
    [{ 'content-type': 'text/plain' }, '/plain/e'],
    [{ 'content-type': 'text/plain' }, '/f', 'identity'],
  ]
  for (const [headers, path, accept] of cases) {
    handle = (_, response) => response.writeHead(200, headers).end(long)
    const answer = await get(path, accept)
    assert.equal(answer.headers['content-encoding'], headers['content-encoding'], path)
    assert.equal((await bytesOf(answer)).toString(), long)
  }
  handle = (_, response) => response.writeHead(200, { 'content-type': 'text/plain', 'content-length': '5000' }).end()
  const head = await get('/head', 'br', 'HEAD')
  assert.deepEqual([head.headers['content-encoding'], head.headers['content-length']], [undefined, '5000'])
})

test('one that breaks off breaks off for its reader', async () => {
  handle = (_, response) => {
    response.writeHead(200, { 'content-type': 'text/plain', 'cache-control': 'no-store' }).write('half')
    setTimeout(() => response.destroy(), 20)
  }
  await assert.rejects(bytesOf(await get('/broken')))
})
