/** The fault proxy on real sockets: what each toxic does to bytes, ends and time, also while a connection lives. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { test } from 'node:test'
import { type Clock, systemClock } from '../../src/ground/clock.ts'
import { ManualClock } from '../../src/ground/manual-clock.ts'
import { type FaultProxy, openFaultProxy } from '../../lab/fault-proxy.ts'
import { openProxyControl } from '../../lab/proxy/control.ts'
import { parseToxicOrder, type ToxicOrder } from '../../lab/proxy/toxic.ts'
import { openSimServer } from '../../lab/sim-server.ts'
import { call } from './plain-client.ts'

/** One side of a connection, with what it got. */
class Side implements Disposable {
  readonly socket: Socket
  readonly pieces: Buffer[] = []
  end: 'fin' | 'rst' | null = null
  #wake: (() => void)[] = []
  constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', (bytes: Buffer) => this.#note(() => this.pieces.push(bytes)))
    socket.on('end', () => this.#note(() => (this.end ??= 'fin')))
    socket.on('error', (error: NodeJS.ErrnoException) =>
      this.#note(() => (this.end = error.code === 'ECONNRESET' || error.code === 'EPIPE' ? 'rst' : this.end)),
    )
  }
  #note(what: () => void): void {
    what()
    for (const wake of this.#wake.splice(0)) wake()
  }
  get text(): string {
    return Buffer.concat(this.pieces).toString()
  }
  async until(condition: () => boolean): Promise<void> {
    const limitMs = performance.now() + 10_000
    while (!condition()) {
      if (performance.now() > limitMs) assert.fail(`waited too long; got ${this.text.length} bytes, end ${this.end}`)
      await new Promise<void>((resolve) => {
        this.#wake.push(resolve)
        setTimeout(resolve, 100)
      })
    }
  }
  /** Nothing more comes for a while. */
  async isSilent(): Promise<boolean> {
    const before = [this.pieces.length, this.end]
    await new Promise((resolve) => setTimeout(resolve, 150))
    return before[0] === this.pieces.length && before[1] === this.end
  }
  [Symbol.dispose](): void {
    this.socket.destroy()
  }
}

interface Stage extends AsyncDisposable {
  readonly proxy: FaultProxy
  /** A new connection through the proxy, seen from both ends. */
  link(): Promise<{ client: Side; server: Side }>
}

async function openStage(...given: (ToxicOrder | { readonly clock: Clock })[]): Promise<Stage> {
  const arrived: Side[] = []
  const takers: ((side: Side) => void)[] = []
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
    const side = new Side(socket)
    const taker = takers.shift()
    if (taker) taker(side)
    else arrived.push(side)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const clock = given.find((option) => 'clock' in option)?.clock ?? systemClock
  const proxy = await openFaultProxy({ target: `127.0.0.1:${(server.address() as AddressInfo).port}`, clock })
  for (const order of given) if ('kind' in order) proxy.add(order)
  const sides: Side[] = []
  const link = async () => {
    const client = new Side(connect({ port: proxy.port, host: '127.0.0.1', allowHalfOpen: true }))
    const server = arrived.shift() ?? (await new Promise<Side>((resolve) => takers.push(resolve)))
    sides.push(client, server)
    return { client, server }
  }
  const close = async (): Promise<void> => {
    for (const side of sides) side.socket.destroy()
    await proxy.close()
    await new Promise((resolve) => server.close(resolve))
  }
  return { proxy, link, [Symbol.asyncDispose]: close }
}

test('without toxics bytes and ends pass both ways, and half-closed is half-closed', async () => {
  await using stage = await openStage()
  const { client, server } = await stage.link()
  client.socket.end('question')
  await server.until(() => server.end === 'fin')
  server.socket.end('answer')
  await client.until(() => client.end === 'fin')
  assert.deepEqual([server.text, client.text], ['question', 'answer'])
  await client.until(() => stage.proxy.openCount === 0)
})

test('many bytes come through unchanged, also to a slow reader', async () => {
  await using stage = await openStage({ kind: 'latency', ms: 5, jitterMs: 5 })
  const { client, server } = await stage.link()
  const bytes = randomBytes(6 * 2 ** 20)
  client.socket.pause()
  server.socket.end(bytes)
  await client.isSilent()
  client.socket.resume()
  await client.until(() => client.end === 'fin')
  assert.ok(Buffer.concat(client.pieces).equals(bytes))
})

test('a reset on one side is a reset on the other', async () => {
  await using stage = await openStage()
  const { client, server } = await stage.link()
  client.socket.resetAndDestroy()
  await server.until(() => server.end === 'rst')
})

