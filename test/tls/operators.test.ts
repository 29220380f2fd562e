// The operators' port for other machines: who shows a certificate of the right authority gets in, or the token where
// that is what is asked for; nobody else.
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { join } from 'node:path'
import { test } from 'node:test'
import { connect } from 'node:tls'
import { type Gateway, holdfast, startGateway } from '../crash/gateway.ts'
import { Authority, type Made, noOpenssl } from './certificates.ts'

const skip = noOpenssl ?? false
const token = 'a-token-of-operators'

interface Shown {
  readonly shown?: Made
  readonly headers?: Record<string, string>
  readonly session?: Buffer
}

function ask(url: string, authority: Authority, { shown, headers = {}, session }: Shown): Promise<number> {
  const own = shown && { cert: shown.cert, key: shown.key }
  const tls = { ca: authority.cert, servername: 'localhost', ...own, ...(session && { session }) }
  return new Promise((resolve, reject) => {
    const asked = request(`${url}/metrics`, { ...tls, headers, agent: false }, (answer) => {
      answer.resume().on('end', () => resolve(answer.statusCode ?? 0))
    })
    asked.on('error', reject).end()
  })
}

/** What a client of this listener could resume by. */
function sessionOf(url: string, authority: Authority): Promise<Buffer> {
  const place = { host: '127.0.0.1', port: Number(new URL(url).port), servername: 'localhost', ca: authority.cert }
  return new Promise((resolve, reject) => {
    const socket = connect(place, () => socket.write('GET /v1/models HTTP/1.1\r\nhost: a\r\n\r\n'))
    socket.on('session', (session: Buffer) => {
      resolve(session)
      socket.destroy()
    })
    socket.on('error', reject).resume()
  })
}

async function start(authority: Authority, admin: object): Promise<Gateway & { readonly remoteAdminUrl: string }> {
  const own = authority.issue('localhost', '127.0.0.1')
  const file = join(authority.folder, 'operators.yaml')
  const certificates = [{ cert: own.certPath, key: own.keyPath }]
  const upstreams = { only: { url: 'http://127.0.0.1:9/v1' } }
  writeFileSync(file, JSON.stringify({ workers: 1, tls: { certificates }, admin: { port: 0, ...admin }, upstreams }))
  return (await startGateway('--config', file)) as Gateway & { readonly remoteAdminUrl: string }
}

test('who shows a certificate of the right authority may ask; others do not get through the handshake', {
  skip,
}, async () => {
  using authority = new Authority()
  using others = new Authority()
  const remote = { host: '127.0.0.1', port: 0, clientCa: authority.certPath }
  await using gateway = await start(authority, { remote })
  const { remoteAdminUrl: url, adminUrl } = gateway
  assert.match(url, /^https:/)
  assert.equal(await ask(url, authority, { shown: authority.issue('operator.test') }), 200)
  await assert.rejects(ask(url, authority, {}), /alert|ECONNRESET|EPIPE|hang up/i)
  await assert.rejects(ask(url, authority, { shown: others.issue('stranger.test') }), /alert|ECONNRESET|EPIPE|hang up/i)
  // A session that began at the callers' listener, where nobody is asked for a certificate, does not open this port.
  const session = await sessionOf(gateway.url, authority)
  await assert.rejects(ask(url, authority, { session }), /alert|ECONNRESET|EPIPE|hang up/i)
  // On this machine all is as before.
  assert.equal((await fetch(`${adminUrl}/metrics`)).status, 200)
})

test('without authorities the token is asked for', { skip }, async () => {
  using authority = new Authority()
  await using gateway = await start(authority, { remote: { host: '127.0.0.1', port: 0 }, token })
  const { remoteAdminUrl: url } = gateway
  assert.equal(await ask(url, authority, {}), 401)
  assert.equal(await ask(url, authority, { headers: { authorization: `Bearer ${token}` } }), 200)
})

test('a port that would be open to everyone is refused in words', { skip }, async () => {
  using authority = new Authority()
  const file = join(authority.folder, 'open.yaml')
  const own = authority.issue('localhost')
  const tls = { certificates: [{ cert: own.certPath, key: own.keyPath }] }
  const upstreams = { only: { url: 'http://127.0.0.1:9/v1' } }
  writeFileSync(file, JSON.stringify({ tls, admin: { port: 0, remote: { port: 5022 } }, upstreams }))
  const open = await holdfast('check', '--offline', file)
  assert.equal(open.code, 1)
  assert.match(open.output, /admin\.remote: everyone could ask/)
  writeFileSync(file, JSON.stringify({ admin: { port: 0, remote: { port: 5022 }, token }, upstreams }))
  assert.match((await holdfast('check', '--offline', file)).output, /admin\.remote: there is no certificate/)
})
