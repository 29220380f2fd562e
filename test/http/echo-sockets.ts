/** A model server of the realtime API that says everything back, in frames of its own. */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Socket } from 'node:net'

export class EchoServer implements AsyncDisposable {
  readonly server: Server = createServer((_, response) => response.writeHead(404).end())
  readonly requests: IncomingMessage[] = []
  readonly sockets: Set<Socket> = new Set()
  /** What its answer to a key is made of. */
  guid = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
  /** Status of its refusals; null while it takes everybody. */
  refusal: number | null = null
  /** It names no protocol, whatever is offered. */
  isSilent = false

  static async open(): Promise<EchoServer> {
    const echo = new EchoServer()
    echo.server.on('upgrade', (request: IncomingMessage, socket: Socket) => echo.#join(request, socket))
    echo.server.listen(0, '127.0.0.1')
    await once(echo.server, 'listening')
    return echo
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/v1`
  }

  #join(request: IncomingMessage, socket: Socket): void {
    this.requests.push(request)
    socket.on('error', () => {})
    if (this.refusal !== null) {
      socket.end(`HTTP/1.1 ${this.refusal} No\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}`)
      return
    }
    this.sockets.add(socket)
    socket.on('close', () => this.sockets.delete(socket))
    socket.on('end', () => socket.end())
    const accept = createHash('sha1').update(`${request.headers['sec-websocket-key']}${this.guid}`).digest('base64')
    const [protocol] = (request.headers['sec-websocket-protocol'] ?? '').split(', ')
    const head = ['HTTP/1.1 101 Switching Protocols', 'upgrade: websocket', 'connection: Upgrade']
    const told = [
      ...head,
      `sec-websocket-accept: ${accept}`,
      ...(protocol && !this.isSilent ? [`sec-websocket-protocol: ${protocol}`] : []),
    ]
    socket.write(`${told.join('\r\n')}\r\n\r\n`)
    let held: Buffer = Buffer.alloc(0)
    socket.on('data', (bytes: Buffer) => {
      held = Buffer.concat([held, bytes])
      for (let frame = take(held); frame; frame = take(held)) {
        held = held.subarray(frame.bytes)
        if (frame.opcode === 8) return void socket.end(Buffer.from([0x88, 0]))
        if (!socket.write(encode(frame.opcode, frame.payload))) socket.pause()
      }
    })
    socket.on('drain', () => socket.resume())
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.sockets) socket.destroy()
    this.server.closeAllConnections()
    await new Promise((resolve) => this.server.close(resolve))
  }
}

interface Frame {
  readonly opcode: number
  readonly payload: Buffer
  readonly bytes: number
}

/** The first whole frame of a client; null while it has not come. */
function take(held: Buffer): Frame | null {
  if (held.length < 2) return null
  const short = (held[1] as number) & 0x7f
  const at = short === 126 ? 4 : short === 127 ? 10 : 2
  if (held.length < at + 4) return null
  const length = short === 126 ? held.readUInt16BE(2) : short === 127 ? Number(held.readBigUInt64BE(2)) : short
  const bytes = at + 4 + length
  if (held.length < bytes) return null
  const mask = held.subarray(at, at + 4)
  const payload = Buffer.from(held.subarray(at + 4, bytes).map((byte, i) => byte ^ (mask[i % 4] as number)))
  return { opcode: (held[0] as number) & 15, payload, bytes }
}

export function encode(opcode: number, payload: Buffer): Buffer {
  const { length } = payload
  const head =
    length < 126
      ? Buffer.from([0x80 | opcode, length])
      : length < 65_536
        ? Buffer.from([0x80 | opcode, 126, length >> 8, length & 255])
        : Buffer.from([
            0x80 | opcode,
            127,
            0,
            0,
            0,
            0,
            length >>> 24,
            (length >> 16) & 255,
            (length >> 8) & 255,
            length & 255,
          ])
  return Buffer.concat([head, payload])
}
