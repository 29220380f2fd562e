// The proof of work before the hosted site: who is asked for it, who is not, and what is had by having done it.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { WebSocket } from 'ws'
import { openTestHouse, type TestHouse } from '../http/harness.ts'
import { ask, type Asked, type AskOptions } from './ask.ts'

let root: string
let house: TestHouse
const key = 'sk-good-0123456789abcdef'
const bearer = { authorization: `Bearer ${key}` }
const navigation = { accept: 'text/html,*/*;q=0.8', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' }
const path = '/.well-known/holdfast-challenge'

before(async () => {
  root = await mkdtemp(join(tmpdir(), 'holdfast-challenge-'))
  for (const name of ['index.html', 'app.js', 'robots.txt']) await writeFile(join(root, name), name)
  house = await openTestHouse({
    stateDir: join(root, 'state'),
    keys: [{ name: 'good', key }],
    guard: { exempt: [], challenge: { when: 'always' } },
    web: { routes: [{ folder: root }, { path: '/hook', folder: root, challenge: false }] },
  })
})

after(async () => {
  await house[Symbol.asyncDispose]()
  await rm(root, { recursive: true })
})

const get = (target: string, headers: Record<string, string> = {}, more: AskOptions = {}): Promise<Asked> =>
  ask(house.port, target, { headers, ...more })
const send = (solution: string, method = 'POST'): Promise<Asked> =>
  ask(house.port, path, { method, headers: { 'holdfast-solution': solution } })

/** As the page's script does it. */
function solve(page: string): string {
  const value = (name: string): string => new RegExp(` data-${name}="([^"]*)"`).exec(page)?.[1] ?? ''
  for (let n = 0; n <= Number(value('max')); n++) {
    const hash = createHash('sha256')
      .update(`${value('salt')}.${n}`)
      .digest('hex')
    if (hash === value('goal')) return `${value('salt')}.${n}.${value('signature')}`
  }
  return assert.fail('there is no number')
}

async function counted(): Promise<Record<string, number>> {
  const text = await house.house.metrics.registry.metrics()
  return Object.fromEntries(
    [...text.matchAll(/^holdfast_challenges_total\{outcome="(\w+)"\} (\d+)$/gm)].map(([, name, n]) => [
      name,
      Number(n),
    ]),
  )
}

test('a page is answered by one that has the browser work, under its ray and a policy of its own', async () => {
  const { status, headers, text } = await get('/', navigation)
  assert.equal(status, 429)
  assert.equal(headers['content-type'], 'text/html; charset=utf-8')
  assert.match(headers['proxy-status'] ?? '', /details="HF_CHALLENGE"/)
  assert.equal(headers['cache-control'], 'no-store')
  assert.equal(headers['retry-after'], '30')
  assert.ok(text.includes(headers['holdfast-ray'] ?? '?'))
  const policy = headers['content-security-policy'] ?? ''
  for (const element of ['script', 'style']) {
    const inner = new RegExp(`<${element}>([^]*?)</${element}>`).exec(text)?.[1] ?? ''
    const hash = createHash('sha256').update(inner).digest('base64')
    assert.ok(policy.includes(`${element}-src 'sha256-${hash}'`), element)
  }
  assert.doesNotMatch(policy, /unsafe/)
  assert.match(text, /<noscript>[^]*JavaScript/)
  assert.doesNotMatch(text, /\{\{/)
  const german = await get('/', { ...navigation, 'accept-language': 'de-AT,de;q=0.9,en;q=0.8' })
  assert.match(german.text, /<html lang="de">[^]*Ihr Browser wird geprüft/)
  assert.equal(german.headers['content-language'], 'de')
})

test('parts of pages, scripts’ questions and other methods get a plain no, and never a page', async () => {
  const asked = [
    await get('/app.js', { accept: '*/*' }),
    await get('/'),
    await get('/', { accept: 'text/html', 'sec-fetch-mode': 'cors' }),
    await get('/', { accept: 'text/html' }, { method: 'HEAD' }),
    await get('/', { accept: 'application/json' }, { method: 'POST', body: '{}' }),
  ]
  for (const { status, headers, text } of asked) {
    assert.equal(status, 429)
    assert.equal(headers['retry-after'], '30')
    assert.doesNotMatch(headers['content-type'] ?? '', /html/)
    assert.doesNotMatch(text, /<html|index\.html/)
  }
  assert.match(asked[1]?.text ?? '', /"error_code":"HF_CHALLENGE"/)
})

test('calls, callers with a key, programs’ files and routes that are left out are not asked', async () => {
  assert.equal((await get('/', { ...navigation, ...bearer })).status, 200)
  assert.equal((await get('/v1/models', bearer)).status, 200)
  assert.equal((await get('/v1/models', navigation)).status, 401)
  assert.equal((await get('/robots.txt')).status, 200)
  assert.equal((await get('/.well-known/acme-challenge/x')).status, 404)
  assert.equal((await get('/hook/app.js')).status, 200)
  assert.equal((await get('/errors', navigation)).status, 200)
})

test('who has done it gets a pass; the same again earns the same pass, and a wrong one none', async () => {
  const before = await counted()
  const solution = solve((await get('/', navigation)).text)
  const done = await send(solution)
  assert.equal(done.status, 204)
  const [cookie = ''] = [done.headers['set-cookie']].flat()
  assert.match(cookie, /^holdfast-pass=\d{10}\.[\w-]{43}; Path=\/; Max-Age=8\d{4}; HttpOnly; SameSite=Lax$/)
  const pass = cookie.split(';')[0] ?? ''
  assert.equal((await get('/', { ...navigation, cookie: `a=b; ${pass}` })).text, 'index.html')
  assert.equal((await get('/app.js', { cookie: pass })).text, 'app.js')
  assert.equal((await get('/', { ...navigation, cookie: `${pass}x` })).status, 429)
  const [again = ''] = [(await send(solution)).headers['set-cookie']].flat()
  assert.equal(again.split(';')[0], pass)
  for (const wrong of ['', solution.slice(1), solution.replace(/.$/, (c) => (c === 'A' ? 'B' : 'A'))])
    assert.equal((await send(wrong)).status, 429)
  assert.equal((await send(solution, 'GET')).status, 405)
  const now = await counted()
  const grown = Object.entries(now).map(([name, count]) => [name, count - (before[name] ?? 0)])
  assert.deepEqual(Object.fromEntries(grown), { issued: 2, solved: 2, refused: 3 })
})

test('the secret is kept for the next start, and for nobody else to read', async () => {
  const file = join(root, 'state', 'pass.key')
  assert.equal((await readFile(file)).length, 32)
  assert.equal((await stat(file)).mode & 0o777, 0o600)
})

test('where private networks are exempt, as by default, nobody from there is asked', async () => {
  await using open = await openTestHouse({
    guard: { challenge: { when: 'always' } },
    web: { routes: [{ folder: root }] },
  })
  assert.equal((await ask(open.port, '/', { headers: navigation })).status, 200)
})

test('behind a proxy a pass is for the network of the visitor, and only by TLS where that is how he came', async () => {
  await using proxied = await openTestHouse({
    stateDir: join(root, 'state'),
    access: { trustedProxies: ['127.0.0.1'] },
    guard: { challenge: { when: 'always' } },
    web: { routes: [{ folder: root }] },
  })
  const by = (address: string, headers: Record<string, string> = {}): Record<string, string> => ({
    ...navigation,
    ...{ 'x-forwarded-for': address, 'x-forwarded-proto': 'https', ...headers },
  })
  const asked = await ask(proxied.port, '/', { headers: by('203.0.113.5') })
  const headers = by('203.0.113.5', { 'holdfast-solution': solve(asked.text) })
  const [cookie = ''] = [(await ask(proxied.port, path, { method: 'POST', headers })).headers['set-cookie']].flat()
  assert.match(cookie, /; HttpOnly; SameSite=Lax; Secure$/)
  const pass = { cookie: cookie.split(';')[0] ?? '' }
  for (const [address, status] of [
    ['203.0.113.5', 200],
    ['203.0.113.99', 200],
    ['198.51.100.5', 429],
  ] as const)
    assert.equal((await ask(proxied.port, '/', { headers: by(address, pass) })).status, status, address)
})

test('a WebSocket of an application asks for it like any other part of a page', async () => {
  const app = createServer()
  using _ = { [Symbol.dispose]: () => app.close().closeAllConnections() }
  app.on('upgrade', (_, socket) => socket.end('HTTP/1.1 403 Shut\r\ncontent-length: 0\r\nconnection: close\r\n\r\n'))
  app.listen(0, '127.0.0.1')
  await once(app, 'listening')
  const url = `http://127.0.0.1:${(app.address() as AddressInfo).port}`
  const routes = [{ app: url }, { path: '/hook', app: url, challenge: false }]
  await using visited = await openTestHouse({
    stateDir: join(root, 'state'),
    keys: [{ name: 'good', key }],
    guard: { exempt: [], challenge: { when: 'always' } },
    web: { routes },
  })
  const statusOf = async (target: string, headers: Record<string, string> = {}): Promise<number> => {
    const client = new WebSocket(`ws://127.0.0.1:${visited.port}${target}`, { headers })
    client.on('error', () => {})
    const [, answer] = (await once(client, 'unexpected-response')) as [unknown, IncomingMessage]
    answer.destroy()
    return answer.statusCode ?? 0
  }
  assert.equal(await statusOf('/socket'), 429)
  const { text } = await ask(visited.port, '/', { headers: navigation })
  const passed = await ask(visited.port, path, { method: 'POST', headers: { 'holdfast-solution': solve(text) } })
  const [cookie = ''] = String(passed.headers['set-cookie']).split(';')
  // The application is asked, which shuts the door itself.
  assert.equal(await statusOf('/socket', { cookie }), 403)
  assert.equal(await statusOf('/socket', bearer), 403)
  assert.equal(await statusOf('/hook/socket'), 403)
})
