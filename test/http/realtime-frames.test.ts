// Frames that break the rules, servers that vanish, readers that do not read: how a WebSocket ends that goes wrong.
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { test } from 'node:test'
import { EchoServer, encode } from './echo-sockets.ts'
import { openTestHouse, pause, type TestHouse, until } from './harness.ts'

async function openStage(url: string, more: object = {}): Promise<TestHouse> {
  const only = { url, kind: 'openai' as const, models: ['m'], metrics: false as const }
  return await openTestHouse({ upstreams: { only }, ...more })
}

/** A caller that writes its frames by hand. */
class RawCaller {
  readonly socket: Socket
  heard: Buffer = Buffer.alloc(0)
  isClosed = false

  private constructor(socket: Socket) {
    this.socket = socket
    socket.on('error', () => {})
    socket.on('data', (bytes: Buffer) => void (this.heard = Buffer.concat([this.heard, bytes])))
    socket.on('close', () => void (this.isClosed = true))
  }

  static async join(house: TestHouse): Promise<RawCaller> {
    const caller = new RawCaller(connect({ host: '127.0.0.1', port: house.port }))
    const lines = ['GET /v1/realtime?model=m HTTP/1.1', 'host: a', 'connection: Upgrade', 'upgrade: websocket']
    const more = ['sec-websocket-version: 13', 'sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==', '', '']
    caller.socket.write([...lines, ...more].join('\r\n'))
    await until('to be joined', () => caller.heard.includes('\r\n\r\n'))
    assert.match(
      caller.heard.toString('latin1'),
      /^HTTP\/1.1 101 .*sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=/s,
    )
    caller.heard = caller.heard.subarray(caller.heard.indexOf('\r\n\r\n') + 4)
    return caller
  }

  /** Code and reason of the close frame with which all ends; null where there is none. */
  async end(): Promise<{ code: number; reason: string } | null> {
    await until('the end', () => this.isClosed)
    const at = this.heard.lastIndexOf(0x88)
    const last = at === -1 ? null : this.heard.subarray(at)
    if (!last || last.length < 4 || last.length !== 2 + (last[1] as number)) return null
    return { code: last.readUInt16BE(2), reason: last.toString('latin1', 4) }
  }
}

/** As a client sends it, with a mask of zeros. */
function masked(first: number, payload: Buffer): Buffer {
  const frame = encode(0, payload)
  frame[0] = first
  frame[1] = (frame[1] as number) | 0x80
  const at = frame.length - payload.length
  return Buffer.concat([frame.subarray(0, at), Buffer.alloc(4), payload])
}

test('a caller whose frames break the rules is told so; what came before them has arrived', async () => {
  await using echo = await EchoServer.open()
  await using house = await openStage(echo.url, { limits: { bodyBytesMax: 100_000 } })
  const good = masked(0x81, Buffer.from('good'))
  const bad: [bytes: Buffer, code: number][] = [
    [encode(1, Buffer.from('without a mask')), 1002],
    [masked(0xc1, Buffer.from('packed')), 1002],
    [masked(0x83, Buffer.from('x')), 1002],
    [masked(0x80, Buffer.from('x')), 1002],
    [masked(0x89, Buffer.alloc(126)), 1002],
    [masked(0x82, Buffer.alloc(100_001)), 1009],
  ]
  for (const [bytes, code] of bad) {
    const caller = await RawCaller.join(house)
    caller.socket.write(good)
    await until('the answer', () => caller.heard.includes('good'))
    caller.socket.write(bytes)
    assert.deepEqual(await caller.end(), { code, reason: 'HF_BAD_HTTP' })
    caller.socket.destroy()
  }
  await until('all to be let go', () => echo.sockets.size === 0)
  await until('the accounts', () => house.accounts.length === bad.length)
  assert.ok(house.accounts.every(({ code, status }) => code === 'HF_BAD_HTTP' && status === 101))
})

test('an upstream that leaves without a word: 1014 between frames, a broken connection within one', async () => {
  await using echo = await EchoServer.open()
  await using house = await openStage(echo.url)
  const between = await RawCaller.join(house)
  for (const each of echo.sockets) each.destroy()
  assert.deepEqual(await between.end(), { code: 1014, reason: 'HF_UPSTREAM_CUT' })
  assert.match(between.heard.toString('latin1'), /"type":"error".*"cause":"HF_UPSTREAM_CUT"/)
  await until('the account', () => house.accounts.length === 1)
  assert.deepEqual([house.accounts[0]?.outcome, house.accounts[0]?.code], ['failed', 'HF_UPSTREAM_CUT'])

  const within = new WebSocket(`ws://127.0.0.1:${house.port}/v1/realtime?model=m`)
  await once(within, 'open')
  const [server] = echo.sockets
  server?.write(encode(1, Buffer.alloc(1000, 'a')).subarray(0, 500))
  await pause(20)
  const closed = once(within, 'close') as Promise<[CloseEvent]>
  server?.destroy()
  const [{ code, wasClean }] = await closed
  assert.deepEqual([code, wasClean], [1006, false])
})