test('latency delays a byte by as much, in its direction only, also on a live connection', async () => {
  const clock = new ManualClock()
  await using stage = await openStage({ clock })
  const { client, server } = await stage.link()
  stage.proxy.add({ kind: 'latency', ms: 300, direction: 'down' })
  client.socket.write('question')
  await server.until(() => server.text === 'question')
  server.socket.write('late')
  assert.ok(await client.isSilent())
  clock.advance(299)
  assert.ok(await client.isSilent())
  clock.advance(1)
  await client.until(() => client.text === 'late')
  stage.proxy.remove('latency-down')
  server.socket.write(' at once')
  await client.until(() => client.text === 'late at once')
})

test('jitter and loss never change the order', async () => {
  await using stage = await openStage(
    { kind: 'latency', ms: 10, jitterMs: 10 },
    { kind: 'loss', probability: 0.2, ms: 30 },
  )
  const { client, server } = await stage.link()
  const sent = Array.from({ length: 60 }, (_, at) => `${at},`)
  for (const piece of sent) {
    server.socket.write(piece)
    await new Promise((resolve) => setImmediate(resolve))
  }
  server.socket.end()
  await client.until(() => client.end === 'fin')
  assert.equal(client.text, sent.join(''))
})

test('bandwidth makes bytes take their time', async () => {
  await using stage = await openStage({ kind: 'bandwidth', bytesPerSecond: 100_000 })
  const { client, server } = await stage.link()
  const startMs = performance.now()
  server.socket.end(Buffer.alloc(50_000))
  await client.until(() => client.end === 'fin')
  assert.ok(performance.now() - startMs >= 495)
  assert.equal(client.text.length, 50_000)
})

test('the slicer cuts into small pieces and loses none', async () => {
  await using stage = await openStage({ kind: 'slicer', bytes: 3, delayMs: 5, direction: 'down' })
  const { client, server } = await stage.link()
  server.socket.end('0123456789')
  await client.until(() => client.end === 'fin')
  assert.equal(client.text, '0123456789')
  assert.ok(client.pieces.length > 1)
})

test('many bytes in the smallest pieces that wait in line come in order, and soon', async () => {
  await using stage = await openStage(
    { kind: 'slicer', bytes: 1, direction: 'down' },
    { kind: 'latency', ms: 100, direction: 'down' },
  )
  const { client, server } = await stage.link()
  const sent = randomBytes(900_000)
  // Two or three seconds; `until` gives up after ten, too soon for a line that is moved as a whole for every piece.
  server.socket.end(sent)
  await client.until(() => client.end === 'fin')
  assert.ok(Buffer.concat(client.pieces).equals(sent))
})

test('a cut comes after exactly so many bytes, as a reset or as a clean end', async () => {
  for (const how of ['rst', 'fin'] as const) {
    await using stage = await openStage({ kind: 'cut', afterBytes: 5, how, direction: 'down' })
    const { client, server } = await stage.link()
    server.socket.write('012')
    await client.until(() => client.text === '012')
    server.socket.write('3456789')
    await client.until(() => client.end !== null)
    assert.deepEqual([client.text, client.end], ['01234', how])
    server.socket.write('more')
    await server.until(() => server.end !== null)
  }
})

test('a cut after a time ends connections that say nothing', async () => {
  await using stage = await openStage({ kind: 'cut', afterMs: 50 })
  const { client, server } = await stage.link()
  await Promise.all([client.until(() => client.end === 'rst'), server.until(() => server.end === 'rst')])
})

test('a cut that is ordered again, or otherwise, strikes a live connection too', async () => {
  const clock = new ManualClock()
  await using stage = await openStage({ clock })
  for (const isTakenBack of [true, false]) {
    const { client } = await stage.link()
    const name = stage.proxy.add({ kind: 'cut', afterMs: 60_000 })
    if (isTakenBack) stage.proxy.remove(name)
    stage.proxy.add({ kind: 'cut', afterMs: 50 })
    clock.advance(50)
    await client.until(() => client.end === 'rst')
    stage.proxy.remove()
  }
})

test('a half-open connection takes everything and passes nothing on, not even the end', async () => {
  await using stage = await openStage({ kind: 'swallow', direction: 'up' })
  const { client, server } = await stage.link()
  server.socket.write('hello')
  await client.until(() => client.text === 'hello')
  client.socket.end('anybody there?')
  assert.ok(await server.isSilent())
  assert.equal(server.text, '')
})

test('a black hole stops a live connection, and what was on its way comes when it is gone', async () => {
  await using stage = await openStage()
  const { client, server } = await stage.link()
  server.socket.write('one')
  await client.until(() => client.text === 'one')
  stage.proxy.add({ kind: 'blackhole' })
  server.socket.write('two')
  assert.ok(await client.isSilent())
  stage.proxy.remove()
  await client.until(() => client.text === 'onetwo')
})

