// Whose request it is behind a load balancer: the PROXY protocol in front of HTTP and of TLS, and who may not come.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { connect as connectTls } from 'node:tls'
import { Authority, noOpenssl } from '../tls/certificates.ts'
import { type Gateway, startGateway } from './gateway.ts'

const request = 'GET /nowhere HTTP/1.1\r\nhost: a\r\naccept: text/html\r\nconnection: close\r\n\r\n'

async function start(t: TestContext, lines: readonly string[]): Promise<Gateway> {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-visitors-'))
  const file = join(folder, 'holdfast.yaml')
  writeFileSync(file, ['upstreams: { a: { url: http://127.0.0.1:9/v1, models: [m] } }', ...lines].join('\n'))
  const gateway = await startGateway('--config', file, '--log-level', 'error', '--journal', 'memory')
  t.after(async () => {
    await gateway[Symbol.asyncDispose]()
    rmSync(folder, { recursive: true })
  })
  return gateway
}

async function read(socket: Socket): Promise<string> {
  let text = ''
  socket.on('data', (bytes: Buffer) => (text += bytes.toString()))
  socket.on('error', () => {})
  await once(socket, 'close')
  return text
}

/** What comes back for these pieces, each sent by itself. */
async function send({ url }: Gateway, ...pieces: (string | Buffer)[]): Promise<string> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  socket.setNoDelay(true)
  await once(socket, 'connect')
  const answer = read(socket)
  for (const piece of pieces) {
    if (socket.destroyed) break
    await new Promise((resolve) => socket.write(piece, resolve))
  }
  return answer
}

const listener = 'listeners: [{ host: 127.0.0.1, port: 0, proxyProtocol: true }]'
const trusting = 'access: { trustedProxies: [127.0.0.0/8], deny: [192.0.2.66] }'
const header = (address: string): string => `PROXY TCP4 ${address} 10.0.0.1 4660 443\r\n`

test('behind a load balancer the visitor is whom its header names; nobody comes in without one', async (t) => {
  const gateway = await start(t, [listener, trusting])
  assert.match(await send(gateway, header('192.0.2.1'), request), /404[\s\S]*192\.0\.2\.1/)
  assert.match(
    await send(gateway, header('192.0.2.2').slice(0, 9), header('192.0.2.2').slice(9) + request),
    /192\.0\.2\.2/,
  )
  const binary = Buffer.concat([
    Buffer.from('0d0a0d0a000d0a515549540a2111000c', 'hex'),
    Buffer.from([192, 0, 2, 3, 10, 0, 0, 1, 0, 1, 0, 2]),
  ])
  assert.match(await send(gateway, Buffer.concat([binary, Buffer.from(request)])), /192\.0\.2\.3/)
  assert.match(await send(gateway, header('192.0.2.66'), request), /403[\s\S]*HF_ADDRESS_REFUSED/)
  assert.equal(await send(gateway, request), '', 'no header')
  assert.equal(await send(gateway, 'PROXY TCP4 1.2.3.4 x 1 2\r\n', request), '', 'a bad header')
  const call = JSON.stringify({ model: 'none', messages: [] })
  const post = `POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: ${call.length}\r\n\r\n${call}`
  assert.match(await send(gateway, header('192.0.2.1') + post), /HF_(MODEL_UNKNOWN|BAD_CALL)/, 'calls come as they do')
})

test('the same in front of TLS', async (t) => {
  if (noOpenssl) return t.skip(noOpenssl)
  using authority = new Authority()
  const { certPath, keyPath } = authority.issue('localhost')
  const tls = `tls: { certificates: [{ cert: ${certPath}, key: ${keyPath} }] }`
  const gateway = await start(t, [listener, trusting, tls])
  const raw = connect(Number(new URL(gateway.url).port), '127.0.0.1')
  raw.write(header('192.0.2.9'))
  const socket = connectTls({
    socket: raw,
    servername: 'localhost',
    rejectUnauthorized: false,
    ALPNProtocols: ['http/1.1'],
  })
  await once(socket, 'secureConnect')
  const answer = read(socket)
  socket.write(request)
  assert.match(await answer, /404[\s\S]*192\.0\.2\.9/)
})

test('what proxies say of visitors counts only of those that are trusted', async (t) => {
  const asked = `GET /nowhere HTTP/1.1\r\nhost: a\r\naccept: text/html\r\nconnection: close\r\nx-forwarded-for: 6.6.6.6, 192.0.2.5\r\n\r\n`
  const trusted = await start(t, ['access: { trustedProxies: [127.0.0.1], allow: [192.0.2.0/24] }'])
  assert.match(await send(trusted, asked), /404[\s\S]*192\.0\.2\.5/)
  assert.match(await send(trusted, request), /403[\s\S]*HF_ADDRESS_REFUSED/, 'the proxy itself is not allowed')
  const strange = await start(t, ['access: { trustedProxies: [10.0.0.1] }'])
  const answer = await send(strange, asked)
  assert.match(answer, /404[\s\S]*127\.0\.0\.1/)
  assert.doesNotMatch(answer, /192\.0\.2\.5/)
})
