// Pages, applications and the cache over HTTP/2, where answers are streams and know less of themselves.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type ClientHttp2Session, connect, type IncomingHttpHeaders } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { brotliDecompressSync } from 'node:zlib'
import { openTestHouse, type TestHouse, until } from '../http/harness.ts'

let root: string
let house: TestHouse
let session: ClientHttp2Session
let handle: (request: IncomingMessage, response: ServerResponse) => void = (_, response) => void response.end()
const app = createServer((request, response) => handle(request, response))
const page = '<p>words</p>'.repeat(300)

before(async () => {
  root = await mkdtemp(join(tmpdir(), 'holdfast-http2-'))
  await writeFile(join(root, 'index.html'), page)
  await writeFile(join(root, 'big.bin'), Buffer.alloc(5_000_000, 'z'))
  app.listen(0, '127.0.0.1')
  await once(app, 'listening')
  const url = `http://127.0.0.1:${(app.address() as AddressInfo).port}`
  const routes = [{ app: url }, { path: '/files', folder: root }]
  house = await openTestHouse({ listeners: [{ port: 0, h2c: true }], web: { routes } })
  session = connect(`http://127.0.0.1:${house.port}`)
  await once(session, 'connect')
})
after(async () => {
  session.destroy()
  await house[Symbol.asyncDispose]()
  app.closeAllConnections()
  app.close()
  await rm(root, { recursive: true })
})

interface Heard {
  readonly head: IncomingHttpHeaders & { ':status'?: number | undefined }
  readonly body: Buffer
}

/** Rejects where the stream is reset. */
function ask(path: string, headers: Record<string, string> = {}, upload?: string): Promise<Heard> {
  const method = upload === undefined ? 'GET' : 'POST'
  const stream = session.request({ ':path': path, ':method': method, ...headers }, { endStream: upload === undefined })
  if (upload !== undefined) stream.end(upload)
  return new Promise((resolve, reject) => {
    let head: Heard['head'] = {}
    const pieces: Buffer[] = []
    stream.on('response', (told) => (head = told))
    stream.on('data', (piece: Buffer) => pieces.push(piece))
    stream.on('error', reject)
    stream.on('close', () => resolve({ head, body: Buffer.concat(pieces) }))
  })
}

test('files: whole, compressed, in parts, large, known, missing', async () => {
  const { head, body } = await ask('/files/')
  assert.deepEqual([head[':status'], body.toString()], [200, page])
  const coded = await ask('/files/', { 'accept-encoding': 'br' })
  assert.equal(brotliDecompressSync(coded.body).toString(), page)
  assert.equal((await ask('/files/', { 'if-none-match': String(head['etag']) })).head[':status'], 304)
  assert.equal((await ask('/files/big.bin')).body.length, 5_000_000)
  assert.equal((await ask('/files/big.bin', { range: 'bytes=4000000-4000002' })).body.toString(), 'zzz')
  const missing = await ask('/files/none', { accept: 'text/html' })
  assert.equal(missing.head[':status'], 404)
  assert.match(missing.body.toString(), /<html/)
})

test('an application: uploads, fields that come twice, what is kept', async () => {
  let count = 0
  handle = (request, response) => {
    count++
    let text = ''
    request.on('data', (piece: Buffer) => (text += piece.toString()))
    request.on('end', () => {
      response.writeEarlyHints({ link: '</a.css>; rel=preload; as=style' })
      const fields = [
        'set-cookie',
        'a=1',
        'set-cookie',
        'b=2',
        'cache-control',
        'public, max-age=60',
        'connection',
        'close',
      ]
      response.writeHead(200, fields).end(`${request.method} ${request.headers.host} ${text}`)
    })
  }
  const { host } = new URL(`http://127.0.0.1:${house.port}`)
  const posted = await ask('/a', {}, 'hello')
  assert.equal(posted.body.toString(), `POST ${host} hello`)
  assert.deepEqual(posted.head['set-cookie'], ['a=1', 'b=2'])
  for (const expected of [/uri-miss/, /hit/]) {
    const { head, body } = await ask('/b')
    assert.equal(body.toString(), `GET ${host} `)
    assert.deepEqual(head['set-cookie'], ['a=1', 'b=2'])
    assert.match(String(head['cache-status']), expected)
  }
  assert.equal(count, 2)
})

test('what breaks off is reset; who leaves is told to the application', async () => {
  handle = (_, response) => {
    response.writeHead(200, { 'content-length': 10 }).write('abc')
    setTimeout(() => response.destroy(), 20)
  }
  await assert.rejects(ask('/cut'))
  let [hasCome, isGone] = [false, false]
  handle = (_, response) => {
    hasCome = true
    response.on('close', () => (isGone = true))
  }
  const stream = session.request({ ':path': '/slow' })
  stream.on('error', () => {})
  await until('the request', () => hasCome)
  stream.close(8)
  await until('the application to know', () => isGone)
})
