// What clients meet at an encrypted listener: versions, groups, names, protocols, and certificates that are replaced.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request } from 'node:https'
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls'
import { after, before, test } from 'node:test'
import { EchoServer } from '../http/echo-sockets.ts'
import { goodBody, openTestHouse, type TestHouse } from '../http/harness.ts'
import { Authority, material, noOpenssl } from './certificates.ts'

const skip = noOpenssl ?? false
let authority: Authority
let house: TestHouse

before(async () => {
  if (skip) return
  authority = new Authority()
  const pairs = [authority.issue('localhost', '127.0.0.1'), authority.issue('a.example', '*.b.example')]
  house = await openTestHouse({ tls: { hstsMs: 300_000 } }, material(pairs))
})

after(async () => {
  await house?.[Symbol.asyncDispose]()
  authority?.[Symbol.dispose]()
})

async function shake(options: ConnectionOptions = {}): Promise<TLSSocket> {
  const socket = connect({
    host: '127.0.0.1',
    port: house.port,
    servername: 'localhost',
    ca: authority.cert,
    ...options,
  })
  await once(socket, 'secureConnect')
  return socket
}

/** The group of a handshake. */
async function group(options: ConnectionOptions = {}): Promise<string | undefined> {
  using socket = await closing(shake(options))
  return (socket.socket.getEphemeralKeyInfo() as { name?: string }).name
}

async function closing(socket: Promise<TLSSocket>): Promise<Disposable & { socket: TLSSocket }> {
  const open = await socket
  return { socket: open, [Symbol.dispose]: () => open.destroy() }
}

test('a client that can gets the hybrid group, one that cannot a classical one', { skip }, async () => {
  assert.equal(await group(), 'X25519MLKEM768')
  assert.equal(await group({ ecdhCurve: 'X25519:X25519MLKEM768' }), 'X25519MLKEM768', 'the listener prefers it')
  assert.equal(await group({ ecdhCurve: 'X25519' }), 'X25519')
  assert.equal(await group({ ecdhCurve: 'P-256' }), 'prime256v1')
  assert.equal(await group({ ecdhCurve: 'P-256', maxVersion: 'TLSv1.2' }), 'prime256v1')
})

test('nothing older than TLS 1.2 is spoken', { skip }, async () => {
  const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const
  await assert.rejects(shake(old), /alert|EPROTO|protocol/)
  using modern = await closing(shake())
  assert.equal(modern.socket.getProtocol(), 'TLSv1.3')
  using classic = await closing(shake({ maxVersion: 'TLSv1.2' }))
  assert.equal(classic.socket.getProtocol(), 'TLSv1.2')
})

test('the name that is asked for decides which certificate is shown', { skip }, async () => {
  const shown = async (servername: string): Promise<string> => {
    using open = await closing(shake({ servername, rejectUnauthorized: false }))
    return String(open.socket.getPeerCertificate().subject.CN)
  }
  assert.equal(await shown('localhost'), 'localhost')
  assert.equal(await shown('A.example'), 'a.example')
  assert.equal(await shown('x.b.example'), 'a.example', 'by its wildcard')
  assert.equal(await shown('x.y.b.example'), 'localhost', 'a wildcard stands for one label')
  assert.equal(await shown('elsewhere.example'), 'localhost', 'the first is for names that nobody has')
  assert.equal(await shown(''), 'localhost')
})

test('protocols are agreed upon; one that is not spoken is refused in the handshake', { skip }, async () => {
  const agreed = async (...ALPNProtocols: string[]): Promise<string | false | null> => {
    using open = await closing(shake({ ALPNProtocols }))
    return open.socket.alpnProtocol
  }
  assert.equal(await agreed('http/1.1', 'h2'), 'h2')
  assert.equal(await agreed('http/1.1'), 'http/1.1')
  await assert.rejects(agreed('spdy/3'), /no application protocol|alert number 120/i)
  await assert.rejects(agreed('acme-tls/1'), /no application protocol|alert number 120/i, 'nobody waits for a proof')
})

/** A call over HTTP/1.1. */
function call(
  options: object = {},
): Promise<{ status: number; hsts: string | undefined; text: string; isResumed: boolean }> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json' }
    const place = { host: '127.0.0.1', port: house.port, servername: 'localhost', ca: authority.cert, agent: false }
    const asked = request({ ...place, path: '/v1/chat/completions', method: 'POST', headers, ...options }, (answer) => {
      let text = ''
      const isResumed = (asked.socket as TLSSocket).isSessionReused()
      const hsts = answer.headers['strict-transport-security']
      answer.setEncoding('utf8').on('data', (piece: string) => (text += piece))
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, hsts, text, isResumed }))
    })
    asked.on('error', reject).end(goodBody)
  })
}

