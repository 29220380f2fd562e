/**
 * Is our own connection to model servers worth having? CPU of this process per unary request and per streamed chunk,
 * the wire against undici's `Pool.dispatch`, the same server (in a process of its own), rounds taking turns.
 *
 *     node bench/wire-micro.ts [rounds, default 7]
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { createServer, type Socket } from 'node:net'
import { Pool } from 'undici'
import { SseSplitter } from '../src/dialect/sse-splitter.ts'
import { systemClock } from '../src/ground/clock.ts'
import { HttpParser } from '../src/relay/wire/http-parser.ts'
import { openHttpWire } from '../src/relay/wire/http-wire.ts'
import { median, quantile } from './statistics.ts'

const unaryCount = 20_000
const unaryLanes = 32
const streamCount = 100
const chunksPerStream = 100
const chunkPeriodMs = 20
const body = Buffer.alloc(1024, 'q')
const event = `data: ${JSON.stringify({ id: 'chatcmpl-1', choices: [{ delta: { content: 'word ' } }] }).padEnd(192)}\n\n`

/** One of the two; calls `done` when the answer is complete. `onChunk` gets each slice of the body. */
interface Contender {
  readonly name: string
  ask(path: string, onChunk: (bytes: Buffer) => void, done: () => void): void
  close(): Promise<void>
}

function wireContender(url: URL): Contender {
  const wire = openHttpWire({ url, clock: systemClock })
  const headers = { 'content-type': 'application/json', accept: 'text/event-stream', authorization: 'Bearer k' }
  return {
    name: 'wire',
    ask: (path, onChunk, done) => {
      const onFail = (fault: Error) => {
        throw fault
      }
      wire.send(
        { method: 'POST', path, headers, body: [body], connectMs: 5000 },
        { onHead: () => {}, onBody: onChunk, onEnd: done, onFail },
      )
    },
    close: async () => wire[Symbol.asyncDispose](),
  }
}

function undiciContender(url: URL): Contender {
  const pool = new Pool(url, { connections: 1024, headersTimeout: 0, bodyTimeout: 0 })
  const headers = { 'content-type': 'application/json', accept: 'text/event-stream', authorization: 'Bearer k' }
  return {
    name: 'undici',
    ask: (path, onChunk, done) => {
      pool.dispatch(
        { method: 'POST', path, headers, body },
        {
          onRequestStart: () => {},
          onResponseStart: () => {},
          onResponseData: (_controller, bytes) => onChunk(bytes),
          onResponseEnd: done,
          onResponseError: (_controller, error) => {
            throw error
          },
        },
      )
    },
    close: async () => pool.destroy(),
  }
}

/** The server's side: a sized answer of 1 KiB, or a chunked stream of events at a steady pace. */
function serve(): void {
  const whole = `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ndate: now\r\ncontent-length: 1024\r\n\r\n${'a'.repeat(1024)}`
  const head = 'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ndate: now\r\ntransfer-encoding: chunked\r\n\r\n'
  const frame = `${event.length.toString(16)}\r\n${event}\r\n`
  const streams = new Map<Socket, number>()
  setInterval(() => {
    for (const [socket, left] of streams) {
      socket.write(left > 0 ? frame : '0\r\n\r\n')
      if (left > 0) streams.set(socket, left - 1)
      else streams.delete(socket)
    }
  }, chunkPeriodMs)
  const server = createServer({ noDelay: true }, (socket) => {
    socket.on('error', () => streams.delete(socket))
    let bytesLeft = 0
    socket.on('data', (bytes: Buffer) => {
      // A request of the bench: a head in one piece, then 1 KiB.
      if (bytesLeft === 0) bytesLeft = bytes.indexOf('\r\n\r\n') + 4 + body.length
      bytesLeft -= bytes.length
      if (bytesLeft > 0) return
      if (bytes.includes('/sse')) {
        socket.write(head)
        streams.set(socket, chunksPerStream)
      } else socket.write(whole)
    })
  })
  server.listen(0, '127.0.0.1', () => process.send?.((server.address() as { port: number }).port))
  process.on('disconnect', () => process.exit())
}

