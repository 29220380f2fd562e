/** The connections of a wire, over real sockets: used again without a race, limited, paused, cancelled, closed. */
import assert from 'node:assert/strict'
import type { LookupFunction, Socket } from 'node:net'
import { describe, test } from 'node:test'
import { idleRaceMsMax } from '../../src/relay/wire/http-connection.ts'
import { answerOf, connectionOf, exchange, HandClock, openWire, rawServer, send, until } from './wire-rig.ts'

const limit = { timeout: 60_000 }
const chunkedHead = 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n'

describe('a connection used again', limit, () => {
  test('by thousands of calls to a server that closes idle ones within 5 ms loses none', async () => {
    let closedCount = 0
    await using server = await rawServer((socket, _request, number) => {
      socket.write(answerOf('fine'))
      const close = () => {
        closedCount++
        socket.end()
      }
      if (number % 3 === 0) close()
      else if (number % 3 === 1) setTimeout(close, Math.floor(Math.random() * 6))
    })
    await using wire = openWire({ url: server.url })
    const failures: string[] = []
    const caller = async (seed: number) => {
      for (let i = 0; i < 500; i++) {
        const { fault, body } = await exchange(wire)
        if (fault !== null || body !== 'fine') failures.push(`${fault?.code} ${fault?.detail}`)
        // Calls fall before, into and after the moment of closing.
        if ((i + seed) % 4 === 0) await new Promise((resolve) => setTimeout(resolve, (i + seed) % 6))
      }
    }
    await Promise.all(Array.from({ length: 8 }, (_, seed) => caller(seed)))
    assert.deepEqual(failures, [])
    assert.ok(closedCount > 500 && server.count > 500, `${closedCount} closed, ${server.count} opened`)
  })

  /** Answers the first request on each connection, then does as told. */
  const second = (serve: (socket: Socket) => void) =>
    rawServer((socket, request, number) => {
      if (number === 1) socket.write(answerOf(`fresh ${request.length - request.indexOf('\r\n\r\n') - 4}`))
      else serve(socket)
    })

  test('is replaced by a fresh one when the server was just closing it', async () => {
    for (const close of [(socket: Socket) => socket.resetAndDestroy(), (socket: Socket) => socket.end()]) {
      await using server = await second(close)
      await using wire = openWire({ url: server.url })
      assert.equal((await exchange(wire)).head?.isReused, false)
      const { head, body, events } = await exchange(wire, {
        body: [Buffer.alloc(40_000, 'x'), Buffer.alloc(30_000, 'y')],
      })
      assert.deepEqual(events, ['head', 'end'])
      assert.deepEqual({ isReused: head?.isReused, body }, { isReused: false, body: 'fresh 70000' })
      assert.equal(server.count, 2)
    }
  })

  test('is not replaced when the server took its time to hang up', async () => {
    const clock = new HandClock()
    await using server = await second((socket) => {
      clock.advance(idleRaceMsMax + 1)
      socket.end()
    })
    await using wire = openWire({ url: server.url, clock })
    await exchange(wire)
    const { fault } = await exchange(wire)
    assert.equal(fault?.code, 'HF_UPSTREAM_RESET')
    assert.match(fault?.detail ?? '', /reused connection/)
    assert.equal(server.count, 1)
  })

  test('is not replaced once a byte of the answer has come', async () => {
    await using server = await second((socket) => socket.end('H'))
    await using wire = openWire({ url: server.url })
    await exchange(wire)
    assert.equal((await exchange(wire)).fault?.code, 'HF_UPSTREAM_CUT')
    assert.equal(server.count, 1)
  })

  test('is replaced once and not again', async () => {
    let isDown = false
    await using server = await rawServer((socket) => {
      if (isDown) socket.end()
      else socket.write(answerOf('up'))
    })
    await using wire = openWire({ url: server.url })
    await exchange(wire)
    isDown = true
    assert.equal((await exchange(wire)).fault?.code, 'HF_UPSTREAM_RESET')
    assert.equal(server.count, 2)
  })

  test('leaves the pool when the server closes it, or sends what nobody asked for', async () => {
    for (const disturb of [
      (socket: Socket) => socket.end(),
      (socket: Socket) => socket.resetAndDestroy(),
      (socket: Socket) => socket.write('?'),
    ]) {
      await using server = await rawServer((socket) => socket.write(answerOf('a')))
      await using wire = openWire({ url: server.url })
      await exchange(wire)
      assert.deepEqual([wire.openCount, wire.idleCount], [1, 1])
      disturb(connectionOf(server) as Socket)
      await until(() => wire.openCount === 0)
      assert.equal(wire.idleCount, 0)
    }
  })

  test('is given up for what comes on it before the next call has been sent: that goes over another', async () => {
    const turns: (() => void)[] = []
    let isHeld = false
    class SlowClock extends HandClock {
      override soon(run: () => void): void {
        if (isHeld) turns.push(run)
        else super.soon(run)
      }
    }
    await using server = await rawServer((socket) => socket.write(answerOf('own')))
    await using wire = openWire({ url: server.url, clock: new SlowClock() })
    await exchange(wire)
    isHeld = true
    const { recorder } = send(wire)
    connectionOf(server)?.write(answerOf('of another'))
    await until(() => server.count === 2 || recorder.isOver)
    isHeld = false
    for (const run of turns) run()
    await recorder.over
    assert.equal(recorder.body, 'own')
  })

  test('is the newest one, and no older than the limits of both sides', async () => {
    const cases = [
      { headers: [], idleMs: 3999, isReused: true },
      { headers: [], idleMs: 4000, isReused: false },
      { headers: ['keep-alive: timeout=3'], idleMs: 1999, isReused: true },
      { headers: ['keep-alive: timeout=3'], idleMs: 2000, isReused: false },
      { headers: ['keep-alive: timeout=1'], idleMs: 499, isReused: true },
      { headers: ['keep-alive: timeout=1'], idleMs: 500, isReused: false },
      { headers: ['keep-alive: timeout=0'], idleMs: 0, isReused: false },
      { headers: ['keep-alive: timeout=60'], idleMs: 4000, isReused: false },
      { headers: ['connection: close'], idleMs: 0, isReused: false },
    ]
    for (const { headers, idleMs, isReused } of cases) {
      const clock = new HandClock()
      await using server = await rawServer((socket) => socket.write(answerOf('a', ...headers)))
      await using wire = openWire({ url: server.url, clock })
      await exchange(wire)
      clock.advance(idleMs)
      assert.equal((await exchange(wire)).head?.isReused, isReused, `${headers.join()} ${idleMs}`)
    }
  })

  test('is closed some time after its limit even when no call comes', async () => {
    const clock = new HandClock()
    await using server = await rawServer((socket) => socket.write(answerOf('a')))
    await using wire = openWire({ url: server.url, clock })
    await exchange(wire)
    clock.advance(6000)
    assert.deepEqual([wire.openCount, clock.timerCount], [0, 0])
  })

  test('is watched again after an answer that ended while its reader was paused', async () => {
    await using server = await rawServer((socket) => socket.write(answerOf('a')))
    await using wire = openWire({ url: server.url, clock: new HandClock() })
    const { recorder, flight } = send(wire)
    recorder.onSlice = () => flight.pause()
    await recorder.over
    assert.equal(wire.idleCount, 1)
    connectionOf(server)?.end()
    await until(() => wire.openCount === 0)
  })
})

