// Files of a folder beside the models, as a browser and as a stranger ask for them.
import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from 'node:zlib'
import { openTestHouse, type TestHouse } from '../http/harness.ts'
import { ask, type Asked, type AskOptions } from './ask.ts'

let root: string
let house: TestHouse
const page = '<!doctype html><title>site</title>'
const script = `export const words = ${JSON.stringify('some words, again and again. '.repeat(200))}\n`

before(async () => {
  root = await mkdtemp(join(tmpdir(), 'holdfast-site-'))
  const folder = join(root, 'site')
  await mkdir(join(folder, 'docs'), { recursive: true })
  await mkdir(join(folder, '.well-known'))
  await mkdir(join(folder, 'empty'))
  await writeFile(join(folder, 'index.html'), page)
  await writeFile(join(folder, 'docs', 'index.html'), 'docs')
  await writeFile(join(folder, 'app-DqWb3gP1.js'), script)
  await writeFile(join(folder, 'plain.js'), script)
  await writeFile(join(folder, 'ready.css'), 'plain')
  await writeFile(join(folder, 'ready.css.br'), 'brotli')
  await writeFile(join(folder, 'ready.css.gz'), 'gzip')
  await writeFile(join(folder, 'old.css'), 'new')
  await writeFile(join(folder, 'old.css.br'), 'old')
  await utimes(join(folder, 'old.css.br'), 1_000_000, 1_000_000)
  await writeFile(join(folder, 'ten.bin'), '0123456789')
  await writeFile(join(folder, 'big.bin'), Buffer.alloc(3 * 2 ** 20, 'abcdefgh'))
  await writeFile(join(folder, '.env'), 'SECRET=1')
  await writeFile(join(folder, '.well-known', 'security.txt'), 'mail us')
  await writeFile(join(root, 'secret.txt'), 'secret')
  await symlink(join(root, 'secret.txt'), join(folder, 'link.txt'))
  await symlink(root, join(folder, 'up'))
  await symlink(join(folder, 'ten.bin'), join(folder, 'inner.bin'))
  house = await openTestHouse({
    web: {
      routes: [
        { folder, fallback: 'index.html', headers: { 'x-frame-options': 'DENY' } },
        { path: '/strict', folder },
        { host: 'other.test', folder: join(folder, 'docs') },
      ],
    },
  })
})

after(async () => {
  await house[Symbol.asyncDispose]()
  await rm(root, { recursive: true })
})

