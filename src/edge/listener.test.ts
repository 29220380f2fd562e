/** The end of a listener, as connections that are kept see it. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { test } from 'node:test'
import { RaySource } from '../fault/ray.ts'
import { ManualClock } from '../ground/manual-clock.ts'
import { seededRandom } from '../ground/random.ts'
import type { Observer } from '../observe/observer.ts'
import { limitsSchema } from './limits.ts'
import { type Listener, openListener } from './listener.ts'

/** One that node:http serves, and one that it does not. */
const ask = 'GET / HTTP/1.1\r\nhost: here\r\n\r\n'
const call = 'POST / HTTP/1.1\r\nhost: here\r\ncontent-length: 2\r\n\r\n{}'
const { idleMs } = limitsSchema.parse({})

/** A listener whose answers end when the test says so, in a time of the test's own. */
class Stage {
  readonly clock = new ManualClock()
  /** Ends an answer; by the number of its call. */
  readonly endings: (() => void)[] = []
  listener!: Listener

  static async open(): Promise<Stage> {
    const stage = new Stage()
    stage.listener = await openListener(
      { host: '127.0.0.1', port: 0 },
      {
        clock: stage.clock,
        rays: new RaySource(stage.clock, seededRandom(1), { node: 1, site: 'a' }),
        limits: limitsSchema.parse({}),
        observer: {} as Observer,
        mayStayOpen: () => true,
        isCall: () => true,
        handle: (_request, response) => {
          response.writeHead(200, ['content-length', '2'])
          response.write(Buffer.from('o'))
          stage.endings.push(() => {
            response.end(Buffer.from('k'))
            stage.clock.turn()
          })
          stage.clock.turn()
        },
      },
    )
    return stage
  }

  /** A connection on which the head of an answer has come. */
  async visit(request: string): Promise<Socket> {
    const socket = connect(this.listener.port, '127.0.0.1')
    socket.write(request)
    await once(socket, 'data')
    return socket
  }

  async finish(number: number, socket: Socket): Promise<void> {
    const rest = once(socket, 'data')
    this.endings[number]?.()
    await rest
  }

  /** A connection that has had its answer and is kept. */
  async keep(request: string): Promise<Socket> {
    const socket = await this.visit(request)
    await this.finish(this.endings.length - 1, socket)
    return socket
  }

  /** Seconds pass, and what connections have to say meanwhile is heard. */
  async pass(seconds: number): Promise<void> {
    for (let i = 0; i < seconds; i++) {
      this.clock.advance(1000)
      this.clock.turn()
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  /** The connection serves one more request, says that it is the last, and ends behind it. */
  async isServedOnceMore(socket: Socket, request: string): Promise<void> {
    const answer = once(socket, 'data')
    socket.write(request)
    assert.match(String((await answer)[0]), /^HTTP\/1.1 200[^]*connection: close/i)
    const ended = once(socket, 'end')
    await this.finish(this.endings.length - 1, socket)
    await ended
  }
}

test('a drain closes what is silent for longer than most clients keep it, never what was answered a moment ago', async () => {
  const stage = await Stage.open()
  const silent = await stage.keep(ask)
  const slow = await stage.keep(ask)
  const busy = await stage.visit(ask)
  const drained = stage.listener.drain(false)
  const silentEnded = once(silent.resume(), 'end')
  await stage.pass(6)
  await stage.isServedOnceMore(slow, ask)
  await stage.finish(2, busy)
  await stage.pass(1)
  await silentEnded
  await stage.isServedOnceMore(busy, ask)
  await drained
})

for (const [name, request] of [
  ['', call],
  [', by node:http too', ask],
] as const) {
  test(`one that is replaced serves a request on a kept connection whenever it comes${name}`, async () => {
    const stage = await Stage.open()
    const idleSeconds = idleMs / 1000
    const kept: Socket[] = []
    for (let i = 0; i <= idleSeconds; i++) kept.push(await stage.keep(request))
    const drained = stage.listener.drain(true)
    for (const socket of kept) {
      await stage.isServedOnceMore(socket, request)
      await stage.pass(1)
    }
    await drained
  })
}

test('one that is replaced is rid of silent connections when their time is over, or sooner when it is told to hurry', async () => {
  for (const isHurried of [false, true]) {
    const stage = await Stage.open()
    const silent = await stage.keep(call)
    const ended = once(silent.resume(), 'end')
    const drained = stage.listener.drain(true)
    await stage.pass(60)
    assert.equal(stage.listener.connectionCount, 1)
    if (isHurried) void stage.listener.drain(false)
    await stage.pass(isHurried ? 7 : 17)
    await ended
    await drained
  }
})
