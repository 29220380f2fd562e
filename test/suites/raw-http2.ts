/** HTTP/2 by hand: frames that no client library would send. Headers are literal, without Huffman’s code or index. */
import { connect, type Socket } from 'node:net'

export const frame = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  ping: 6,
  goaway: 7,
  window: 8,
  continuation: 9,
} as const
export const flag = { none: 0, end: 1, endHeaders: 4 } as const
/** RFC 9113, section 7. */
export const enhanceYourCalm = 11

const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'

export function frameOf(type: number, flags: number, stream: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}

type Line = readonly [name: string, value: string]

/** RFC 7541, section 6.2.2, for lines of less than 16 KiB. */
export function headerBlock(lines: readonly Line[]): Buffer {
  return Buffer.concat(lines.flatMap(([name, value]) => [Buffer.of(0), textOf(name), textOf(value)]))
}

function textOf(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1')
  if (bytes.length < 127) return Buffer.concat([Buffer.of(bytes.length), bytes])
  const rest = bytes.length - 127
  return Buffer.concat([Buffer.of(127, (rest & 127) | 128, rest >> 7), bytes])
}

export const u32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

/** A connection that has said its preface; keeps the code of the word that ends it. */
export class RawHttp2 implements Disposable {
  readonly socket: Socket
  /** Of the GOAWAY that came; null while none has. */
  goaway: number | null = null
  isClosed = false
  /** Heads of answers that came. */
  headCount = 0
  /** Streams that the other side has reset. */
  resetCount = 0
  #held: Buffer = Buffer.alloc(0)
  #onClosed: (() => void)[] = []

  /** `from`: an address of 127.0.0.0/8; `isReading`: else all that comes is left with the system. */
  constructor(port: number, from = '127.0.0.1', isReading = true) {
    this.socket = connect({ port, host: '127.0.0.1', localAddress: from, noDelay: true })
    this.socket.on('error', () => {})
    this.socket.on('close', () => {
      this.isClosed = true
      for (const run of this.#onClosed) run()
    })
    if (isReading) this.socket.on('data', (bytes) => this.#read(bytes as Buffer))
    this.write(Buffer.concat([Buffer.from(preface), frameOf(frame.settings, flag.none, 0)]))
  }

  write(bytes: Buffer): boolean {
    return !this.isClosed && this.socket.write(bytes)
  }

  /** Resolves when the connection has ended, or after `ms`. */
  ended(ms: number): Promise<void> {
    if (this.isClosed) return Promise.resolve()
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms)
      this.#onClosed.push(() => {
        clearTimeout(timer)
        resolve()
      })
    })
  }

  /** Resolves when more may be written, or nothing can be any more. */
  drained(): Promise<void> {
    if (this.isClosed || !this.socket.writableNeedDrain) return Promise.resolve()
    return new Promise((resolve) => {
      this.socket.once('drain', resolve)
      this.#onClosed.push(resolve)
    })
  }

  #read(bytes: Buffer): void {
    let held = this.#held.length === 0 ? bytes : Buffer.concat([this.#held, bytes])
    while (held.length >= 9) {
      const size = 9 + held.readUIntBE(0, 3)
      if (held.length < size) break
      const type = held[3]
      if (type === frame.goaway) this.goaway = held.readUInt32BE(13)
      else if (type === frame.headers) this.headCount++
      else if (type === frame.reset) this.resetCount++
      held = held.subarray(size)
    }
    this.#held = held
  }

  [Symbol.dispose](): void {
    this.socket.destroy()
  }
}

/** The lines of a call; `more` stand behind them, in the place of those of the same name. */
export function callLines(lengthBytes: number | null, more: readonly Line[] = []): Line[] {
  const lines: Line[] = [
    [':method', 'POST'],
    [':scheme', 'http'],
    [':path', '/v1/chat/completions'],
    [':authority', 'a'],
    ['content-type', 'application/json'],
    ...(lengthBytes === null ? [] : [['content-length', String(lengthBytes)] as const]),
  ]
  return [...lines.filter(([name]) => !more.some(([other]) => other === name)), ...more]
}
