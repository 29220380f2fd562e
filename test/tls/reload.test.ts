// A certificate is replaced while five hundred streams are open: none is cut, new connections see the new one, and one
// that cannot be used changes nothing and is told.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { copyFileSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:https'
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2'
import { join } from 'node:path'
import { test } from 'node:test'
import { connect } from 'node:tls'
import { expectedAnswer } from '../../lab/answer.ts'
import { startSim } from '../../lab/start-sim.ts'
import { holdfast, startGateway } from '../crash/gateway.ts'
import { until } from '../crash/until.ts'
import { Authority, noOpenssl } from './certificates.ts'

const skip = noOpenssl ?? false
const http1Count = 250
const http2Count = 250
const sessionCount = 5

/** A dozen seconds each, so that all are open at the same time, on a busy machine too. */
const prompt = (name: string): string => `${name} tokens:100`

const body = (name: string): string =>
  JSON.stringify({ model: 'lab-model', stream: true, messages: [{ role: 'user', content: prompt(name) }] })

/** Whether it is the whole answer, byte for byte, and says that it is. */
function verdict(text: string, name: string): string {
  const said = [...text.matchAll(/^data: (\{.*\})$/gm)]
    .map(([, json = '{}']) => JSON.parse(json) as { choices?: { delta?: { content?: string } }[] })
    .map(({ choices }) => choices?.[0]?.delta?.content ?? '')
    .join('')
  if (!text.endsWith('data: [DONE]\n\n')) return `cut after ${text.length} bytes: ${text.slice(-200)}`
  return said === expectedAnswer(prompt(name)) ? 'whole' : 'other text'
}

interface Open {
  readonly begun: Promise<void>
  readonly verdict: Promise<string>
}

function overHttp1(url: string, agent: Agent, name: string): Open {
  const begun = Promise.withResolvers<void>()
  const asked = request(`${url}/v1/chat/completions`, { method: 'POST', agent })
  const told = new Promise<string>((resolve) => {
    asked.on('error', (error) => resolve(`failed: ${error.message}`))
    asked.on('response', (answer) => {
      let text = ''
      answer.setEncoding('utf8').on('data', (piece: string) => {
        text += piece
        begun.resolve()
      })
      answer.on('error', (error) => resolve(`broken: ${error.message}`))
      answer.on('end', () => resolve(verdict(text, name)))
    })
  })
  asked.end(body(name))
  void told.then(() => begun.resolve())
  return { begun: begun.promise, verdict: told }
}

function overHttp2(session: ClientHttp2Session, name: string): Open {
  const begun = Promise.withResolvers<void>()
  const stream = session.request({ ':method': 'POST', ':path': '/v1/chat/completions' })
  let text = ''
  stream.setEncoding('utf8').on('data', (piece: string) => {
    text += piece
    begun.resolve()
  })
  stream.on('error', () => {})
  const told = new Promise<string>((resolve) => {
    stream.on('close', () => resolve(stream.rstCode ? `reset with ${stream.rstCode}` : verdict(text, name)))
  })
  stream.end(body(name))
  void told.then(() => begun.resolve())
  return { begun: begun.promise, verdict: told }
}

async function shown(url: string, ca: string): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port: Number(new URL(url).port), servername: 'localhost', ca })
  await once(socket, 'secureConnect')
  const { fingerprint256 } = socket.getPeerCertificate()
  socket.destroy()
  return fingerprint256
}

test('new certificates with five hundred open streams: none is cut', { skip }, async (t) => {
  using authority = new Authority()
  const [first, second, third] = [1, 2, 3].map(() => authority.issue('localhost', '127.0.0.1'))
  assert.ok(first && second && third)
  const [cert, key] = [join(authority.folder, 'live.pem'), join(authority.folder, 'live.key')]
  const put = (from: typeof first): void => {
    copyFileSync(from.certPath, cert)
    copyFileSync(from.keyPath, key)
  }
  put(first)
  const sim = await startSim({ rate: 40, slots: 1024 })
  const file = join(authority.folder, 'holdfast.yaml')
  const config = {
    workers: 2,
    overload: { limits: 'off' },
    protection: { loopDelayMs: 60_000 },
    tls: { certificates: [{ cert, key }], reloadMs: 200 },
    upstreams: { only: { url: `${sim.url}/v1` } },
  }
  writeFileSync(file, JSON.stringify(config))
  const agent = new Agent({ ca: authority.cert, servername: 'localhost', keepAlive: false })
  const sessions: ClientHttp2Session[] = []
  try {
    await using gateway = await startGateway('--config', file)
    for (let i = 0; i < sessionCount; i++) {
      const session = connectHttp2(gateway.url, { ca: authority.cert, servername: 'localhost' })
      session.on('error', () => {})
      sessions.push(session)
      await once(session, 'connect')
    }
    const before = await shown(gateway.url, authority.cert)
    await until('an answer', async () => (await overHttp1(gateway.url, agent, 'first').verdict) === 'whole')
    const open = [
      ...Array.from({ length: http1Count }, (_, i) => overHttp1(gateway.url, agent, `one ${i}`)),
      ...Array.from({ length: http2Count }, (_, i) =>
        overHttp2(sessions[i % sessionCount] as ClientHttp2Session, `two ${i}`),
      ),
    ]
    await Promise.all(open.map(({ begun }) => begun))
    let overCount = 0
    for (const { verdict: told } of open) void told.then(() => overCount++)
    put(second)
    await until('the new certificate', async () => (await shown(gateway.url, authority.cert)) !== before)
    // The key of another: the last good stays, and it is told.
    copyFileSync(third.certPath, cert)
    const refused = (): boolean =>
      gateway.lines.some(({ msg }) => /cannot be used; the last good stays/.test(String(msg)))
    await until('the refusal', () => Promise.resolve(refused()))
    const later = await shown(gateway.url, authority.cert)
    assert.notEqual(later, before)
    put(third)
    await until('the third', async () => (await shown(gateway.url, authority.cert)) !== later)
    t.diagnostic(`${open.length - overCount} of ${open.length} streams were open through all of it`)
    assert.ok(overCount < open.length / 2, `${overCount} were over before: this says too little`)
    const { code, output } = await holdfast('restart', '--state', gateway.state, '--json')
    assert.equal(code, 0, output)
    assert.notEqual(await shown(gateway.url, authority.cert), before, 'also new processes show it')
    const verdicts = await Promise.all(open.map(({ verdict: told }) => told))
    assert.deepEqual(
      verdicts.filter((each) => each !== 'whole'),
      [],
    )
  } finally {
    agent.destroy()
    for (const session of sessions) session.destroy()
    await sim.stop()
  }
})

test('a certificate that cannot be used keeps a gateway from starting, in words', { skip }, async () => {
  using authority = new Authority()
  const [own, other] = [authority.issue('localhost'), authority.issue('localhost')]
  const file = join(authority.folder, 'holdfast.yaml')
  const certificates = [{ cert: own.certPath, key: other.keyPath }]
  const upstreams = { only: { url: 'http://127.0.0.1:9/v1' } }
  writeFileSync(file, JSON.stringify({ stateDir: join(authority.folder, 'state'), tls: { certificates }, upstreams }))
  const { code, output } = await holdfast('run', '--config', file, '--port', '0', '--admin-port', '0')
  assert.equal(code, 1)
  assert.match(output, /tls\.certificates\.0: .*the key is not that of the certificate/)
  assert.doesNotMatch(output, /PRIVATE KEY/)
})
