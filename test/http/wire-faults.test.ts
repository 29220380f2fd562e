/** The wire against model servers that fail, over real sockets: each failure has its own fault, and none is lost. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import type { LookupFunction, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer as createTlsServer } from 'node:tls'
import { after, before, describe, test } from 'node:test'
import type { FaultCode } from '../../src/fault/code.ts'
import {
  answerOf,
  blackHole,
  connectionOf,
  exchange,
  HandClock,
  listen,
  openWire,
  rawServer,
  send,
  socketServer,
  until,
} from './wire-rig.ts'

const limit = { timeout: 60_000 }
const chunkedHead = 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n'

describe('a connection that does not come up', limit, () => {
  test('because nobody listens is refused', async () => {
    const server = await socketServer(() => {})
    const { url } = server
    await server[Symbol.asyncDispose]()
    await using wire = openWire({ url })
    const { fault, events } = await exchange(wire)
    assert.equal(fault?.code, 'HF_UPSTREAM_REFUSED')
    assert.match(fault?.detail ?? '', /^ECONNREFUSED 127\.0\.0\.1:/)
    assert.deepEqual(events, ['fail'])
    assert.equal(wire.openCount, 0)
  })

  test('because every address of the name refuses is refused', async () => {
    const server = await socketServer(() => {})
    const { port } = server
    await server[Symbol.asyncDispose]()
    const lookup: LookupFunction = (_host, _options, done) =>
      done(null, [
        { address: '127.0.0.1', family: 4 },
        { address: '127.0.0.2', family: 4 },
      ])
    await using wire = openWire({ url: new URL(`http://two.test:${port}`), lookup })
    assert.equal((await exchange(wire)).fault?.code, 'HF_UPSTREAM_REFUSED')
  })

  test('because its name is unknown says so', async () => {
    for (const code of ['ENOTFOUND', 'EAI_AGAIN']) {
      const lookup: LookupFunction = (_host, _options, done) =>
        setImmediate(done, Object.assign(new Error('no'), { code }), [])
      await using wire = openWire({ url: new URL('http://nowhere.test:9'), lookup })
      const { fault } = await exchange(wire)
      assert.equal(fault?.code, 'HF_DNS_FAILED')
      assert.match(fault?.detail ?? '', new RegExp(code))
    }
  })

  test('because the resolver never answers says so in time, and the resolver was asked once for all', async () => {
    const clock = new HandClock()
    let askedCount = 0
    await using wire = openWire({ url: new URL('http://slow.test:9'), clock, lookup: () => askedCount++ })
    const sent = Array.from({ length: 10 }, () => send(wire, { connectMs: 700 }).recorder)
    clock.advance(699)
    assert.ok(sent.every(({ isOver }) => !isOver))
    clock.advance(1)
    for (const { fault } of sent) assert.equal(fault?.code, 'HF_DNS_TIMEOUT')
    assert.equal(askedCount, 1)
    assert.deepEqual({ open: wire.openCount, timers: clock.timerCount }, { open: 0, timers: 0 })
  })

  test('because packets vanish is given up in time', async (t) => {
    await using hole = await blackHole()
    if (hole === null) return t.skip('this system lets connections in beyond the accept queue')
    await using wire = openWire({ url: new URL(`http://127.0.0.1:${hole.port}`) })
    const { fault } = await exchange(wire, { connectMs: 300 })
    assert.equal(fault?.code, 'HF_CONNECT_TIMEOUT')
    assert.equal(wire.openCount, 0)
  })

  test('because there is no route says so', async () => {
    // A broadcast address takes no connection: the kernel itself says so, without a packet leaving.
    await using wire = openWire({ url: new URL('http://127.255.255.255:9') })
    const { fault } = await exchange(wire)
    assert.equal(fault?.code, 'HF_NO_ROUTE')
  })
})

describe('an answer that does not come', limit, () => {
  const endings: Record<string, (socket: Socket) => void> = {
    'reset before the head': (socket) => socket.resetAndDestroy(),
    'closed before the head': (socket) => socket.end(),
  }
  for (const [name, serve] of Object.entries(endings)) {
    test(`${name} is a hang-up, and a fresh connection is not tried twice`, async () => {
      await using server = await rawServer(serve)
      await using wire = openWire({ url: server.url })
      const { fault, events } = await exchange(wire)
      assert.equal(fault?.code, 'HF_UPSTREAM_RESET')
      assert.deepEqual(events, ['fail'])
      assert.deepEqual({ connections: server.count, open: wire.openCount }, { connections: 1, open: 0 })
    })
  }

  test('from a server that is silent keeps the flight open until it is cancelled, which the server sees', async () => {
    const clock = new HandClock()
    const closed = Promise.withResolvers<void>()
    await using server = await rawServer((socket) => socket.on('close', closed.resolve))
    await using wire = openWire({ url: server.url, clock })
    const { recorder, flight } = send(wire)
    await until(() => flight.isSent)
    clock.advance(3_600_000)
    assert.deepEqual(recorder.events, [])
    flight.cancel()
    await closed.promise
    assert.deepEqual(recorder.events, [])
    assert.equal(wire.openCount, 0)
  })

  test('as HTTP is garbled, at the first bytes', async () => {
    for (const noise of [
      'SSH-2.0-x\r\n',
      '\x15\x03\x03\x00\x02\x02\x46',
      'HTTP/1.1 200 OK\n\n',
      `${chunkedHead}zz\r\n`,
      `${answerOf('a')}b`,
    ]) {
      await using server = await rawServer((socket) => socket.write(Buffer.from(noise, 'latin1')))
      await using wire = openWire({ url: server.url })
      const { fault, events } = await exchange(wire)
      assert.equal(fault?.code, 'HF_UPSTREAM_GARBLED', noise)
      assert.equal(events.at(-1), 'fail')
      assert.equal(wire.openCount, 0)
    }
  })
})

describe('an answer that breaks off', limit, () => {
  const beginnings: Record<string, string> = {
    'in its head': 'HTTP/1.1 200 OK\r\ncontent-le',
    'in its sized body': 'HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nbeginning',
    'between its chunks': `${chunkedHead}9\r\nbeginning\r\n`,
    'before the end of its trailer': `${chunkedHead}9\r\nbeginning\r\n0\r\n`,
    'in its body without a length': 'HTTP/1.1 200 OK\r\n\r\nbeginning',
  }
  for (const [name, beginning] of Object.entries(beginnings)) {
    test(`${name} is cut, by a reset as by a close`, async () => {
      for (const isReset of [true, false]) {
        if (!isReset && name === 'in its body without a length') continue // a proper end
        await using server = await rawServer((socket) => socket.write(beginning))
        await using wire = openWire({ url: server.url })
        const { recorder } = send(wire)
        // A reset may overtake bytes that have not been read: let them arrive first.
        await (name === 'in its head'
          ? until(() => (connectionOf(server)?.bytesWritten ?? 0) > 0)
          : until(() => recorder.pieces.length > 0))
        if (name === 'in its head') await new Promise((resolve) => setTimeout(resolve, 50))
        const socket = connectionOf(server)
        if (isReset) socket?.resetAndDestroy()
        else socket?.end()
        await recorder.over
        assert.equal(recorder.fault?.code, 'HF_UPSTREAM_CUT', `${recorder.fault?.code} ${isReset}`)
        assert.equal(recorder.body, name === 'in its head' ? '' : 'beginning')
      }
    })
  }

  test('while the reader is paused is noticed when it goes on, after the bytes that came', async () => {
    await using server = await rawServer((socket) => socket.write(`${chunkedHead}1\r\na\r\n`))
    await using wire = openWire({ url: server.url })
    const { recorder, flight } = send(wire)
    await until(() => recorder.body === 'a')
    flight.pause()
    const socket = connectionOf(server)
    socket?.end('1\r\nb\r\n')
    await new Promise((resolve) => socket?.once('finish', resolve))
    assert.deepEqual(recorder.events, ['head'])
    flight.resume()
    await recorder.over
    assert.deepEqual({ body: recorder.body, code: recorder.fault?.code }, { body: 'ab', code: 'HF_UPSTREAM_CUT' })
  })
})

describe('TLS', limit, () => {
  let folder = ''
  let key = ''
  let cert = ''
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'holdfast-tls-'))
    const files = ['-keyout', join(folder, 'key.pem'), '-out', join(folder, 'cert.pem')]
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost']
    try {
      execFileSync(
        'openssl',
        [
          'req',
          '-x509',
          '-newkey',
          'ec',
          '-pkeyopt',
          'ec_paramgen_curve:P-256',
          '-nodes',
          '-days',
          '2',
          ...files,
          ...subject,
        ],
        { stdio: 'ignore' },
      )
      key = readFileSync(join(folder, 'key.pem'), 'utf8')
      cert = readFileSync(join(folder, 'cert.pem'), 'utf8')
    } catch {
      key = ''
    }
  })
  after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 }))

  const tlsServer = () =>
    listen(
      createTlsServer(
        { key, cert },
        (socket) => void socket.on('error', () => {}).on('data', () => socket.write(answerOf('safe'))),
      ),
    )
  const noOpenssl = 'openssl is not here to make a certificate'
  const lookup: LookupFunction = (_host, options, done) =>
    options.all ? done(null, [{ address: '127.0.0.1', family: 4 }]) : done(null, '127.0.0.1', 4)

  test('to a port that speaks plain HTTP fails as TLS', async () => {
    await using server = await socketServer((socket) =>
      socket.on('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')),
    )
    await using wire = openWire({ url: new URL(`https://127.0.0.1:${server.port}`) })
    assert.equal((await exchange(wire)).fault?.code, 'HF_TLS_FAILED')
  })

  test('to a server that hangs up in the handshake fails as TLS', async () => {
    await using server = await socketServer((socket) => socket.on('data', () => socket.destroy()))
    await using wire = openWire({ url: new URL(`https://127.0.0.1:${server.port}`) })
    assert.equal((await exchange(wire)).fault?.code, 'HF_TLS_FAILED')
  })

  test('to a server that is silent in the handshake is given up in time', async () => {
    const clock = new HandClock()
    await using server = await socketServer(() => {})
    await using wire = openWire({ url: new URL(`https://127.0.0.1:${server.port}`), clock })
    const { recorder } = send(wire, { connectMs: 500 })
    await until(() => server.count === 1)
    clock.advance(500)
    assert.equal(recorder.fault?.code, 'HF_CONNECT_TIMEOUT')
  })

  test('with a certificate that nobody vouches for is not trusted', async (t) => {
    if (key === '') return t.skip(noOpenssl)
    await using server = await tlsServer()
    await using wire = openWire({ url: new URL(`https://localhost:${server.port}`), lookup })
    const { fault } = await exchange(wire)
    assert.equal(fault?.code, 'HF_TLS_CERTIFICATE')
    assert.match(fault?.detail ?? '', /DEPTH_ZERO_SELF_SIGNED_CERT/)
  })

  test('with a certificate for another name is not trusted', async (t) => {
    if (key === '') return t.skip(noOpenssl)
    await using server = await tlsServer()
    await using wire = openWire({ url: new URL(`https://other.test:${server.port}`), lookup, tls: { ca: cert } })
    const { fault } = await exchange(wire)
    assert.equal(fault?.code, 'HF_TLS_CERTIFICATE')
    assert.match(fault?.detail ?? '', /ERR_TLS_CERT_ALTNAME_INVALID/)
  })

  test('with a trusted certificate carries calls, one connection for several', async (t) => {
    if (key === '') return t.skip(noOpenssl)
    await using server = await tlsServer()
    await using wire = openWire({ url: new URL(`https://localhost:${server.port}`), lookup, tls: { ca: [cert] } })
    for (const isReused of [false, true, true]) {
      const { body, head } = await exchange(wire)
      assert.deepEqual({ body, isReused: head?.isReused }, { body: 'safe', isReused })
    }
    await using named = openWire({
      url: new URL(`https://127.0.0.1:${server.port}`),
      tls: { ca: cert, servername: 'localhost' },
    })
    assert.equal((await exchange(named)).body, 'safe')
    assert.equal(server.count, 2)
  })
})

describe('an early answer', limit, () => {
  const large = [Buffer.alloc(12 * 2 ** 20, 'a'), Buffer.alloc(12 * 2 ** 20, 'b')]

  test('is delivered though the server reads no further and closes', async () => {
    for (const close of [(socket: Socket) => socket.end(), (socket: Socket) => socket.destroy(), () => {}]) {
      await using server = await socketServer((socket) => {
        socket.once('data', () => {
          socket.pause()
          socket.write('HTTP/1.1 413 Too Large\r\ncontent-length: 9\r\n\r\ntoo large', () => close(socket))
        })
      })
      await using wire = openWire({ url: server.url })
      const { head, body, events } = await exchange(wire, { body: large })
      assert.deepEqual(
        { status: head?.status, body, events },
        { status: 413, body: 'too large', events: ['head', 'end'] },
      )
      assert.deepEqual([wire.openCount, wire.idleCount], [0, 0], 'the rest of the request stands in its way')
    }
  })

  test('does not come from a server that reads: a large body arrives whole, from its own buffers', async () => {
    await using server = await rawServer((socket, request) => {
      const body = request.subarray(request.indexOf('\r\n\r\n') + 4)
      socket.write(answerOf(String(Buffer.concat(large).equals(body))))
    })
    await using wire = openWire({ url: server.url })
    assert.equal((await exchange(wire, { body: large })).body, 'true')
    assert.equal(wire.idleCount, 1)
  })
})

describe('a request', limit, () => {
  test('that could become two is not sent, and its secrets are not shown', async () => {
    await using server = await rawServer((socket) => socket.write(answerOf('a')))
    await using wire = openWire({ url: server.url })
    const codeOf = async (headers: Record<string, string>, path = '/'): Promise<FaultCode | undefined> => {
      const { fault } = await exchange(wire, { headers, path })
      assert.doesNotMatch(`${fault?.message} ${fault?.stack}`, /secret/)
      return fault?.code
    }
    for (const end of ['\n', '\r', '\0', '\r\nx: y', '\u010a', '\x7f']) {
      assert.equal(await codeOf({ authorization: `Bearer secret${end}` }), 'HF_CONFIG', JSON.stringify(end))
    }
    for (const name of [
      'host',
      'content-length',
      'connection',
      'transfer-encoding',
      'X-Upper',
      'a b',
      'a:b',
      'a\nb',
      '',
    ]) {
      assert.equal(await codeOf({ [name]: '1' }), 'HF_INTERNAL', name)
    }
    for (const path of ['', 'v1', '/a b', '/a\r\nx: y', '/ü']) assert.equal(await codeOf({}, path), 'HF_INTERNAL', path)
    assert.equal(server.count, 0)
  })

  test('says what HTTP wants to know and nothing else', async () => {
    await using server = await rawServer((socket, request) => socket.write(answerOf(request.toString('hex'))))
    await using wire = openWire({ url: server.url })
    const heard = ({ body }: { body: string }) => Buffer.from(body, 'hex').toString('latin1')
    const full = await exchange(wire, { path: '/a?b=c', headers: { 'x-name': 'J\xe4ger\t!' } })
    assert.equal(
      heard(full),
      `POST /a?b=c HTTP/1.1\r\nhost: 127.0.0.1:${server.port}\r\nx-name: J\xe4ger\t!\r\ncontent-length: 13\r\n\r\n{"model":"m"}`,
    )
    const empty = await exchange(wire, { method: 'GET', path: '/v1/models', headers: {}, body: [] })
    assert.equal(heard(empty), `GET /v1/models HTTP/1.1\r\nhost: 127.0.0.1:${server.port}\r\n\r\n`)
    const nothing = await exchange(wire, { headers: {}, body: [] })
    assert.match(heard(nothing), /content-length: 0\r\n\r\n$/)
  })

  test('whose receiver throws ends as a fault, and its connection with it', async () => {
    await using server = await rawServer((socket) => socket.write(answerOf('a')))
    await using wire = openWire({ url: server.url })
    const { recorder } = send(wire)
    recorder.onSlice = () => {
      throw new TypeError('a mistake of the reader')
    }
    await recorder.over
    assert.equal(recorder.fault?.code, 'HF_INTERNAL')
    assert.match(recorder.fault?.detail ?? '', /a mistake of the reader/)
    assert.equal(wire.openCount, 0)
  })
})
