// Visitors by address: too many connections, too many requests without a key, floods of HTTP/2, an attack and its end.
import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { once } from 'node:events'
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2'
import { test } from 'node:test'
import type { ConfigInput } from '../../src/config.ts'
import { callLines, enhanceYourCalm, flag, frame, frameOf, headerBlock, RawHttp2, u32 } from '../suites/raw-http2.ts'
import { assertRefused, goodBody, openTestHouse, pause, post, type TestHouse, until } from './harness.ts'
import { RawClient } from './raw-client.ts'

const limit = { timeout: 60_000 }
/** Tests come from addresses that are private; here nobody is exempt but the tests' own questions at the end. */
const strict = (guard: ConfigInput['guard']): Partial<ConfigInput> => ({
  guard: { exempt: ['127.0.0.1'], ...guard },
  keys: [{ name: 'good', key: 'sk-good-1234' }],
})
const withKey = { headers: ['authorization: Bearer sk-good-1234', 'content-type: application/json'] }
const cancel = 8

async function from(house: TestHouse, localAddress: string): Promise<RawClient> {
  const socket = connect({ port: house.port, host: '127.0.0.1', localAddress, allowHalfOpen: true, noDelay: true })
  return RawClient.over(socket)
}

test('requests without a good key are limited by address; a good key is never refused for it', limit, async () => {
  await using house = await openTestHouse(strict({ perAddress: { requestsPerSecond: 1, requestsBurst: 3 } }))
  await using client = await from(house, '127.0.1.1')
  const statuses: number[] = []
  for (let i = 0; i < 3; i++) {
    client.write(post(goodBody))
    statuses.push((await client.answer()).status)
  }
  assert.deepEqual(statuses, [401, 401, 401])
  client.write(post(goodBody))
  const refused = await client.answer()
  assertRefused(refused, 429, 'HF_ADDRESS_RATE')
  assert.equal(refused.headers['retry-after'], '1')
  // The same connection, the same moment.
  for (let i = 0; i < 20; i++) {
    client.write(post(goodBody, withKey))
    assert.equal((await client.answer()).status, 200)
  }
  await using other = await from(house, '127.0.1.2')
  other.write(post(goodBody))
  assert.equal((await other.answer()).status, 401, 'another address has its own')
})

test('a network has a limit as well, however many addresses it has', limit, async () => {
  await using house = await openTestHouse(strict({ perNetwork: { requestsPerSecond: 1, requestsBurst: 5 } }))
  const statuses: number[] = []
  for (let i = 1; i <= 8; i++) {
    await using client = await from(house, `127.0.2.${i}`)
    client.write(post(goodBody))
    statuses.push((await client.answer()).status)
  }
  assert.deepEqual(statuses, [401, 401, 401, 401, 401, 429, 429, 429])
})

test(
  'where all connections are taken, one that says nothing makes room; never one from where a good key came',
  limit,
  async () => {
    await using house = await openTestHouse({ ...strict({}), limits: { connectionsMax: 20 } })
    await using early = await from(house, '127.0.4.1')
    early.write(post(goodBody, withKey))
    assert.equal((await early.answer()).status, 200)
    const silent = Array.from({ length: 40 }, (_, i) =>
      connect({ port: house.port, host: '127.0.0.1', localAddress: `127.0.5.${1 + i}` }).on('error', () => {}),
    )
    try {
      await until('room is made', () => silent.filter(({ closed }) => closed).length >= 23)
      await using late = await from(house, '127.0.6.1')
      late.write(post(goodBody, withKey))
      assert.equal((await late.answer()).status, 200, 'one that was never seen comes in')
      early.write(post(goodBody, withKey))
      assert.equal((await early.answer()).status, 200, 'the oldest of all is still there')
      const [first] = silent
      assert.ok(first?.closed, 'the first that said nothing is the first that goes')
    } finally {
      for (const socket of silent) socket.destroy()
    }
  },
)

test('one that is locked out comes in once another worker has seen a good key from there', limit, async () => {
  const guard = { perAddress: { requestsPerSecond: 1, requestsBurst: 1 }, lockoutMs: 600_000 }
  await using house = await openTestHouse(strict(guard))
  await using bad = await from(house, '127.0.7.1')
  for (let i = 0; i < 202; i++) {
    bad.write(post(goodBody))
    const answer = await bad.answer().catch(() => null)
    if (answer === null || answer.headers['connection'] === 'close') break
  }
  await using shut = await from(house, '127.0.7.1')
  assert.equal(await shut.ended(), '')
  house.house.crowd.hearWelcomed(['127.0.7.1'])
  await using client = await from(house, '127.0.7.1')
  client.write(post(goodBody, withKey))
  assert.equal((await client.answer()).status, 200)
  assert.deepEqual(house.house.crowd.takeWelcomed(), [], 'what was heard is not told again')
  await using other = await from(house, '127.0.7.2')
  for (let i = 0; i < 2; i++) {
    other.write(post(goodBody, withKey))
    assert.equal((await other.answer()).status, 200)
  }
  assert.deepEqual(house.house.crowd.takeWelcomed(), ['127.0.7.2'], 'told once')
  assert.deepEqual(house.house.crowd.takeWelcomed(), [])
})