const get = (path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Asked> =>
  ask(house.port, path, { headers, method } satisfies AskOptions)

test('a folder is served by its index, with a ray and the fields of its route', async () => {
  const { status, headers, text } = await get('/')
  assert.deepEqual([status, text], [200, page])
  assert.equal(headers['content-type'], 'text/html; charset=utf-8')
  assert.equal(headers['x-content-type-options'], 'nosniff')
  assert.equal(headers['x-frame-options'], 'DENY')
  assert.equal(headers['cache-control'], 'no-cache')
  assert.match(headers['etag'] ?? '', /^"[\w-]{22}"$/)
  assert.ok(headers['holdfast-ray'])
  assert.equal((await get('/docs/')).text, 'docs')
  const led = await get('/docs?a=1')
  assert.deepEqual([led.status, led.headers['location']], [308, '/docs/?a=1'])
})

test('the models are where they were, and nothing of /v1 falls to the site', async () => {
  assert.equal((await get('/v1/models')).status, 200)
  for (const path of ['/v1', '/v1/', '/v1/nothing', '/v1/index.html']) {
    const { status, headers } = await get(path)
    assert.deepEqual([path, status, headers['content-type']], [path, 404, 'application/json'])
  }
  await house.isWell()
})

test('the route is chosen by host and path', async () => {
  assert.equal((await get('/', { host: 'other.test:8080' })).text, 'docs')
  assert.equal((await get('/strict/ten.bin')).text, '0123456789')
  assert.equal((await get('/strictly')).text, page)
})

test('pages that find their way in the browser get the fallback, missing files do not', async () => {
  assert.equal((await get('/chats/12', { accept: 'text/html,*/*' })).text, page)
  assert.equal((await get('/missing.js')).status, 404)
  assert.equal((await get('/chats/12', { accept: 'application/json' })).status, 404)
  assert.equal((await get('/strict/chats/12', { accept: 'text/html' })).status, 404)
  const { headers, text } = await get('/missing.js', { accept: 'text/html' })
  assert.match(headers['proxy-status'] ?? '', /HF_PAGE_UNKNOWN/)
  assert.match(text, /<html/)
})

test('nothing outside of the folder is reached, by no spelling and no link', async () => {
  const paths = [
    ...['/../secret.txt', '/%2e%2e/secret.txt', '/docs/..%2f..%2fsecret.txt', '/..%5csecret.txt', '//secret.txt'],
    ...['/link.txt', '/up/secret.txt', '/up/', '/.env', '/%2eenv', '/docs/%00', '/docs//index.html', '/.git/config'],
    ...['/%252e%252e/secret.txt', '/docs/%c0%ae%c0%ae/secret.txt', '/ten.bin.', '/ten.bin%20', '/empty/'],
  ]
  for (const path of paths) {
    const { status, text } = await get(path)
    assert.ok([400, 404].includes(status) || text === page, `${path}: ${status}`)
    assert.doesNotMatch(text, /^secret|SECRET/)
  }
  assert.equal((await get('/inner.bin')).text, '0123456789')
  assert.equal((await get('/.well-known/security.txt')).text, 'mail us')
})

test('only reading is understood', async () => {
  const { status, headers } = await get('/', {}, 'POST')
  assert.deepEqual([status, headers['allow']], [405, 'GET, HEAD'])
  const head = await get('/ten.bin', {}, 'HEAD')
  assert.deepEqual([head.status, head.headers['content-length'], head.text], [200, '10', ''])
})

test('who has it already is told so', async () => {
  const { headers } = await get('/ten.bin')
  const { etag = '', 'last-modified': changed = '' } = headers
  for (const known of [
    { 'if-none-match': etag },
    { 'if-none-match': `"x", W/${etag}` },
    { 'if-modified-since': changed },
  ]) {
    const { status, text, headers: told } = await get('/ten.bin', known)
    assert.deepEqual([status, text, told['etag'], told['content-type']], [304, '', etag, undefined])
  }
  assert.equal((await get('/ten.bin', { 'if-none-match': '"x"', 'if-modified-since': changed })).status, 200)
  assert.equal((await get('/ten.bin', { 'if-match': '"x"' })).status, 412)
  assert.equal((await get('/ten.bin', { 'if-match': etag })).status, 200)
})

test('parts: one, several, the end, none, and not when it has changed', async () => {
  const part = async (range: string, more: Record<string, string> = {}): Promise<Asked> =>
    get('/ten.bin', { range, ...more })
  const one = await part('bytes=2-4')
  assert.deepEqual([one.status, one.text, one.headers['content-range']], [206, '234', 'bytes 2-4/10'])
  assert.equal((await part('bytes=-3')).text, '789')
  assert.equal((await part('bytes=7-')).text, '789')
  assert.equal((await part('bytes=7-99')).text, '789')
  const none = await part('bytes=10-')
  assert.deepEqual([none.status, none.headers['content-range']], [416, 'bytes */10'])
  for (const odd of ['bytes=4-2', 'lines=1-2', 'bytes=', 'bytes=a-b', 'bytes=0-9,0-9'])
    assert.deepEqual([odd, (await part(odd)).status], [odd, 200])
  const several = await part('bytes=0-1, 8-9')
  const [, boundary = ''] = /boundary=(.*)$/.exec(several.headers['content-type'] ?? '') ?? []
  const pieces = several.text.split(`\r\n--${boundary}`).slice(1, -1)
  assert.deepEqual(
    pieces.map((piece) => piece.split('\r\n\r\n')[1]),
    ['01', '89'],
  )
  assert.equal(several.headers['content-length'], String(several.body.length))
  const { etag = '' } = (await get('/ten.bin')).headers
  assert.equal((await part('bytes=2-4', { 'if-range': etag })).status, 206)
  assert.equal((await part('bytes=2-4', { 'if-range': '"other"' })).status, 200)
  assert.equal((await part('bytes=2-4', { 'if-range': `W/${etag}` })).status, 200)
})

test('a file too large to be held is streamed, whole and in parts', async () => {
  const whole = await get('/big.bin')
  assert.equal(whole.body.length, 3 * 2 ** 20)
  assert.equal((await get('/big.bin', { range: 'bytes=2097152-2097159' })).text, 'abcdefgh')
  const several = await get('/big.bin', { range: 'bytes=0-3,2097152-2097155' })
  assert.equal(several.headers['content-length'], String(several.body.length))
})

test('text is compressed as the client likes it, and each form has its own tag', async () => {
  const plain = await get('/plain.js')
  const open = { br: brotliDecompressSync, zstd: zstdDecompressSync, gzip: gunzipSync } as const
  const tags = new Set([plain.headers['etag']])
  for (const coding of ['br', 'zstd', 'gzip'] as const) {
    const { headers, body } = await get('/plain.js', { 'accept-encoding': coding })
    assert.equal(headers['content-encoding'], coding)
    assert.equal(headers['vary'], 'accept-encoding')
    assert.ok(body.length < plain.body.length / 4)
    assert.equal(open[coding](body).toString(), script)
    tags.add(headers['etag'])
    assert.equal(
      (await get('/plain.js', { 'accept-encoding': coding, 'if-none-match': headers['etag'] ?? '' })).status,
      304,
    )
  }
  assert.equal(tags.size, 4)
  const choices: readonly (readonly [string, string | undefined])[] = [
    ...([
      ['gzip, br', 'br'],
      ['gzip;q=1, br;q=0.5', 'gzip'],
      ['br;q=0, gzip', 'gzip'],
      ['*', 'br'],
    ] as const),
    ...([
      ['identity', undefined],
      ['', undefined],
      ['deflate', undefined],
      ['identity, gzip;q=0.5', undefined],
    ] as const),
  ]
  for (const [wanted, coding] of choices)
    assert.deepEqual(
      [wanted, (await get('/plain.js', { 'accept-encoding': wanted })).headers['content-encoding']],
      [wanted, coding],
    )
  assert.equal((await get('/ten.bin', { 'accept-encoding': 'br' })).headers['content-encoding'], undefined)
})

test('files that lie there compressed are used, unless they are older than the file', async () => {
  assert.equal((await get('/ready.css', { 'accept-encoding': 'br, gzip' })).text, 'brotli')
  assert.equal((await get('/ready.css', { 'accept-encoding': 'gzip' })).text, 'gzip')
  assert.equal((await get('/ready.css', { 'accept-encoding': 'zstd' })).text, 'plain')
  assert.equal((await get('/old.css', { 'accept-encoding': 'br' })).text, 'new')
})

test('a hash in the name lasts for a year', async () => {
  assert.equal((await get('/app-DqWb3gP1.js')).headers['cache-control'], 'public, max-age=31536000, immutable')
  assert.equal((await get('/plain.js')).headers['cache-control'], 'no-cache')
})

test('a file that changes is another a second later', async () => {
  const path = join(root, 'site', 'changing.txt')
  await writeFile(path, 'one')
  const first = await get('/changing.txt')
  await writeFile(path, 'two!')
  let second = first
  for (let tries = 0; tries < 100 && second.text === 'one'; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 50))
    second = await get('/changing.txt')
  }
  assert.equal(second.text, 'two!')
  assert.notEqual(second.headers['etag'], first.headers['etag'])
})
