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
import { openListener } from './listener.ts'

const ask = 'GET / HTTP/1.1\r\nhost: here\r\n\r\n'

test('a drain closes what has been idle for a while, never what was answered a moment ago', async () => {
  const clock = new ManualClock()
  const endings: (() => void)[] = []
  const listener = await openListener(
    { host: '127.0.0.1', port: 0 },
    {
      clock,
      rays: new RaySource(clock, seededRandom(1), { node: 1, site: 'a' }),
      limits: limitsSchema.parse({}),
      observer: {} as Observer,
      mayStayOpen: () => true,
      isCall: () => false,
      handle: (_request, response) => {
        response.writeHead(200, ['content-length', '2'])
        response.write(Buffer.from('o'))
        endings.push(() => response.end(Buffer.from('k')))
      },
    },
  )
  const visit = async (): Promise<Socket> => {
    const socket = connect(listener.port, '127.0.0.1')
    socket.write(ask)
    await once(socket, 'data')
    return socket
  }
  const finish = async (call: number, socket: Socket): Promise<void> => {
    const rest = once(socket, 'data')
    endings[call]?.()
    await rest
  }
  const sweep = (): void => {
    clock.advance(1000)
    clock.turn()
  }
  const idle = await visit()
  await finish(0, idle)
  const busy = await visit()
  const drained = listener.drain()
  const idleEnded = once(idle.resume(), 'end')
  sweep()
  await finish(1, busy)
  sweep()
  await idleEnded
  const answer = once(busy, 'data')
  busy.write(ask)
  assert.match(
    String(await answer),
    /^HTTP\/1.1 200[^]*connection: close/i,
    'the call right behind an answer is served',
  )
  const busyEnded = once(busy, 'end')
  await finish(2, busy)
  await busyEnded
  await drained
})
