/**
 * A flood from many addresses, in a thread of its own: each has a connection over which it sends requests, whether or
 * not they are answered, and connects anew when it is thrown out; or it holds as many silent connections as it can get.
 */
import { connect, type Socket } from 'node:net'
import { parentPort, workerData } from 'node:worker_threads'

export interface FloodOrder {
  readonly port: number
  readonly addresses: readonly string[]
  /** The request that is sent; empty for connections that are only held. */
  readonly request: string
  /** Requests of all together; of silent connections, how many are opened. */
  readonly perSecond: number
  /** Connections that all hold together. */
  readonly connectionsMax: number
}

export interface FloodTold {
  offered: number
  connections: number
  /** Open now. */
  open: number
  /** Answers by status. */
  readonly answers: Record<string, number>
}

const tickMs = 50

class Flooder {
  #order: FloodOrder
  #address: string
  #told: FloodTold
  #socket: Socket | null = null

  constructor(order: FloodOrder, address: string, told: FloodTold) {
    this.#order = order
    this.#address = address
    this.#told = told
  }

  send(count: number): void {
    const socket = this.#socket ?? this.#connect()
    this.#told.offered += count
    // What is not taken is not kept: the flood must not fill our own memory.
    if (socket.writableLength < 64 * 1024) socket.write(this.#order.request.repeat(count), 'latin1')
  }

  /** One more that says nothing. */
  hold(): void {
    this.#told.offered++
    this.#connect()
  }

  #connect(): Socket {
    const told = this.#told
    told.connections++
    told.open++
    const socket = connect({ port: this.#order.port, host: '127.0.0.1', localAddress: this.#address })
    socket.on('error', () => {})
    socket.on('close', () => {
      told.open--
      this.#socket = null
    })
    socket.on('data', (bytes) => {
      for (const [, status = ''] of String(bytes).matchAll(/HTTP\/1\.1 (\d{3}) /g))
        told.answers[status] = (told.answers[status] ?? 0) + 1
    })
    this.#socket = socket
    return socket
  }
}

if (parentPort) {
  const order = workerData as FloodOrder
  const { addresses, perSecond, request, connectionsMax } = order
  const told: FloodTold = { offered: 0, connections: 0, open: 0, answers: {} }
  const flooders = addresses.map((address) => new Flooder(order, address, told))
  const parent = parentPort
  parent.on('message', () => parent.postMessage(told, []))
  // Each tick a part of them sends a few, so that all send alike.
  const perTick = (perSecond * tickMs) / 1000
  const each = request === '' ? 1 : Math.max(1, Math.round((4 * perTick) / flooders.length))
  const some = request === '' ? perTick : Math.min(flooders.length, Math.ceil(perTick / each))
  let next = 0
  let dueMs = performance.now()
  setInterval(() => {
    for (; dueMs <= performance.now(); dueMs += tickMs)
      for (let i = 0; i < some; i++) {
        const flooder = flooders[next++ % flooders.length]
        if (request !== '') flooder?.send(each)
        else if (told.open < connectionsMax) flooder?.hold()
      }
  }, tickMs / 2)
}