test('connections are limited by address; one that is closed makes room', limit, async () => {
  await using house = await openTestHouse(strict({ perAddress: { connectionsMax: 2 } }))
  await using first = await from(house, '127.0.1.1')
  await using second = await from(house, '127.0.1.1')
  await using third = await from(house, '127.0.1.1')
  assert.match(await third.ended(), /^HTTP\/1\.1 429 [\s\S]*HF_ADDRESS_RATE/)
  await using other = await from(house, '127.0.1.2')
  for (const client of [first, second, other]) {
    client.write(post(goodBody, withKey))
    assert.equal((await client.answer()).status, 200)
  }
  first.leave()
  await until('room for another', () => house.house.urls.length > 0 && first.socket.destroyed)
  await pause(50)
  await using fourth = await from(house, '127.0.1.1')
  fourth.write(post(goodBody, withKey))
  assert.equal((await fourth.answer()).status, 200)
})

test('who goes on after many refusals is locked out; not where a good key came from', limit, async () => {
  const guard = { perAddress: { requestsPerSecond: 1, requestsBurst: 1 }, lockoutMs: 60_000 }
  await using house = await openTestHouse(strict(guard))
  const hammer = async (client: RawClient): Promise<void> => {
    for (let i = 0; i < 202; i++) {
      client.write(post(goodBody))
      const answer = await client.answer().catch(() => null)
      if (answer === null || answer.headers['connection'] === 'close') return
    }
  }
  await using bad = await from(house, '127.0.1.1')
  await hammer(bad)
  await bad.ended()
  await using again = await from(house, '127.0.1.1')
  assert.equal(await again.ended(), '', 'closed without a word')
  await using good = await from(house, '127.0.1.9')
  good.write(post(goodBody, withKey))
  assert.equal((await good.answer()).status, 200)
  await hammer(good)
  await using later = await from(house, '127.0.1.9')
  later.write(post(goodBody, withKey))
  assert.equal((await later.answer()).status, 200)
})

test('behind a proxy that is trusted, visitors are told apart by what it says', limit, async () => {
  await using house = await openTestHouse({
    ...strict({ perAddress: { connectionsMax: 1, requestsPerSecond: 1, requestsBurst: 1 } }),
    access: { trustedProxies: ['127.0.3.1'] },
  })
  const ask = async (address: string): Promise<number> => {
    client.write(post(goodBody, { headers: [`x-forwarded-for: ${address}`] }))
    return (await client.answer()).status
  }
  await using idle = await from(house, '127.0.3.1')
  await using client = await from(house, '127.0.3.1')
  assert.deepEqual([await ask('192.0.2.1'), await ask('192.0.2.1'), await ask('198.51.100.1')], [401, 429, 401])
  assert.equal(idle.hasEnded, false)
})

test('an attack raises the shield, which is told, and only where it comes from limits are tight', limit, async () => {
  const shield = { beginPerSecond: 20, easeMs: 1000 }
  await using house = await openTestHouse(strict({ shield }))
  const flood = async (client: RawClient): Promise<void> => {
    for (let i = 0; i < 150; i++) {
      client.write(post(goodBody))
      if ((await client.answer().catch(() => null)) === null) return
    }
  }
  const raised = (): boolean => house.lines.some(({ message }) => message === 'shield raised')
  await using attacker = await from(house, '127.0.1.1')
  for (let i = 0; i < 100 && !raised(); i++) {
    await flood(attacker)
    await pause(50)
  }
  assert.ok(raised())
  // A step further than the burst that is left: all that came before was within the limits of every day.
  await using next = await from(house, '127.0.1.2')
  const statuses = new Set<number>()
  for (let i = 0; i < 60; i++) {
    next.write(post(goodBody))
    const answer = await next.answer().catch(() => null)
    if (answer === null) break
    statuses.add(answer.status)
  }
  assert.ok(statuses.has(429), 'tight in the network of the attack')
  await using calm = await from(house, '127.0.5.1')
  for (let i = 0; i < 60; i++) {
    calm.write(post(goodBody))
    assert.equal((await calm.answer()).status, 401, 'as ever elsewhere')
  }
  await until('the end of the attack', () =>
    house.lines.some((line) => line.message === 'shield lowered' && (line as { level?: number }).level === 0),
  )
})

const keyless = headerBlock(callLines(null))
const keyed = headerBlock(callLines(null, [['authorization', 'Bearer sk-good-1234']]))

test('who resets streams by the hundred is told to calm down and locked out; others are served on', limit, async () => {
  await using house = await openTestHouse({ ...strict({}), listeners: [{ port: 0, h2c: true }] })
  await using good = await openHttp2(house.port)
  using bad = new RawHttp2(house.port, '127.0.1.1')
  await resetMany(bad, keyless)
  await bad.ended(20_000)
  assert.equal(bad.goaway, enhanceYourCalm)
  using again = new RawHttp2(house.port, '127.0.1.1')
  await again.ended(20_000)
  assert.ok(again.isClosed)
  assert.equal(await good.status(), 200)
  using paying = new RawHttp2(house.port, '127.0.1.2')
  await resetMany(paying, keyed)
  await paying.ended(20_000)
  assert.equal(paying.goaway, enhanceYourCalm)
  assert.ok(house.lines.some(({ detail }) => /reset/.test(String(detail))))
  assert.equal(await good.status(), 200)
})