test('a call over HTTP/1.1 is answered, and browsers are told to come by https alone', { skip }, async () => {
  const { status, hsts, text } = await call()
  assert.deepEqual([status, hsts], [200, 'max-age=300'])
  assert.match(text, /"content":"hello"/)
  // One that node:http has to read: its head says more than a plain one.
  const long = await call({ headers: { 'content-type': 'application/json', expect: '100-continue' } })
  assert.deepEqual([long.status, long.hsts], [200, 'max-age=300'])
})

test('a session is resumed by any process that has the key of tickets, and by none that has another', {
  skip,
}, async () => {
  const pairs = [authority.issue('localhost', '127.0.0.1')]
  const [one, other, third] = await Promise.all([
    openTestHouse({}, material(pairs)),
    openTestHouse({}, material(pairs)),
    openTestHouse({}, material(pairs, { ticketKey: Buffer.alloc(48, 9).toString('base64') })),
  ])
  try {
    const ticket = Promise.withResolvers<Buffer>()
    const first = connect({ host: '127.0.0.1', port: one.port, servername: 'localhost', ca: authority.cert })
    first.on('session', ticket.resolve)
    first.write('GET /v1/models HTTP/1.1\r\nhost: a\r\n\r\n')
    first.resume()
    const session = await ticket.promise
    first.destroy()
    const isResumed = async ({ port }: TestHouse): Promise<boolean> => {
      const socket = connect({ host: '127.0.0.1', port, servername: 'localhost', ca: authority.cert, session })
      await once(socket, 'secureConnect')
      const isReused = socket.isSessionReused()
      socket.destroy()
      return isReused
    }
    assert.equal(await isResumed(other), true)
    assert.equal(await isResumed(third), false, 'a full handshake, and no failure')
    third.house.useTls(material(pairs, { serial: 1 }))
    assert.equal(await isResumed(third), true, 'the key can be replaced')
  } finally {
    for (const each of [one, other, third]) await each[Symbol.asyncDispose]()
  }
})

test('other certificates are shown from now on; those that cannot be used change nothing', { skip }, async () => {
  const [first, second] = [authority.issue('localhost'), authority.issue('localhost', 'new.example')]
  await using changing = await openTestHouse({}, material([first]))
  const shown = async (): Promise<string> => {
    const place = { host: '127.0.0.1', port: changing.port, servername: 'localhost', ca: authority.cert }
    const socket = connect(place)
    await once(socket, 'secureConnect')
    const { fingerprint256 } = socket.getPeerCertificate()
    socket.destroy()
    return fingerprint256
  }
  const before = await shown()
  changing.house.useTls(material([second]))
  const later = await shown()
  assert.notEqual(later, before)
  const broken = material([second])
  const certificates = [{ names: ['localhost'], cert: second.cert, key: first.key }]
  assert.throws(() => changing.house.useTls({ ...broken, certificates }))
  assert.equal(await shown(), later)
})

test('an authority that asks for it is shown the proof, and nobody else is', { skip }, async () => {
  const [own, proof] = [authority.issue('localhost'), authority.issue('localhost', 'proof.example')]
  const pairs = material([own])
  const alpn = [{ names: ['localhost'], cert: proof.cert, key: proof.key }]
  await using proving = await openTestHouse({}, { ...pairs, challenges: { http: {}, alpn } })
  const shown = async (...ALPNProtocols: string[]): Promise<string> => {
    const options = { servername: 'localhost', ca: authority.cert, ALPNProtocols } as const
    const socket = connect({ host: '127.0.0.1', port: proving.port, ...options })
    await once(socket, 'secureConnect')
    const { subjectaltname } = socket.getPeerCertificate()
    const said = `${socket.alpnProtocol} ${subjectaltname}`
    socket.destroy()
    return said
  }
  assert.equal(await shown('acme-tls/1'), 'acme-tls/1 DNS:localhost, DNS:proof.example')
  assert.equal(await shown('http/1.1'), 'http/1.1 DNS:localhost')
})

test('a WebSocket is joined over TLS as without', { skip }, async () => {
  await using echo = await EchoServer.open()
  const only = { url: echo.url, kind: 'openai' as const, models: ['m'], metrics: false as const }
  await using own = await openTestHouse({ upstreams: { only } }, material([authority.issue('localhost')]))
  const upgrade = { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13' }
  const headers = { ...upgrade, 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==' }
  const place = { host: '127.0.0.1', port: own.port, servername: 'localhost', ca: authority.cert, agent: false }
  const asked = request({ ...place, path: '/v1/realtime?model=m', headers }).end()
  const [answer, socket] = (await once(asked, 'upgrade')) as [{ statusCode: number }, TLSSocket]
  assert.equal(answer.statusCode, 101)
  const masked = Buffer.from([0x82, 0x83, 0, 0, 0, 0, 7, 8, 9])
  socket.write(masked)
  const [said] = (await once(socket, 'data')) as [Buffer]
  assert.deepEqual([...said], [0x82, 3, 7, 8, 9])
  socket.destroy()
})