describe('a cancelled flight is told nothing more', limit, () => {
  test('while its name is looked up', async () => {
    let answer = () => {}
    const lookup: LookupFunction = (_host, _options, done) => {
      answer = () => done(null, [{ address: '127.0.0.1', family: 4 }])
    }
    await using server = await rawServer((socket) => socket.write(answerOf('a')))
    await using wire = openWire({ url: new URL(`http://x.test:${server.port}`), lookup })
    const { recorder, flight } = send(wire)
    flight.cancel()
    flight.cancel()
    answer()
    await new Promise((resolve) => setTimeout(resolve, 20))
    assert.deepEqual([recorder.events, server.count, wire.openCount, flight.isSent], [[], 0, 0, false])
  })

  test('while it connects', async () => {
    await using server = await rawServer((socket) => socket.write(answerOf('a')))
    await using wire = openWire({ url: server.url })
    const { recorder, flight } = send(wire)
    flight.cancel()
    assert.equal((await exchange(wire)).body, 'a')
    assert.deepEqual([recorder.events, flight.isSent, wire.openCount], [[], false, 1])
  })

  test('within its head, within its body, and after its end', async () => {
    for (const stage of ['head', 'body', 'end']) {
      const closed = Promise.withResolvers<void>()
      await using server = await rawServer((socket) => {
        socket.on('close', closed.resolve)
        socket.write(`${chunkedHead}1\r\na\r\n1\r\nb\r\n0\r\n\r\n`)
      })
      await using wire = openWire({ url: server.url })
      const { recorder, flight } = send(wire)
      if (stage === 'head') {
        const onHead = recorder.onHead.bind(recorder)
        recorder.onHead = (head) => {
          onHead(head)
          flight.cancel()
        }
      }
      if (stage === 'body') recorder.onSlice = () => flight.cancel()
      if (stage === 'end') {
        await recorder.over
        flight.cancel()
        assert.equal(wire.idleCount, 1, 'nothing is left to cancel, so the connection stays')
      } else {
        await closed.promise
        assert.deepEqual([recorder.events, recorder.body], [['head'], stage === 'head' ? '' : 'a'])
        assert.equal(wire.openCount, 0)
      }
    }
  })

  test('while it waits for a connection', async () => {
    const clock = new HandClock()
    await using server = await rawServer(() => {})
    await using wire = openWire({ url: server.url, clock, connectionsMax: 1 })
    const first = send(wire)
    const waiting = send(wire)
    await until(() => first.flight.isSent)
    waiting.flight.cancel()
    assert.equal(clock.timerCount, 0)
    first.flight.cancel()
    assert.deepEqual([waiting.recorder.events, wire.openCount], [[], 0])
  })
})

