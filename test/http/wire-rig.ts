/** What the tests of the wire stand on: a clock moved by hand, servers that write raw bytes, a recorder of a flight. */
import { spawn } from 'node:child_process'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { after } from 'node:test'
import type { Fault } from '../../src/fault/fault.ts'
import { systemClock, type Clock, type Timer } from '../../src/ground/clock.ts'
import { openHttpWire, type HttpWireOptions } from '../../src/relay/wire/http-wire.ts'
import type { Flight, Wire, WireHead, WireReceiver, WireRequest } from '../../src/relay/wire/wire.ts'

/** What tests opened: a test that runs out of time closes nothing itself, and must not keep the process alive. */
const opened = new Set<AsyncDisposable>()
after(async () => {
  await Promise.all([...opened].map(async (each) => each[Symbol.asyncDispose]()))
})

/** Stands still until told to go on. */
export class HandClock implements Clock {
  #nowMs = 1_000_000
  #timers = new Set<{ atMs: number; run: () => void }>()
  nowMs(): number {
    return this.#nowMs
  }
  monotonicMs(): number {
    return this.#nowMs
  }
  after(delayMs: number, run: () => void): Timer {
    const timer = { atMs: this.#nowMs + delayMs, run }
    this.#timers.add(timer)
    const cancel = () => void this.#timers.delete(timer)
    return { cancel, [Symbol.dispose]: cancel }
  }
  every(): Timer {
    throw new Error('not used by the wire')
  }
  soon(run: () => void): void {
    setImmediate(run)
  }
  /** Goes on and runs what has become due, in the order of its times. */
  advance(byMs: number): void {
    const untilMs = this.#nowMs + byMs
    for (;;) {
      const due = [...this.#timers].filter(({ atMs }) => atMs <= untilMs).sort((a, b) => a.atMs - b.atMs)[0]
      if (!due) break
      this.#timers.delete(due)
      this.#nowMs = due.atMs
      due.run()
    }
    this.#nowMs = untilMs
  }
  get timerCount(): number {
    return this.#timers.size
  }
}

/** A TCP server on a free port of 127.0.0.1; everything is closed at disposal. */
export class RawServer implements AsyncDisposable {
  readonly server: Server
  readonly sockets = new Set<Socket>()
  /** Connections ever taken. */
  count = 0
  constructor(server: Server) {
    this.server = server
    server.on('connection', (socket: Socket) => {
      this.count++
      this.sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => this.sockets.delete(socket))
    })
  }
  get port(): number {
    return (this.server.address() as AddressInfo).port
  }
  get url(): URL {
    return new URL(`http://127.0.0.1:${this.port}`)
  }
  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.sockets) socket.destroy()
    if (this.server.listening) await new Promise((resolve) => this.server.close(resolve))
  }
}

/** Calls `serve` for each request (bytes up to the end of head and body); `number` counts from 1 on each connection. */
export async function rawServer(
  serve: (socket: Socket, request: Buffer, number: number) => void,
  port = 0,
  host = '127.0.0.1',
): Promise<RawServer> {
  const server = createServer((socket) => {
    let pending = Buffer.alloc(0)
    let number = 0
    socket.on('data', (bytes: Buffer) => {
      pending = Buffer.concat([pending, bytes])
      const size = requestSize(pending)
      if (size === null || pending.length < size) return
      const request = pending.subarray(0, size)
      pending = pending.subarray(size)
      serve(socket, request, ++number)
    })
  })
  return listen(server, port, host)
}

/** Calls `serve` for each connection. */
export async function socketServer(serve: (socket: Socket) => void): Promise<RawServer> {
  return listen(createServer(serve))
}

export async function listen(server: Server, port = 0, host = '127.0.0.1'): Promise<RawServer> {
  const raw = new RawServer(server)
  opened.add(raw)
  await new Promise<void>((resolve) => server.listen(port, host, resolve))
  return raw
}

