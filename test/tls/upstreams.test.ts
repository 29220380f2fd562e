// Servers behind TLS: one that breaks on a large first message, one that asks for a certificate of ours, and what
// `holdfast tls` says of them.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { copyFileSync, writeFileSync } from 'node:fs'
import { createServer as createHttps, type Server } from 'node:https'
import { type AddressInfo, connect, createServer, type Server as NetServer, type Socket } from 'node:net'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import { after, before, test } from 'node:test'
import { systemClock } from '../../src/ground/clock.ts'
import { openHttpWire } from '../../src/relay/wire/http-wire.ts'
import type { Wire, WireReceiver } from '../../src/relay/wire/wire.ts'
import type { Look } from '../../src/cli/tls-look.ts'
import { holdfast, startGateway } from '../crash/gateway.ts'
import { chat } from '../crash/chat.ts'
import { goodBody, openTestHouse, post } from '../http/harness.ts'
import { Authority, type Made, noOpenssl } from './certificates.ts'

const skip = noOpenssl ?? false
let authority: Authority
let own: Made

before(() => {
  if (skip) return
  authority = new Authority()
  own = authority.issue('localhost', '127.0.0.1')
})

after(() => authority?.[Symbol.dispose]())

/** A model server that tells by what group, and to whom, it spoke last. */
class ModelServer implements AsyncDisposable {
  readonly server: Server
  readonly groups: string[] = []
  readonly peers: string[] = []

  constructor(more: object = {}) {
    this.server = createHttps({ cert: own.cert, key: own.key, ...more }, (request, response) => {
      if (request.method === 'GET') return void response.end('{"object":"list","data":[{"id":"m"}]}')
      const message = { role: 'assistant', content: 'hello' }
      const choice = { index: 0, message, finish_reason: 'stop' }
      const usage = { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 }
      const answer = { id: 'c', object: 'chat.completion', created: 1, model: 'm', choices: [choice], usage }
      request.resume().on('end', () => {
        response.setHeader('content-type', 'application/json')
        response.end(JSON.stringify(answer))
      })
    })
    this.server.on('secureConnection', (socket: TLSSocket) => {
      this.peers.push(String(socket.getPeerCertificate()?.subject?.CN ?? ''))
    })
    this.server.on('tlsClientError', () => {})
  }

  async listen(): Promise<number> {
    this.server.listen(0, '127.0.0.1')
    await once(this.server, 'listening')
    return (this.server.address() as AddressInfo).port
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.server.closeAllConnections()
    await new Promise((resolve) => this.server.close(resolve))
  }
}

/** Something old before a server: resets a connection that begins with more than one packet holds. */
class Middlebox implements AsyncDisposable {
  readonly server: NetServer
  largeCount = 0
  smallCount = 0
  #open = new Set<Socket>()

  constructor(port: number) {
    this.server = createServer((socket) => {
      this.#open.add(socket)
      socket.on('error', () => {})
      socket.once('data', (hello: Buffer) => {
        if (hello.length > 1200) {
          this.largeCount++
          return socket.resetAndDestroy()
        }
        this.smallCount++
        const behind = connect(port, '127.0.0.1')
        this.#open.add(behind)
        behind.on('error', () => socket.destroy())
        behind.write(hello)
        socket.pipe(behind).pipe(socket)
      })
    })
  }

  async listen(): Promise<number> {
    this.server.listen(0, '127.0.0.1')
    await once(this.server, 'listening')
    return (this.server.address() as AddressInfo).port
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#open) socket.destroy()
    await new Promise((resolve) => this.server.close(resolve))
  }
}

test('a peer that resets a large first message is greeted small, and that is remembered', { skip }, async () => {
  await using server = new ModelServer()
  await using box = new Middlebox(await server.listen())
  const url = `https://localhost:${await box.listen()}/v1`
  const tls = { ca: authority.certPath }
  const upstreams = {
    only: { url, models: ['m'], kind: 'openai' as const, tls, connectionsMax: 8, metrics: false as const },
  }
  await using house = await openTestHouse({ upstreams })
  const answers = await Promise.all(Array.from({ length: 4 }, () => house.ask(post(goodBody))))
  assert.deepEqual(
    answers.map(({ status }) => status),
    [200, 200, 200, 200],
  )
  const large = box.largeCount
  assert.ok(large >= 1, 'the better one is tried first')
  const more = await Promise.all(Array.from({ length: 6 }, () => house.ask(post(goodBody))))
  assert.ok(more.every(({ status }) => status === 200))
  assert.equal(box.largeCount, large, 'nobody tries it again so soon')
  assert.ok(
    house.accounts.every(({ attempts }) => attempts?.length === 1),
    'a call notices nothing',
  )
})

/** Asks over a wire of its own; gives the status, or the code of the fault. */
function askWire(wire: Wire): Promise<number | string> {
  return new Promise((resolve) => {
    const receiver: WireReceiver = {
      onHead: ({ status }) => resolve(status),
      onBody: () => {},
      onEnd: () => {},
      onFail: ({ code }) => resolve(code),
    }
    wire.send({ method: 'GET', path: '/v1/models', headers: {}, body: [], connectMs: 5000 }, receiver)
  })
}

