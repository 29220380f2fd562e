// The cache before an application, as its visitors and the application see it: over real sockets, two houses at times.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, test } from 'node:test'
import { brotliDecompressSync } from 'node:zlib'
import type { ConfigInput } from '../../src/config.ts'
import { SqliteCache } from '../../src/store/sqlite-cache.ts'
import { systemClock } from '../../src/ground/clock.ts'
import { openTestHouse, type TestHouse, until } from '../http/harness.ts'
import { ask, type Asked } from './ask.ts'

let app: Server
let house: TestHouse
/** What the application was asked, in order. */
let seen: IncomingMessage[] = []
let handle: (request: IncomingMessage, response: ServerResponse) => void

const reply =
  (headers: Record<string, string | string[]>, body: string | Buffer = 'body', status = 200) =>
  (_: IncomingMessage, response: ServerResponse): void =>
    void response.writeHead(status, { 'content-length': Buffer.byteLength(body), ...headers }).end(body)

const web = (more: object = {}): Partial<ConfigInput> => ({
  web: {
    routes: [{ app: `http://127.0.0.1:${(app.address() as AddressInfo).port}` }],
    cache: { entryBytesMax: 200_000, ...more },
  },
})

before(async () => {
  app = createServer((request, response) => {
    seen.push(request)
    handle(request, response)
  })
  app.listen(0, '127.0.0.1')
  await once(app, 'listening')
  house = await openTestHouse(web())
})
after(async () => {
  await house[Symbol.asyncDispose]()
  app.closeAllConnections()
  app.close()
})
afterEach(() => {
  seen = []
})

const twoWorkers = { workers: 2, journal: { engine: 'sqlite' }, streams: { engine: 'sqlite' } } as const

