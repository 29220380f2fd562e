/** Who leaves while his key is still being looked at holds no place. */
import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { Fault } from '../../fault/fault.ts'
import type { Ray } from '../../fault/ray.ts'
import { ManualClock } from '../../ground/manual-clock.ts'
import type { Guest } from './kind.ts'
import { type SocketParts, Sockets } from './sockets.ts'

test('a place is not taken for a connection that is gone', async () => {
  const looked = Promise.withResolvers<void>()
  const codes: string[] = []
  const parts = {
    clock: new ManualClock(),
    rays: { next: () => 'a-ray' as Ray },
    visitors: { addressOf: () => '192.0.2.1', peerOf: () => ({ address: '192.0.2.1', isTrusted: false }) },
    ...{ crowd: { isOn: false }, challenge: null, pressure: { mayTakeCalls: true }, node: 'n', apps: null },
    limits: { realtimeMax: 10, realtimePerCallerMax: 1, stalledReaderMs: 1000, bodyBytesMax: 1000 },
    realtime: {
      isMeant: () => true,
      knows: () => true,
      join: async (guest: Guest) => {
        await looked.promise
        guest.enter('app')
        throw new Fault('HF_NO_UPSTREAM')
      },
      refused: (_: Guest, { code }: Fault) => codes.push(code),
    },
  }
  using sockets = new Sockets(parts as unknown as SocketParts)
  const headers = { host: 'x', 'sec-websocket-version': '13', 'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==' }
  const rawHeaders = ['host', 'x']
  const request = { httpVersion: '1.1', url: '/v1/realtime', method: 'GET', headers, rawHeaders } as unknown
  const come = (): { socket: PassThrough; joined: Promise<void> } => {
    const socket = new PassThrough()
    return { socket, joined: sockets.join(request as IncomingMessage, socket, Buffer.alloc(0)) }
  }
  const first = come()
  first.socket.destroy()
  await new Promise((resolve) => first.socket.once('close', resolve))
  looked.resolve()
  await first.joined
  await come().joined
  assert.deepEqual(codes, ['HF_CLIENT_GONE', 'HF_NO_UPSTREAM'])
})