test('a proxy that refuses takes no new connection and leaves the live ones alone', async () => {
  await using stage = await openStage()
  const { client, server } = await stage.link()
  await stage.proxy.refuse(true)
  const refused = await new Promise<string | undefined>((resolve) => {
    connect(stage.proxy.port, '127.0.0.1')
      .on('error', (error: NodeJS.ErrnoException) => resolve(error.code))
      .on('connect', () => resolve('connected'))
  })
  server.socket.write('still here')
  await client.until(() => client.text === 'still here')
  await stage.proxy.refuse(false)
  const again = await stage.link()
  again.client.socket.write('x')
  await again.server.until(() => again.server.text === 'x')
  assert.equal(refused, 'ECONNREFUSED')
})

test('a target that refuses is a reset for the client', async () => {
  await using stage = await openStage()
  await using nowhere = await openFaultProxy({ target: `127.0.0.1:${stage.proxy.port}` })
  await stage.proxy.refuse(true)
  const seen = await call(nowhere.url, '/health', null)
  assert.equal(seen.end, 'ECONNRESET')
})

test('a toxic with a share has some connections and spares others, the same for the same seed', async () => {
  const draw = async (): Promise<string> => {
    await using stage = await openStage({ kind: 'cut', afterBytes: 0, share: 0.5, direction: 'up' })
    let drawn = ''
    for (let at = 0; at < 12; at++) {
      const { client, server } = await stage.link()
      client.socket.write('x')
      await client.until(() => client.end !== null || server.text === 'x')
      drawn += client.end === null ? '.' : 'x'
    }
    return drawn
  }
  const drawn = await draw()
  assert.equal(await draw(), drawn)
  assert.match(drawn, /x/)
  assert.match(drawn, /\./)
})

test('what is not an address or not a toxic is refused by name', async () => {
  await assert.rejects(openFaultProxy({ target: 'nowhere' }), /port/)
  for (const [order, says] of [
    [{ kind: 'gremlin' }, /kind/],
    [{ kind: 'latency', ms: -1 }, /ms/],
    [{ kind: 'cut', how: 'softly' }, /how/],
    [{ kind: 'cut', direction: 'out' }, /direction/],
  ] as const) {
    assert.throws(() => parseToxicOrder(order), says)
  }
})

test('the control interface opens, poisons, cures and disables a link in front of a model server', async () => {
  await using sim = await openSimServer()
  await using control = await openProxyControl()
  const tell = async (path: string, body: object | null, method?: string): Promise<Record<string, unknown>> => {
    const seen = await call(control.url, path, body, method ? { method } : {})
    return { status: seen.status, ...(seen.text === '' ? {} : JSON.parse(seen.text)) }
  }
  const { listen, enabled } = await tell('/proxies', { name: 'gpu1', upstream: sim.url.replace('http://', '') })
  const health = (quietMs = 5000): Promise<string | number> =>
    call(`http://${String(listen)}`, '/health', null, { quietMs }).then((seen) => seen.status ?? seen.end)
  assert.deepEqual([enabled, await health()], [true, 200])
  assert.equal(
    (await tell('/proxies/gpu1/toxics', { type: 'timeout', attributes: { timeout: 0 } })).name,
    'timeout_downstream',
  )
  assert.equal(await health(200), 'silent')
  assert.equal((await tell('/proxies/gpu1/toxics/timeout_downstream', null, 'DELETE')).status, 204)
  assert.equal(await health(), 200)
  const { attributes } = await tell('/proxies/gpu1/toxics', { type: 'latency', attributes: { latency: 5, jitter: 1 } })
  assert.deepEqual(attributes, { ms: 5, jitterMs: 1 })
  assert.deepEqual((await tell('/proxies/gpu1/toxics/latency_downstream', { attributes: { latency: 9 } })).attributes, {
    ms: 9,
    jitterMs: 1,
  })
  await tell('/proxies/gpu1', { enabled: false })
  assert.equal(await health(), 'ECONNREFUSED')
  await tell('/reset', {})
  assert.equal(await health(), 200)
  assert.deepEqual((await tell('/proxies/gpu1', null)).toxics, [])
  assert.deepEqual(
    [(await tell('/proxies/nobody', null)).status, (await tell('/proxies/gpu1/toxics', { type: 'gremlin' })).status],
    [404, 400],
  )
  assert.equal((await tell('/proxies/gpu1', null, 'DELETE')).status, 204)
  assert.equal(await health(), 'ECONNREFUSED')
})
