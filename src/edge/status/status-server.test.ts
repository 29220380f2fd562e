/** The page's server: what is sent how, what is refused, and who is let go. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { appendFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { type IncomingMessage, request } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import { nowMs, troubledView } from '../../../test/status/page-views.ts'
import { ManualClock } from '../../ground/manual-clock.ts'
import { pageFiles } from '../../status/page/page-files.ts'
import { SnapshotFolder } from '../../status/page/snapshot-folder.ts'
import { wordsOf } from '../../status/page/words/languages.ts'
import type { StatusView } from '../../status/status-view.ts'
import { PageShelf } from './page-shelf.ts'
import { StatusServer } from './status-server.ts'

interface Answer {
  readonly status: number
  readonly headers: NodeJS.Dict<string | string[]>
  readonly body: Buffer
}

const clock = new ManualClock()
let root: string
let folder: SnapshotFolder
let shelf: PageShelf
let server: StatusServer
let url: string

const options = {
  ...{ host: '127.0.0.1', port: 0, maxAgeSeconds: 10, connectionsMax: 40, readersMax: 3 },
  languages: ['en', 'de'],
}

function write(view: StatusView): Promise<unknown> {
  const setting = { languages: wordsOf(['en', 'de']), logo: null, staleMinutes: 10, feeds: [], canSubscribe: false }
  const style = { path: 'style.css', contentType: 'text/css', bytes: Buffer.from('a{}') }
  return folder.write([style, ...pageFiles(view, setting)], view.updatedMs)
}

before(async () => {
  root = await mkdtemp(join(tmpdir(), 'holdfast-server-'))
  folder = new SnapshotFolder(root)
  await write(troubledView())
  shelf = new PageShelf(root)
  await shelf.refresh()
  server = new StatusServer(options, shelf, clock, (asked, response) => {
    if (asked.url !== '/subscribe') return false
    response.writeHead(200).end('taken')
    return true
  })
  url = await server.listen()
})
after(async () => {
  await server[Symbol.asyncDispose]()
  await rm(root, { recursive: true, force: true })
})

function ask(path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>()
  const asked = request(url, { path, headers, method, agent: false }, (response) => {
    const chunks: Buffer[] = []
    response.on('data', (chunk: Buffer) => chunks.push(chunk))
    response.on('end', () =>
      resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) }),
    )
  })
  asked.on('error', reject)
  asked.end()
  return promise
}

test('a page is sent as it is, or compressed, with a name of its own for each', async () => {
  const plain = await ask('/')
  const br = await ask('/', { 'accept-encoding': 'gzip, deflate, br' })
  const zipped = await ask('/', { 'accept-encoding': 'gzip, br;q=0' })
  assert.match(plain.body.toString(), /Partial outage/)
  assert.deepEqual(brotliDecompressSync(br.body), plain.body)
  assert.deepEqual(gunzipSync(zipped.body), plain.body)
  assert.equal(new Set([plain, br, zipped].map(({ headers }) => headers['etag'])).size, 3)
  assert.ok(br.body.length < 8000, `${br.body.length} bytes`)
  assert.match(String(plain.headers['cache-control']), /max-age=10.*stale-if-error=86400/)
  assert.equal(plain.headers['access-control-allow-origin'], '*')
  assert.match(String(plain.headers['content-security-policy']), /default-src 'none'; script-src 'self'/)
  assert.match(String(plain.headers['vary']), /accept-encoding, accept-language/)
})

test('who has it already is told so, and HEAD gets the head', async () => {
  const { headers, body } = await ask('/history')
  const etag = String(headers['etag'])
  for (const known of [etag, `"x", W/${etag}`, '*']) {
    const again = await ask('/history', { 'if-none-match': known })
    assert.deepEqual([again.status, again.body.length, again.headers['etag']], [304, 0, etag])
  }
  assert.equal((await ask('/history', { 'if-none-match': '"other"' })).status, 200)
  const head = await ask('/history', {}, 'HEAD')
  assert.deepEqual([head.status, head.body.length, head.headers['content-length']], [200, 0, String(body.length)])
})

test('an address without an ending is in the language of the browser, one with it in its own', async () => {
  const asked = { 'accept-language': 'de-DE,de;q=0.9' }
  for (const [path, to] of [
    ['/', 'de/index.html'],
    ['/history', 'de/history.html'],
    ['/incidents/inc-7f3a', '../de/incidents/inc-7f3a.html'],
  ] as const) {
    const { status, headers } = await ask(path, asked)
    assert.deepEqual([status, headers['location']], [302, to])
    const target = new URL(to, `${url}${path}`)
    assert.match((await ask(target.pathname)).body.toString(), /<html lang="de"/)
  }
  assert.match((await ask('/index.html', asked)).body.toString(), /<html lang="en"/)
  assert.equal((await ask('/style.css', asked)).status, 200)
})

test('what is not there is said so in a page, and no path leads elsewhere', async () => {
  for (const path of ['/nothing', '/../../etc/passwd', '/%2e%2e/x', '/snapshot.json', '//evil.example/', '/__proto__'])
    assert.equal((await ask(path)).status, 404, path)
  assert.match((await ask('/a/b/c')).body.toString(), /There is no such page/)
})

test('other methods are refused, or asked about, or the affair of somebody else', async () => {
  for (const method of ['POST', 'PUT', 'DELETE', 'PATCH']) {
    const { status, headers } = await ask('/', {}, method)
    assert.deepEqual([status, headers['allow'], headers['connection']], [405, 'GET, HEAD, OPTIONS', 'close'])
  }
  const preflight = await ask('/', { origin: 'https://example.org' }, 'OPTIONS')
  assert.deepEqual([preflight.status, preflight.headers['access-control-allow-methods']], [204, 'GET, HEAD'])
  assert.equal((await ask('/subscribe', {}, 'POST')).body.toString(), 'taken')
})

async function follow(): Promise<{ status: number; heard: () => string; end: () => void }> {
  const asked = request(url, { path: '/live', agent: false })
  asked.end()
  asked.on('error', () => {})
  const [response] = (await once(asked, 'response')) as [IncomingMessage]
  let text = ''
  response.on('data', (chunk: Buffer) => (text += chunk.toString()))
  response.on('error', () => {})
  return { status: response.statusCode ?? 0, heard: () => text, end: () => asked.destroy() }
}

async function eventually(isSo: () => boolean): Promise<void> {
  for (let turn = 0; turn < 500 && !isSo(); turn++) await new Promise((resolve) => setTimeout(resolve, 10))
  assert.ok(isSo())
}

test('readers hear of each version, as many as there may be', async () => {
  const readers = [await follow(), await follow(), await follow()]
  assert.deepEqual(
    readers.map(({ status }) => status),
    [200, 200, 200],
  )
  assert.equal((await follow()).status, 503)
  const before = shelf.version
  await writeNewer()
  assert.equal(await shelf.refresh(), true)
  server.readers.tell(shelf.version)
  assert.notEqual(shelf.version, before)
  for (const { heard } of readers) await eventually(() => heard().includes(`data: ${shelf.version}\n\n`))
  for (const reader of readers) reader.end()
  await eventually(() => server.readers.count === 0)
})

/** The times of files are coarse on some systems. */
async function writeNewer(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 20))
  await write({ ...troubledView(), updatedMs: nowMs + 120_000 })
}