let lastPath = 0
const newPath = (): string => `/p${lastPath++}`
const get = (path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Asked> =>
  ask(house.port, path, { headers, method })
const status = ({ headers }: Asked): string => headers['cache-status'] ?? ''

test('what may be kept is answered from the cache, with its age and a word on what happened', async () => {
  const path = newPath()
  handle = reply({ 'cache-control': 'public, max-age=60', 'x-a': '1', 'set-cookie': ['a=1', 'b=2'] })
  const first = await get(path)
  assert.match(status(first), /^holdfast; fwd=uri-miss; ttl=\d+; stored$/)
  const second = await get(path)
  assert.deepEqual([second.status, second.text, second.headers['x-a'], seen.length], [200, 'body', '1', 1])
  assert.match(status(second), /^holdfast; hit; ttl=\d+$/)
  assert.match(second.headers['age'] ?? '', /^\d+$/)
  assert.deepEqual(second.headers['set-cookie'], ['a=1', 'b=2'])
  assert.notEqual(second.headers['holdfast-ray'], first.headers['holdfast-ray'])
  const head = await get(path, {}, 'HEAD')
  assert.deepEqual([head.headers['content-length'], head.text, seen.length], ['4', '', 1])
})

test('what may not be kept is asked for each time, and says why', async () => {
  const cases: readonly (readonly [Record<string, string>, Record<string, string>, string])[] = [
    [{ 'cache-control': 'no-store' }, {}, 'no-store'],
    [{ 'cache-control': 'private, max-age=60' }, {}, 'private'],
    [{ 'cache-control': 'max-age=60', 'set-cookie': 'a=1' }, {}, 'set-cookie'],
    [{ 'cache-control': 'max-age=60', vary: '*' }, {}, 'vary'],
    [{}, {}, 'nothing-to-go-by'],
    [{ 'cache-control': 'max-age=60' }, { authorization: 'Bearer x' }, 'authorization'],
  ]
  for (const [headers, asked, why] of cases) {
    seen = []
    const path = newPath()
    handle = reply(headers)
    assert.match(status(await get(path, asked)), new RegExp(`detail=${why}$`))
    await get(path, asked)
    assert.equal(seen.length, 2, why)
  }
})

test('a stale answer is asked about by its tag, and renewed by a word', async () => {
  const path = newPath()
  handle = reply({ 'cache-control': 'max-age=0', etag: '"1"', 'x-a': 'old' })
  await get(path)
  handle = (request, response) => {
    assert.equal(request.headers['if-none-match'], '"1"')
    response.writeHead(304, { 'cache-control': 'max-age=60', 'x-a': 'new', etag: '"1"' }).end()
  }
  const renewed = await get(path)
  assert.deepEqual([renewed.status, renewed.text, renewed.headers['x-a']], [200, 'body', 'new'])
  assert.match(status(renewed), /^holdfast; fwd=stale; fwd-status=304; ttl=\d+; stored$/)
  assert.match(status(await get(path)), /^holdfast; hit/)
  assert.equal((await get(path, { 'if-none-match': '"1"' })).status, 304)
  assert.equal(seen.length, 2)
})

test('each variant is kept for those that ask alike', async () => {
  const path = newPath()
  handle = (request, response) =>
    reply({ 'cache-control': 'max-age=60', vary: 'x-kind' }, `for ${String(request.headers['x-kind'])}`)(
      request,
      response,
    )
  for (const kind of ['a', 'b', 'a', 'b', 'a']) assert.equal((await get(path, { 'x-kind': kind })).text, `for ${kind}`)
  assert.equal(seen.length, 2)
  assert.match(status(await get(path, { 'x-kind': 'c' })), /fwd=vary-miss/)
})

test('a hundred who ask at once make one request, also where the answer is slow to end', async () => {
  const path = newPath()
  handle = (_, response) => {
    response.writeHead(200, { 'cache-control': 'max-age=60', 'content-length': '8' })
    response.write('half')
    setTimeout(() => response.end('half'), 100)
  }
  const answers = await Promise.all(Array.from({ length: 100 }, () => get(path)))
  assert.ok(answers.every(({ text }) => text === 'halfhalf'))
  assert.equal(seen.length, 1)
  assert.equal(answers.filter((each) => /collapsed|hit/.test(status(each))).length, 99)
})

test('where the answer cannot be kept nobody waits for another', async () => {
  const path = newPath()
  handle = reply({ 'cache-control': 'no-store' })
  await get(path)
  let open = 0
  handle = (request, response) => {
    open++
    // All come before any is answered: nobody holds up the others.
    const wait = (): void =>
      void (open === 20 ? reply({ 'cache-control': 'no-store' })(request, response) : setTimeout(wait, 5))
    wait()
  }
  const answers = await Promise.all(Array.from({ length: 20 }, () => get(path)))
  assert.ok(answers.every((each) => each.status === 200))
})

test('the one whose visitor leaves holds up nobody', async () => {
  const path = newPath()
  let count = 0
  handle = (request, response) => {
    if (++count > 1) reply({ 'cache-control': 'max-age=60' })(request, response)
  }
  const socket = connect(house.port, '127.0.0.1')
  socket.write(`GET ${path} HTTP/1.1\r\nhost: site.test\r\n\r\n`)
  await until('the first to be on its way', () => count === 1)
  const second = get(path)
  socket.destroy()
  assert.equal((await second).status, 200)
})

test('what is stale is used meanwhile where that is allowed, and asked for once', async () => {
  const path = newPath()
  handle = reply({ 'cache-control': 'max-age=0, stale-while-revalidate=60' }, 'old')
  await get(path)
  handle = reply({ 'cache-control': 'max-age=60' }, 'new')
  const answers = await Promise.all(Array.from({ length: 20 }, () => get(path)))
  assert.ok(answers.some(({ text }) => text === 'old'))
  await until('the new one', () => seen.length === 2)
  for (let tries = 0; tries < 200 && (await get(path)).text !== 'new'; tries++);
  assert.equal((await get(path)).text, 'new')
  assert.equal(seen.length, 2)
})

test('a failing application is covered by what is kept, as far as it allows', async () => {
  const cases = [
    ['max-age=0, stale-if-error=60', 503, 200],
    ['max-age=0, stale-if-error=60', 'cut', 200],
    ['max-age=0', 'cut', 200],
    ['max-age=0', 503, 503],
    ['max-age=0, must-revalidate', 'cut', 502],
    ['max-age=0, proxy-revalidate', 'cut', 502],
    ['s-maxage=0', 'cut', 502],
    ['no-cache', 'cut', 502],
  ] as const
  for (const [control, how, expected] of cases) {
    const path = newPath()
    handle = reply({ 'cache-control': control, etag: '"1"' }, 'kept')
    await get(path)
    handle = (request, response) => {
      if (how === 'cut') response.socket?.destroy()
      else reply({}, 'down', how)(request, response)
    }
    const answer = await get(path)
    assert.equal(answer.status, expected, `${control}, ${how}`)
    if (expected === 200) assert.match(`${answer.text} ${status(answer)}`, /^kept holdfast; hit; fwd=stale/)
  }
})

test('a change drops what is kept of it, and of what it names', async () => {
  const [path, other] = [newPath(), newPath()]
  handle = reply({ 'cache-control': 'max-age=60' })
  await get(path)
  await get(other)
  handle = reply({ location: other }, 'no', 500)
  await get(path, {}, 'POST')
  handle = reply({})
  assert.match(status(await get(path)), /hit/)
  handle = reply({ 'content-location': other })
  await get(path, {}, 'DELETE')
  handle = reply({ 'cache-control': 'max-age=60' })
  for (const each of [path, other]) assert.match(status(await get(each)), /fwd=uri-miss/)
})

test('an answer that was on its way before a change is not kept after it', async () => {
  const path = newPath()
  let finish = (): void => {}
  handle = (_, response) => {
    response.writeHead(200, { 'cache-control': 'max-age=60', 'content-length': '3' }).write('o')
    finish = () => void response.end('ld')
  }
  const old = get(path)
  await until('it to be on its way', () => seen.length === 1)
  const finishOld = finish
  handle = reply({})
  await get(path, {}, 'PUT')
  finishOld()
  assert.equal((await old).text, 'old')
  handle = reply({ 'cache-control': 'max-age=60' }, 'new')
  assert.equal((await get(path)).text, 'new')
})

test('parts are cut from the whole, and kept by themselves', async () => {
  const path = newPath()
  handle = reply({ 'cache-control': 'max-age=60', etag: '"1"' }, '0123456789')
  await get(path)
  const part = await get(path, { range: 'bytes=2-4' })
  assert.deepEqual([part.status, part.text, part.headers['content-range']], [206, '234', 'bytes 2-4/10'])
  assert.equal((await get(path, { range: 'bytes=20-' })).status, 416)
  assert.equal(seen.length, 1)
  const other = newPath()
  handle = reply({ 'cache-control': 'max-age=60', 'content-range': 'bytes 4-9/10' }, '456789', 206)
  await get(other, { range: 'bytes=4-' })
  const less = await get(other, { range: 'bytes=-2' })
  assert.deepEqual([less.text, less.headers['content-range'], seen.length], ['89', 'bytes 8-9/10', 2])
  assert.match(status(await get(other, { range: 'bytes=0-1' })), /fwd=partial/)
  // It says six bytes and sends two: not kept.
  const wrong = newPath()
  handle = reply({ 'cache-control': 'max-age=60', 'content-range': 'bytes 4-9/10' }, '45', 206)
  await get(wrong, { range: 'bytes=4-' })
  assert.doesNotMatch(status(await get(wrong, { range: 'bytes=4-' })), /hit/)
})

test('kept text is compressed for those who like it, under a weak tag', async () => {
  const path = newPath()
  const text = 'word '.repeat(2000)
  handle = reply({ 'cache-control': 'max-age=60', 'content-type': 'text/plain', etag: '"1"' }, text)
  await get(path, { 'accept-encoding': 'br' })
  const { headers, body } = await get(path, { 'accept-encoding': 'br' })
  assert.deepEqual([headers['content-encoding'], headers['etag'], headers['vary']], ['br', 'W/"1"', 'accept-encoding'])
  assert.equal(brotliDecompressSync(body).toString(), text)
  assert.equal((await get(path, { 'accept-encoding': 'br', 'if-none-match': 'W/"1"' })).status, 304)
  assert.equal((await get(path)).text, text)
  assert.equal(seen.length, 1)
})

test('bodies in files are as good as those in the index; too large ones pass through', async () => {
  const [large, huge] = [newPath(), newPath()]
  handle = reply({ 'cache-control': 'max-age=60' }, Buffer.alloc(150_000, 'ab'))
  for (let i = 0; i < 3; i++) assert.equal((await get(large)).body.length, 150_000)
  assert.equal(seen.length, 1)
  handle = reply({ 'cache-control': 'max-age=60' }, Buffer.alloc(250_000, 'ab'))
  for (let i = 0; i < 2; i++) assert.equal((await get(huge)).body.length, 250_000)
  assert.equal(seen.length, 3)
})

test('what a request brings beside its address leads no other to the wrong answer', async () => {
  const path = newPath()
  handle = (request, response) => {
    const told = ['x-forwarded-host', 'x-original-url', 'forwarded'].map((name) => String(request.headers[name]))
    reply({ 'cache-control': 'max-age=60' }, told.join(' '))(request, response)
  }
  const usual = 'site.test undefined for=127.0.0.1;host="site.test";proto=http'
  await get(path, { 'x-original-url': '/admin', forwarded: 'host=evil.test', 'x-forwarded-scheme': 'http' })
  assert.equal((await get(path)).text, usual)
  assert.equal((await get(path, { 'x-forwarded-host': 'front.test' })).text, usual)
  assert.equal((await get(path)).text, usual)
  assert.equal(seen.length, 1)
  // A proxy that is trusted is believed, and what it names is another address.
  await using behind = await openTestHouse({ ...web(), access: { trustedProxies: ['127.0.0.0/8'] } })
  for (const name of ['front.test', 'back.test', 'front.test'])
    assert.match((await ask(behind.port, path, { headers: { 'x-forwarded-host': name } })).text, new RegExp(`^${name}`))
  assert.equal(seen.length, 3)
  const other = newPath()
  for (let i = 0; i < 2; i++) {
    const answer = await ask(house.port, other, { body: 'x' })
    assert.equal(status(answer), 'holdfast; fwd=bypass')
  }
  assert.match(status(await get(other)), /fwd=uri-miss/)
})

test('what does not reach the application does not say for whom its answer is kept', async () => {
  const path = newPath()
  handle = (request, response) =>
    reply({ 'cache-control': 'max-age=60', vary: 'x-team' }, `of ${String(request.headers['x-team'])}`)(
      request,
      response,
    )
  // Whoever hides a field from the application gets the answer without it, and nobody else does.
  assert.equal((await get(path, { 'x-team': 'blue', connection: 'x-team' })).text, 'of undefined')
  assert.equal((await get(path, { 'x-team': 'blue' })).text, 'of blue')
  // Applications behind CGI know no difference between the two.
  const other = newPath()
  handle = (request, response) =>
    reply({ 'cache-control': 'max-age=60' }, JSON.stringify(request.headers))(request, response)
  const odd = { X_Forwarded_Host: 'evil.test', 'x-real_ip': '1.1.1.1', 'x-forwarded-ssl': 'on', 'x-original-uri': '/a' }
  const told = JSON.parse((await get(other, { ...odd, x_fine: 'yes' })).text) as Record<string, string>
  assert.deepEqual(
    Object.keys(told).filter((name) => name.toLowerCase() in odd || name in odd || name === 'x_forwarded_host'),
    [],
  )
  assert.equal(told['x_fine'], 'yes')
})

test('an answer that may be to another method, or goes by who asks, is kept for nobody', async () => {
  handle = reply({ 'cache-control': 'max-age=60' })
  const path = newPath()
  const disguised = await get(path, { 'X-HTTP-Method-Override': 'DELETE' })
  assert.equal(status(disguised), 'holdfast; fwd=bypass')
  assert.match(status(await get(path)), /fwd=uri-miss/)
  handle = reply({ 'cache-control': 'max-age=60', vary: 'X-Forwarded-For' })
  assert.match(status(await get(newPath())), /detail=vary/)
})

test('a HEAD that finds something stale renews it whole', async () => {
  const path = newPath()
  handle = reply({ 'cache-control': 'max-age=0, stale-while-revalidate=60' }, 'old')
  await get(path)
  handle = reply({ 'cache-control': 'max-age=60' }, 'newer')
  await get(path, {}, 'HEAD')
  await until('it to be asked for', () => seen.length === 2)
  assert.equal(seen[1]?.method, 'GET')
  for (let tries = 0; tries < 200 && (await get(path)).text !== 'newer'; tries++);
  assert.equal((await get(path)).text, 'newer')
})

test('only-if-cached is answered from the cache or not at all', async () => {
  const path = newPath()
  const answer = await get(path, { 'cache-control': 'only-if-cached' })
  assert.equal(answer.status, 504)
  assert.match(answer.headers['proxy-status'] ?? '', /HF_NOT_KEPT/)
  assert.equal(seen.length, 0)
})

test('a thousand that want the same at two workers at once make one request, whatever its size', async () => {
  const stateDir = await mkdtemp(join(tmpdir(), 'holdfast-cache-'))
  const settings: Partial<ConfigInput> = { ...web({ engine: 'sqlite', collapseMs: 60_000 }), ...twoWorkers, stateDir }
  {
    await using one = await openTestHouse(settings)
    await using two = await openTestHouse(settings)
    for (const bytes of [10, 100_000]) {
      seen = []
      const answers: ServerResponse[] = []
      const send = reply({ 'cache-control': 'max-age=60' }, Buffer.alloc(bytes, 'x'))
      handle = (_, response) => void answers.push(response)
      const all = Array.from({ length: 1000 }, (_, i) => ask(i % 2 === 0 ? one.port : two.port, `/cold${bytes}`))
      await until('the application to be asked', () => answers.length > 0)
      send(seen[0] as IncomingMessage, answers[0] as ServerResponse)
      for (const { status, body } of await Promise.all(all)) assert.deepEqual([status, body.length], [200, bytes])
      assert.equal(seen.length, 1)
    }
  }
  await rm(stateDir, { recursive: true, force: true })
})

test('where another worker takes long, or has died, one goes itself; and nobody waits for what cannot be kept', async () => {
  const stateDir = await mkdtemp(join(tmpdir(), 'holdfast-cache-'))
  const settings: Partial<ConfigInput> = { ...web({ engine: 'sqlite' }), ...twoWorkers, stateDir }
  {
    await using one = await openTestHouse(settings)
    const folder = join(stateDir, 'cache')
    const options = { folder, bytesMax: 1e9, memoryBytesMax: 1e6, entryBytesMax: 1e6, owner: 'other' }
    const warn = (detail: string): void => assert.fail(detail)
    await using other = new SqliteCache(systemClock, { ...options, path: join(stateDir, 'cache.db'), warn })
    const key = (path: string): string => `http://site.test${path}`
    handle = reply({ 'cache-control': 'max-age=60' })
    using lease = other.lease(key('/late'), 400)
    assert.ok(lease)
    assert.equal((await ask(one.port, '/late')).status, 200)
    assert.equal(seen.length, 1)
    using brief = other.lease(key('/apart'), 60_000)
    assert.ok(brief)
    handle = reply({ 'cache-control': 'no-store' })
    const asked = ask(one.port, '/apart')
    brief[Symbol.dispose]()
    assert.equal((await asked).status, 200)
    assert.equal(other.isLeased(key('/apart')), false)
  }
  await rm(stateDir, { recursive: true, force: true })
})

test('what one house keeps another has, and after a restart; a purge reaches all', async () => {
  const stateDir = await mkdtemp(join(tmpdir(), 'holdfast-cache-'))
  const settings = { ...web({ engine: 'sqlite' }), stateDir }
  const body = Buffer.alloc(100_000, 'x')
  handle = reply({ 'cache-control': 'max-age=60', 'cache-tag': 'red, blue' }, body)
  {
    await using one = await openTestHouse(settings)
    await using two = await openTestHouse(settings)
    await ask(one.port, '/shared')
    const folder = join(stateDir, 'cache')
    const isThere = (): boolean => readdirSync(folder).some((name) => name.endsWith('.body'))
    await until('its body to be on the disk', isThere)
    for (const { port } of [one, two, two]) {
      const answer = await ask(port, '/shared')
      assert.deepEqual([answer.body.length, seen.length], [100_000, 1])
    }
    const path = join(stateDir, 'cache.db')
    const options = { path, folder, bytesMax: 1e9, memoryBytesMax: 1e6, entryBytesMax: 1e6 }
    await using hand = new SqliteCache(systemClock, { ...options, warn: (detail) => assert.fail(detail) })
    assert.equal(hand.drop({ tag: 'green' }), 0)
    // Where others write at that moment it is done a little later.
    hand.drop({ tag: 'blue' })
    await until('it to be dropped', () => !isThere())
    await ask(one.port, '/shared')
    await until('its new body to be on the disk', isThere)
    await ask(two.port, '/shared')
    assert.equal(seen.length, 2)
  }
  await using again = await openTestHouse(settings)
  assert.match(status(await ask(again.port, '/shared')), /hit/)
  await rm(stateDir, { recursive: true, force: true })
})