describe('the limit of connections', limit, () => {
  test('lets calls wait for one that becomes free, in order', async () => {
    await using server = await rawServer((socket, request) =>
      setImmediate(() => socket.write(answerOf(request.toString().slice(-1)))),
    )
    await using wire = openWire({ url: server.url, connectionsMax: 2 })
    const order: string[] = []
    const sent = Array.from('abcdefgh', async (letter) => {
      const { body } = await exchange(wire, { body: [Buffer.from(letter)] })
      assert.equal(body, letter)
      order.push(letter)
    })
    await Promise.all(sent)
    assert.equal(server.count, 2)
    assert.deepEqual(
      order.map((letter) => Math.floor('abcdefgh'.indexOf(letter) / 2)),
      [0, 0, 1, 1, 2, 2, 3, 3],
    )
  })

  test('opens another one for those that wait when one is lost', async () => {
    await using server = await rawServer((socket, request) => {
      if (request.toString().endsWith('!')) socket.end()
      else socket.write(answerOf('a'))
    })
    await using wire = openWire({ url: server.url, connectionsMax: 1 })
    const [lost, next] = await Promise.all([exchange(wire, { body: [Buffer.from('!')] }), exchange(wire)])
    assert.deepEqual([lost?.fault?.code, next?.body, server.count], ['HF_UPSTREAM_RESET', 'a', 2])
  })

  test('lets none wait longer than its time to connect, nor more than the queue holds', async () => {
    const clock = new HandClock()
    await using server = await rawServer(() => {})
    await using wire = openWire({ url: server.url, clock, connectionsMax: 1 })
    const first = send(wire)
    await until(() => first.flight.isSent)
    const waiting = Array.from({ length: 1024 }, () => send(wire, { connectMs: 500 }).recorder)
    const tooMany = await exchange(wire)
    assert.equal(tooMany.fault?.code, 'HF_NO_UPSTREAM')
    assert.ok(waiting.every(({ isOver }) => !isOver))
    clock.advance(500)
    for (const { fault } of waiting) assert.equal(fault?.code, 'HF_NO_UPSTREAM')
    assert.equal(wire.openCount, 1)
  })
})

describe('a paused reader', limit, () => {
  test('makes a flooding server wait, and gets every byte when it goes on', async () => {
    const total = 64 * 2 ** 20
    const block = Buffer.alloc(2 ** 16, 'x')
    await using server = await rawServer((socket) => {
      socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${total}\r\n\r\n`)
      let left = total / block.length
      const flood = () => {
        while (left > 0) {
          left--
          if (!socket.write(block)) {
            socket.once('drain', flood)
            return
          }
        }
      }
      flood()
    })
    await using wire = openWire({ url: server.url })
    let count = 0
    const { recorder, flight } = send(wire)
    recorder.onBody = (bytes) => {
      count += bytes.length
      if (count === bytes.length) flight.pause()
    }
    await recorder.begun
    const accepted = () => (connectionOf(server)?.bytesWritten ?? 0) - (connectionOf(server)?.writableLength ?? 0)
    await until(() => count > 0)
    const got = count
    // The kernel's buffers fill, then nothing moves any more.
    for (let before = -1; before !== accepted(); ) {
      before = accepted()
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    assert.equal(count, got, 'nothing is read while paused')
    assert.ok(got <= 2 ** 16, `${got} bytes after the pause`)
    assert.ok(accepted() < total / 2, `${accepted()} bytes left the server`)
    flight.resume()
    await recorder.over
    assert.deepEqual([recorder.events, count], [['head', 'end'], total])
  })

  test('may pause before the connection is up', async () => {
    await using server = await rawServer((socket) => socket.write(answerOf('a')))
    await using wire = openWire({ url: server.url })
    const { recorder, flight } = send(wire)
    flight.pause()
    await until(() => (connectionOf(server)?.bytesWritten ?? 0) > 0)
    await new Promise((resolve) => setTimeout(resolve, 20))
    assert.deepEqual(recorder.events, [])
    flight.resume()
    await recorder.over
    assert.equal(recorder.body, 'a')
  })
})

test('a wire that is closed ends its flights, closes its connections, and takes no more', limit, async () => {
  await using server = await rawServer((socket, request) => {
    if (request.toString().endsWith('idle')) socket.write(answerOf('a'))
  })
  const wire = openWire({ url: server.url, connectionsMax: 2 })
  const open = send(wire)
  await until(() => open.flight.isSent)
  await exchange(wire, { body: [Buffer.from('idle')] })
  const connecting = send(wire)
  const waiting = send(wire)
  await wire[Symbol.asyncDispose]()
  await wire[Symbol.asyncDispose]()
  for (const { recorder } of [open, connecting, waiting]) assert.equal(recorder.fault?.code, 'HF_CLOSING')
  assert.deepEqual([wire.openCount, wire.idleCount], [0, 0])
  assert.equal((await exchange(wire)).fault?.code, 'HF_CLOSING')
  await until(() => server.sockets.size === 0)
})