test('a wire greets such a peer small within the same attempt, and begins so from then on', { skip }, async () => {
  await using server = new ModelServer()
  await using box = new Middlebox(await server.listen())
  const url = new URL(`https://localhost:${await box.listen()}/v1`)
  await using wire = openHttpWire({ url, clock: systemClock, tls: { ca: authority.cert } })
  assert.deepEqual(await Promise.all([askWire(wire), askWire(wire)]), [200, 200])
  assert.deepEqual([box.largeCount, box.smallCount], [2, 2])
  assert.deepEqual(await Promise.all(Array.from({ length: 4 }, () => askWire(wire))), [200, 200, 200, 200])
  assert.equal(box.largeCount, 2)
})

test('a wire to a peer that resets every greeting fails with one fault, after two of them', { skip }, async () => {
  let count = 0
  const dead = createServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', () => {
      count++
      socket.resetAndDestroy()
    })
  }).listen(0, '127.0.0.1')
  await once(dead, 'listening')
  const url = new URL(`https://localhost:${(dead.address() as AddressInfo).port}/v1`)
  await using wire = openHttpWire({ url, clock: systemClock })
  assert.equal(await askWire(wire), 'HF_TLS_FAILED')
  assert.equal(await askWire(wire), 'HF_TLS_FAILED')
  assert.equal(count, 4, 'nothing is remembered of it')
  dead.close()
})

test('a server that is dead behind its port fails as ever, with two connections and no more', { skip }, async () => {
  const seen: number[] = []
  const dead = createServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', (hello: Buffer) => {
      seen.push(hello.length)
      socket.resetAndDestroy()
    })
  }).listen(0, '127.0.0.1')
  await once(dead, 'listening')
  try {
    const url = `https://localhost:${(dead.address() as AddressInfo).port}/v1`
    const only = { url, models: ['m'], kind: 'openai' as const, metrics: false as const }
    await using house = await openTestHouse({
      upstreams: { only },
      pools: { all: { upstreams: ['only'], attemptsMax: 1 } },
    })
    seen.length = 0
    const { status, body } = await house.ask(post(goodBody))
    assert.ok(status >= 500, body)
    assert.match(body, /HF_TLS_FAILED|HF_NO_UPSTREAM|HF_UPSTREAM_RESET/)
    const [first = 0, second = 0] = seen
    assert.ok(seen.length === 0 || (first > 1200 && second < 1200), seen.join(', '))
  } finally {
    dead.close()
  }
})

test('a server that asks for a certificate of ours is shown it, also when its files are replaced', {
  skip,
}, async (t) => {
  const ours = authority.issue('gateway.test')
  await using server = new ModelServer({ ca: authority.cert, requestCert: true, rejectUnauthorized: true })
  const port = await server.listen()
  const [cert, key] = [join(authority.folder, 'ours.pem'), join(authority.folder, 'ours.key')]
  copyFileSync(ours.certPath, cert)
  copyFileSync(ours.keyPath, key)
  const file = join(authority.folder, 'mutual.yaml')
  const tls = { ca: authority.certPath, cert, key, servername: 'localhost' }
  const admin = { host: '127.0.0.1', port: 0 }
  const upstreams = { only: { url: `https://127.0.0.1:${port}/v1`, kind: 'openai', tls, metrics: false } }
  writeFileSync(file, JSON.stringify({ workers: 1, admin, upstreams, stateDir: join(authority.folder, 'mutual') }))
  {
    await using gateway = await startGateway('--config', file)
    const { detail } = await chat(gateway.url, 'm', 'hi', false)
    assert.doesNotMatch(detail, /HF_/)
    assert.deepEqual([...new Set(server.peers)], ['gateway.test'])
  }
  const { code, output } = await holdfast('tls', '--config', file, '--json')
  const [look] = JSON.parse(output) as Look[]
  t.diagnostic(JSON.stringify(look?.agreed))
  assert.equal(look?.about, 'upstream only')
  assert.equal(look?.agreed?.isHybrid, true)
  assert.equal(look?.agreed?.version, 'TLSv1.3')
  assert.deepEqual(look?.troubles, [])
  assert.equal(look?.agreed?.chain[0]?.issuer, 'A test')
  assert.equal(code ?? 0, 0)
  const checked = await holdfast('check', file)
  assert.match(checked.output, /ok +upstream only: answers/)
})

test('`holdfast tls` warns of what is weak, and fails what is not trusted or does not answer', { skip }, async () => {
  await using server = new ModelServer({
    ecdhCurve: 'P-256',
    maxVersion: 'TLSv1.2',
    minVersion: 'TLSv1',
    ciphers: 'DEFAULT@SECLEVEL=0',
  })
  const port = await server.listen()
  const weak = await holdfast('tls', `localhost:${port}`)
  assert.equal(weak.code, 2)
  assert.match(weak.output, /FAIL +its certificate is not trusted here/)
  assert.match(weak.output, /soon +TLSv1\.2 at best/)
  assert.match(weak.output, /soon +TLSv1(\.1)? is still spoken/)
  assert.match(weak.output, /soon +keys are exchanged in a classical group/)
  const gone = await holdfast('tls', 'https://127.0.0.1:9/', '--json')
  const [look] = JSON.parse(gone.output) as Look[]
  assert.equal(gone.code, 2)
  assert.match(look?.troubles[0] ?? '', /no handshake: .*ECONNREFUSED/)
})