/** CPU microseconds of this process, user and system, while `run` goes on. */
async function cpuUs(run: () => Promise<void>): Promise<number> {
  const from = process.cpuUsage()
  await run()
  const { user, system } = process.cpuUsage(from)
  return user + system
}

async function unaryUs(contender: Contender): Promise<number> {
  let asked = 0
  let bytesSeen = 0
  const lane = async () =>
    new Promise<void>((resolve) => {
      const next = () => {
        if (asked++ >= unaryCount) resolve()
        else contender.ask('/unary', (bytes) => void (bytesSeen += bytes.length), next)
      }
      next()
    })
  const us = await cpuUs(async () => void (await Promise.all(Array.from({ length: unaryLanes }, lane))))
  if (bytesSeen !== unaryCount * 1024) throw new Error(`${contender.name} lost bytes`)
  return us / unaryCount
}

async function chunkUs(contender: Contender): Promise<number> {
  let events = 0
  const stream = async () =>
    new Promise<void>((resolve) => {
      const splitter = new SseSplitter(() => void events++)
      contender.ask('/sse', (bytes) => splitter.push(bytes), resolve)
    })
  const us = await cpuUs(async () => void (await Promise.all(Array.from({ length: streamCount }, stream))))
  if (events !== streamCount * chunksPerStream) throw new Error(`${contender.name} lost events`)
  return us / events
}

/** What of a chunk's cost is ours alone: parser and splitter without a socket. */
function parseUs(): number {
  const frame = Buffer.from(`${event.length.toString(16)}\r\n${event}\r\n`)
  const count = 300_000
  const splitter = new SseSplitter(() => {})
  const parser = new HttpParser({ onHead: () => {}, onBody: (bytes) => splitter.push(bytes), onEnd: () => {} })
  parser.push(Buffer.from('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n'))
  const from = performance.now()
  for (let i = 0; i < count; i++) parser.push(frame)
  return ((performance.now() - from) * 1000) / count
}

function print(what: string, names: readonly string[], rounds: readonly (readonly number[])[]): void {
  names.forEach((name, index) => {
    const values = rounds.map((round) => round[index] ?? Number.NaN)
    const [low, high] = [quantile(values, 0.25), quantile(values, 0.75)]
    console.log(
      `${what.padEnd(14)} ${name.padEnd(8)} ${median(values).toFixed(1)} µs  (${low.toFixed(1)}–${high.toFixed(1)})`,
    )
  })
  const ratios = rounds.map(([mine = Number.NaN, its = Number.NaN]) => its / mine)
  console.log(`${what.padEnd(14)} undici costs ${median(ratios).toFixed(2)} times the wire's, median of the rounds`)
}

async function measure(roundCount: number): Promise<void> {
  const child: ChildProcess = spawn(process.execPath, [import.meta.filename, 'serve'], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const port = await new Promise<number>((resolve) => child.once('message', (message) => resolve(Number(message))))
  const url = new URL(`http://127.0.0.1:${port}`)
  const contenders = [wireContender(url), undiciContender(url)]
  const names = contenders.map(({ name }) => name)
  for (const [what, unit] of [
    ['per request', unaryUs],
    ['per chunk', chunkUs],
  ] as const) {
    const rounds: number[][] = []
    for (let round = -1; round < roundCount; round++) {
      const figures: number[] = []
      for (const index of round % 2 === 0 ? [0, 1] : [1, 0]) figures[index] = await unit(contenders[index] as Contender)
      if (round >= 0) rounds.push(figures) // the first one warms up
    }
    print(what, names, rounds)
  }
  parseUs()
  console.log(`parser and splitter alone, per chunk of ${event.length} bytes: ${parseUs().toFixed(2)} µs`)
  for (const contender of contenders) await contender.close()
  child.disconnect()
}

if (process.argv[2] === 'serve') serve()
else await measure(Number(process.argv[2] ?? 7))
