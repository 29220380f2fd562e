/**
 * A broken answer that its reader does not take to the end: the connection is given up in time, however little waits.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { test } from 'node:test'
import { HttpReply } from '../../src/edge/http-reply.ts'
import { ManualClock } from '../../src/ground/manual-clock.ts'
import { pause, post, streamBody } from './harness.ts'

const stalledMs = 1000

test('a reader that never takes the last words of a broken answer is given up', { timeout: 60_000 }, async () => {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const client = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1' }).pause()
  client.on('error', () => {})
  client.write(post(streamBody))
  try {
    const [, response] = (await once(server, 'request')) as [unknown, ServerResponse]
    const { socket } = response
    assert.ok(socket)
    const clock = new ManualClock()
    let stalledCount = 0
    const reply = new HttpReply(response, clock, {
      stalledMs,
      headers: [],
      fail: () => assert.fail(),
      onStalled: () => stalledCount++,
    })
    reply.begin({ lengthBytes: null, headers: {}, timing: null, marks: null })
    let hasRoom = true
    // Until the kernel takes no more: what is left then is far too little to be called a full buffer.
    while (socket.writableLength === 0) {
      hasRoom = reply.write(Buffer.alloc(4000, 'x'))
      clock.advance(1)
      await pause(0)
    }
    assert.equal(hasRoom, true)
    reply.breakOff()
    clock.advance(100)
    await pause(100)
    assert.equal(socket.destroyed, false, 'time to read was given')
    clock.advance(stalledMs)
    assert.equal(socket.destroyed, true)
    assert.equal(stalledCount, 1, 'and it is told')
    await once(response, 'close')
    assert.equal(clock.timerCount, 0)
  } finally {
    client.destroy()
    server.closeAllConnections()
    server.close()
  }
})
