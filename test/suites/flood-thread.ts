/**
 * A flood from many addresses, in a thread of its own: each has a connection over which it sends calls without a good
 * key, whether or not they are answered, and connects anew when it is thrown out.
 */
import { connect, type Socket } from 'node:net'
import { parentPort, workerData } from 'node:worker_threads'

export interface FloodOrder {
  readonly port: number
  readonly addresses: readonly string[]
  /** Of all together. */
  readonly perSecond: number
}

export interface FloodTold {
  offered: number
  connections: number
  /** Answers by status. */
  readonly answers: Record<string, number>
}

const tickMs = 50
const body = '{"model":"m","messages":[{"role":"user","content":"flood"}]}'
const request = [
  'POST /v1/chat/completions HTTP/1.1',
  'host: gateway',
  'content-type: application/json',
  'authorization: Bearer sk-nobody',
  `content-length: ${body.length}`,
  '',
  body,
].join('\r\n')

class Flooder {
  #port: number
  #address: string
  #told: FloodTold
  #socket: Socket | null = null

  constructor(port: number, address: string, told: FloodTold) {
    this.#port = port
    this.#address = address
    this.#told = told
  }

  send(count: number): void {
    const socket = this.#socket ?? this.#connect()
    this.#told.offered += count
    // What is not taken is not kept: the flood must not fill our own memory.
    if (socket.writableLength < 64 * 1024) socket.write(request.repeat(count), 'latin1')
  }

  #connect(): Socket {
    this.#told.connections++
    const socket = connect({ port: this.#port, host: '127.0.0.1', localAddress: this.#address })
    socket.on('error', () => {})
    socket.on('close', () => (this.#socket = null))
    socket.on('data', (bytes) => {
      for (const [, status = ''] of String(bytes).matchAll(/HTTP\/1\.1 (\d{3}) /g))
        this.#told.answers[status] = (this.#told.answers[status] ?? 0) + 1
    })
    this.#socket = socket
    return socket
  }
}

if (parentPort) {
  const { port, addresses, perSecond } = workerData as FloodOrder
  const told: FloodTold = { offered: 0, connections: 0, answers: {} }
  const flooders = addresses.map((address) => new Flooder(port, address, told))
  const parent = parentPort
  parent.on('message', () => parent.postMessage(told, []))
  // Each tick a part of them sends a few, so that all send alike.
  const perTick = (perSecond * tickMs) / 1000
  const each = Math.max(1, Math.round((4 * perTick) / flooders.length))
  const some = Math.min(flooders.length, Math.ceil(perTick / each))
  let next = 0
  let dueMs = performance.now()
  setInterval(() => {
    for (; dueMs <= performance.now(); dueMs += tickMs)
      for (let i = 0; i < some; i++) flooders[next++ % flooders.length]?.send(each)
  }, tickMs / 2)
}