/** A port whose accept queue is full: a process that listens, and is stopped. Null where the system lets all in. */
export async function blackHole(): Promise<(AsyncDisposable & { port: number }) | null> {
  const script = "require('net').createServer().listen(0,'127.0.0.1',1,function(){console.log(this.address().port)})"
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  const fillers: Socket[] = []
  const dispose = async () => {
    for (const filler of fillers) filler.destroy()
    const gone = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await gone
  }
  const port = await new Promise<number>((resolve) => child.stdout.once('data', (text) => resolve(Number(text))))
  child.kill('SIGSTOP')
  for (let i = 0; i < 8; i++) {
    const filler = connect({ port, host: '127.0.0.1' }).on('error', () => {})
    fillers.push(filler)
    const isUp = await Promise.race([
      new Promise<boolean>((resolve) => filler.once('connect', () => resolve(true))),
      new Promise<boolean>((resolve) => setTimeout(resolve, 300, false)),
    ])
    if (!isUp) return { port, [Symbol.asyncDispose]: dispose }
  }
  await dispose()
  return null
}

/** The one connection that is open. */
export function connectionOf(server: RawServer): Socket | undefined {
  return [...server.sockets][0]
}

function requestSize(bytes: Buffer): number | null {
  const end = bytes.indexOf('\r\n\r\n')
  if (end === -1) return null
  const length = /content-length: (\d+)/.exec(bytes.toString('latin1', 0, end))
  return end + 4 + Number(length?.[1] ?? 0)
}

/** An answer with a content-length. */
export function answerOf(body: string, ...headers: string[]): string {
  return ['HTTP/1.1 200 OK', ...headers, `content-length: ${Buffer.byteLength(body)}`, '', body].join('\r\n')
}

export function openWire(options: Partial<HttpWireOptions> & Pick<HttpWireOptions, 'url'>): Wire {
  const wire = openHttpWire({ clock: systemClock, ...options })
  opened.add(wire)
  return wire
}

/** Records what a receiver is told, and complains of what the contract forbids. */
export class Recorder implements WireReceiver {
  readonly events: string[] = []
  readonly pieces: Buffer[] = []
  head: WireHead | null = null
  fault: Fault | null = null
  /** Set to look at each slice of the body as it comes. */
  onSlice: (bytes: Buffer) => void = () => {}
  readonly #over = Promise.withResolvers<void>()
  readonly #begun = Promise.withResolvers<void>()

  onHead(head: WireHead): void {
    if (this.head !== null || this.isOver) throw new Error('a second head')
    this.head = head
    this.events.push('head')
    this.#begun.resolve()
  }
  onBody(bytes: Buffer): void {
    if (this.head === null || this.isOver) throw new Error('a body out of turn')
    this.pieces.push(Buffer.from(bytes))
    this.onSlice(bytes)
  }
  onEnd(): void {
    if (this.head === null || this.isOver) throw new Error('an end out of turn')
    this.events.push('end')
    this.#over.resolve()
  }
  onFail(fault: Fault): void {
    if (this.isOver) throw new Error('a failure out of turn')
    this.fault = fault
    this.events.push('fail')
    this.#over.resolve()
  }
  get isOver(): boolean {
    return this.events.at(-1) === 'end' || this.events.at(-1) === 'fail'
  }
  get body(): string {
    return Buffer.concat(this.pieces).toString('latin1')
  }
  /** Settles at the end or at the failure. */
  get over(): Promise<void> {
    return this.#over.promise
  }
  /** Settles at the head. */
  get begun(): Promise<void> {
    return this.#begun.promise
  }
}

export const post: WireRequest = {
  method: 'POST',
  path: '/v1/chat/completions',
  headers: { 'content-type': 'application/json' },
  body: [Buffer.from('{"model":"m"}')],
  connectMs: 20_000,
}

export interface Sent {
  readonly recorder: Recorder
  readonly flight: Flight
}

export function send(wire: Wire, request: Partial<WireRequest> = {}): Sent {
  const recorder = new Recorder()
  return { recorder, flight: wire.send({ ...post, ...request }, recorder) }
}

/** Sends and waits for the end or the failure. */
export async function exchange(wire: Wire, request: Partial<WireRequest> = {}): Promise<Recorder> {
  const { recorder } = send(wire, request)
  await recorder.over
  return recorder
}

/** Waits until it is so, looking again at each turn of the loop; the test's own time limit bounds it. */
export async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 1))
}