test('a snapshot that is not whole changes nothing', async () => {
  const version = shelf.version
  await appendFile(join(root, 'index.html'), 'more')
  await writeFile(join(root, 'snapshot.json'), '{"format":1,"version":"x","ofMs":')
  assert.equal(await shelf.refresh(), false)
  assert.equal(shelf.version, version)
  assert.equal((await ask('/')).status, 200)
  // A process that begins now has nothing to show, and says so.
  const empty = new PageShelf(root)
  assert.equal(await empty.refresh(), false)
  await using bare = new StatusServer(options, empty, clock)
  const answer = await fetch(await bare.listen())
  assert.deepEqual([answer.status, answer.headers.get('retry-after')], [503, '2'])
  folder = new SnapshotFolder(root)
  await write(troubledView())
  assert.equal(await empty.refresh(), true)
})

test('old figures say that they are old, and no longer when new ones come', async () => {
  await shelf.refresh()
  const etag = (await ask('/')).headers['etag']
  await shelf.showStale(true)
  const old = await ask('/')
  assert.match(old.body.toString(), /<p id="stale" class="stale">The figures below are old/)
  assert.notEqual(old.headers['etag'], etag)
  await shelf.showStale(false)
  assert.match((await ask('/')).body.toString(), /<p id="stale" class="stale" hidden>/)
})

test('who takes its answer too slowly has had its time', async () => {
  const path = join(root, 'slow')
  const bytes = Buffer.alloc(24 * 2 ** 20)
  await new SnapshotFolder(path).write([{ path: 'large.png', contentType: 'image/png', bytes }], 1)
  const large = new PageShelf(path)
  await large.refresh()
  const own = new ManualClock()
  await using slow = new StatusServer(options, large, own)
  const socket = connect(Number(new URL(await slow.listen()).port), '127.0.0.1').on('error', () => {})
  socket.write('GET /large.png HTTP/1.1\r\nhost: x\r\n\r\n')
  await once(socket, 'readable')
  let isOver = false
  socket.once('close', () => (isOver = true))
  own.advance(55_000)
  await new Promise((resolve) => setTimeout(resolve, 50))
  assert.equal(isOver, false)
  own.advance(15_000)
  socket.resume()
  await eventually(() => isOver)
  assert.ok(socket.bytesRead < bytes.length)
})

test('more connections than there may be are not accepted, and others are answered once there is room', async () => {
  const sockets = Array.from({ length: 60 }, () => {
    const socket = connect(Number(new URL(url).port), '127.0.0.1')
    return socket.on('error', () => {})
  })
  await eventually(() => sockets.filter((socket) => socket.destroyed || socket.readableEnded).length >= 15)
  for (const socket of sockets) socket.destroy()
  for (let turn = 0; turn < 100; turn++) {
    const answer = await ask('/').catch(() => null)
    if (answer?.status === 200) return
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  assert.fail('nobody is answered any more')
})