test('who sends frames that belong to no request is told to calm down', limit, async () => {
  await using house = await openTestHouse({ ...strict({}), listeners: [{ port: 0, h2c: true }] })
  using bad = new RawHttp2(house.port, '127.0.1.1')
  const some = Buffer.concat(Array.from({ length: 5000 }, () => frameOf(frame.window, flag.none, 0, u32(1))))
  for (let i = 0; i < 2000 && !bad.isClosed; i++) {
    if (bad.write(some)) await pause(1)
    else await bad.drained()
  }
  await bad.ended(20_000)
  assert.ok(bad.isClosed)
  assert.ok(house.lines.some(({ detail }) => /belongs to no request/.test(String(detail))))
})

/** Until it is closed. */
async function resetMany(client: RawHttp2, call: Buffer): Promise<void> {
  for (let stream = 1; stream < 4000 && !client.isClosed; stream += 2) {
    const reset = frameOf(frame.reset, flag.none, stream, u32(cancel))
    client.write(Buffer.concat([frameOf(frame.headers, flag.endHeaders, stream, call), reset]))
    if (stream % 101 === 0) await pause(2)
  }
}

interface Good extends AsyncDisposable {
  status(): Promise<number>
}

async function openHttp2(port: number): Promise<Good> {
  const session: ClientHttp2Session = connectHttp2(`http://127.0.0.1:${port}`)
  session.on('error', () => {})
  const gone = once(session, 'close')
  await once(session, 'connect')
  return {
    status: async () => {
      const stream = session.request({
        ':method': 'POST',
        ':path': '/v1/chat/completions',
        'content-type': 'application/json',
        authorization: 'Bearer sk-good-1234',
      })
      stream.end(goodBody)
      const [head] = (await once(stream, 'response')) as [Record<string, unknown>]
      stream.resume()
      return Number(head[':status'])
    },
    [Symbol.asyncDispose]: async () => {
      session.destroy()
      await gone
    },
  }
}

test(
  'what is no request counts for its address: it is refused, then not even answered, then locked out',
  limit,
  async () => {
    const guard = { perAddress: { requestsPerSecond: 1, requestsBurst: 30 }, lockoutMs: 60_000 }
    await using house = await openTestHouse(strict(guard))
    const nonsense = [
      'GET / HTTP/9.9\r\n\r\n',
      'POST / HTTP/1.1\r\nhost: a\r\nx : y\r\n\r\n',
      'CONNECT a:1 HTTP/1.1\r\nhost: a\r\n\r\n',
    ]
    const said: string[] = []
    for (let i = 0; i < 300; i++) {
      await using client = await from(house, '127.0.1.1')
      client.write(nonsense[i % nonsense.length] as string)
      said.push(await client.ended())
    }
    assert.match(said[0] as string, /^HTTP\/1\.1 400 [\s\S]*HF_BAD_HTTP/)
    assert.equal(said.at(-1), '')
    const answered = said.filter((text) => text !== '').length
    assert.ok(answered >= 20 && answered < 100, `${answered} were answered`)
    await using same = await from(house, '127.0.1.1')
    same.write(post(goodBody, withKey))
    assert.equal(await same.ended(), '', 'locked out')
    await using other = await from(house, '127.0.1.2')
    other.write(post(goodBody, withKey))
    assert.equal((await other.answer()).status, 200)
  },
)

test('requests that the guard refuses are limited as others are', limit, async () => {
  await using house = await openTestHouse(strict({ perAddress: { requestsPerSecond: 1, requestsBurst: 3 } }))
  const statuses: number[] = []
  for (let i = 0; i < 6; i++) {
    await using client = await from(house, '127.0.1.1')
    client.write('GET /v1/models HTTP/1.1\r\n\r\n')
    statuses.push(Number((await client.ended()).slice(9, 12)))
  }
  assert.deepEqual(statuses, [400, 400, 400, 429, 429, 429])
})

test('frames of a stream that is over end the connection with a word, and count for its address', limit, async () => {
  await using house = await openTestHouse({ ...strict({}), listeners: [{ port: 0, h2c: true }] })
  using bad = new RawHttp2(house.port, '127.0.1.1')
  bad.write(frameOf(frame.headers, flag.endHeaders | flag.end, 1, keyless))
  await until('the answer', () => bad.headCount === 1)
  bad.write(frameOf(frame.data, flag.none, 1, Buffer.from('more')))
  await bad.ended(20_000)
  assert.equal(bad.goaway, 5, 'STREAM_CLOSED')
  const metrics = await house.house.metrics.registry.metrics()
  assert.match(metrics, /holdfast_turned_away_total\{why="malformed"\} 1/)
})