test('an upstream whose frames break the rules is let go, and the caller is told whose fault it was', async () => {
  await using echo = await EchoServer.open()
  await using house = await openStage(echo.url)
  const caller = await RawCaller.join(house)
  const [server] = echo.sockets
  server?.write(Buffer.concat([encode(1, Buffer.from('good')), masked(0x81, Buffer.from('bad'))]))
  assert.deepEqual(await caller.end(), { code: 1014, reason: 'HF_UPSTREAM_GARBLED' })
  assert.ok(caller.heard.includes('good') && !caller.heard.includes('bad'))
  await until('it to be let go', () => echo.sockets.size === 0)
})

test('codes and reasons of others pass as they are', async () => {
  await using echo = await EchoServer.open()
  await using house = await openStage(echo.url)
  const socket = new WebSocket(`ws://127.0.0.1:${house.port}/v1/realtime?model=m`)
  await once(socket, 'open')
  const closed = once(socket, 'close') as Promise<[CloseEvent]>
  const [server] = echo.sockets
  server?.write(encode(8, Buffer.concat([Buffer.from([0x0f, 0xa5]), Buffer.from('session_expired')])))
  const [{ code, reason, wasClean }] = await closed
  assert.deepEqual([code, reason, wasClean], [4005, 'session_expired', true])
  await until('the account', () => house.accounts.length === 1)
  assert.equal(house.accounts[0]?.outcome, 'complete')
})

test('a caller that vanishes is noticed, and the upstream let go', async () => {
  await using echo = await EchoServer.open()
  await using house = await openStage(echo.url)
  const reset = await RawCaller.join(house)
  reset.socket.write(masked(0x81, Buffer.alloc(100)).subarray(0, 50))
  reset.socket.resetAndDestroy()
  await until('the upstream to be let go', () => echo.sockets.size === 0)
  const half = await RawCaller.join(house)
  half.socket.end()
  await until('the upstream to be let go', () => echo.sockets.size === 0)
  half.socket.destroy()
  await until('the accounts', () => house.accounts.length === 2)
})

test('a reader that takes nothing holds up its upstream, not memory', async () => {
  await using echo = await EchoServer.open()
  await using house = await openStage(echo.url)
  const caller = await RawCaller.join(house)
  caller.socket.pause()
  const [server] = echo.sockets
  const frame = encode(2, Buffer.alloc(2 ** 18))
  const wholeBytes = 200 * 2 ** 20
  let lastBytes = -1
  // Until nothing moves any more: what lies between is in buffers of the system, some megabytes each.
  for (let round = 0; round < 200 && server && lastBytes !== server.bytesWritten - server.writableLength; round++) {
    lastBytes = server.bytesWritten - server.writableLength
    while (!server.writableNeedDrain && server.bytesWritten < wholeBytes) server.write(frame)
    await pause(50)
  }
  assert.ok(lastBytes < 64 * 2 ** 20, `${lastBytes} bytes were taken`)
  caller.socket.resume()
  const before = caller.heard.length
  await until('it to go on', () => caller.heard.length > before + 2 ** 20)
  caller.socket.destroy()
})

/** A server that joins, says half a frame and waits to be killed. */
const halfServer = `
  const { createServer } = require('node:http')
  const { createHash } = require('node:crypto')
  const server = createServer()
  server.on('upgrade', (request, socket) => {
    const key = request.headers['sec-websocket-key'] + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
    const accept = createHash('sha1').update(key).digest('base64')
    const head = ['HTTP/1.1 101 X', 'upgrade: websocket', 'connection: Upgrade', 'sec-websocket-accept: ' + accept]
    socket.write(head.join('\\r\\n') + '\\r\\n\\r\\n')
    socket.write(Buffer.from('8105' + '77686f6c65' + '8178' + '68616c66', 'hex'))
  })
  server.listen(0, '127.0.0.1', () => console.log(server.address().port))`

test('an upstream that is killed within a frame: no end that looks like one', async () => {
  const child: ChildProcess = spawn(process.execPath, ['-e', halfServer], { stdio: ['ignore', 'pipe', 'inherit'] })
  try {
    const [port] = (await once(child.stdout as NodeJS.ReadableStream, 'data')) as [Buffer]
    await using house = await openStage(`http://127.0.0.1:${Number(port.toString())}/v1`)
    const socket = new WebSocket(`ws://127.0.0.1:${house.port}/v1/realtime?model=m`)
    const heard: string[] = []
    socket.addEventListener('message', ({ data }: MessageEvent) => heard.push(String(data)))
    await until('the first message', () => heard.length === 1)
    const closed = once(socket, 'close') as Promise<[CloseEvent]>
    child.kill('SIGKILL')
    const [{ code, wasClean }] = await closed
    assert.deepEqual([heard, code, wasClean], [['whole'], 1006, false])
    await until('the account', () => house.accounts.length === 1)
    assert.equal(house.accounts[0]?.code, 'HF_UPSTREAM_CUT')
  } finally {
    child.kill('SIGKILL')
  }
})
