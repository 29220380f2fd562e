/** Sends bytes and takes down all that comes back until the connection ends, however the end is told. */
import { connect, type Socket } from 'node:net'

export interface Heard {
  /** 0 where there was no answer. */
  readonly status: number
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>
  /** Without the framing, as far as it came. */
  readonly body: string
  /** It came to the end that its framing tells. */
  readonly isWhole: boolean
  /** We had no more patience. */
  readonly isGivenUp?: boolean
}

export interface HearOptions {
  readonly port: number
  /** Written one after the other, so many milliseconds apart. */
  readonly pieces: readonly (string | Buffer)[]
  readonly pieceMs?: number
  /** Given up after this. */
  readonly patienceMs: number
  /** Told of all that has come so far; true hangs up. */
  readonly onBytes?: (text: string) => boolean
}

const nothing: Heard = { status: 0, headers: {}, body: '', isWhole: false }
const receivedMax = 4 * 2 ** 20

/** Never rejects: who is refused a connection has heard nothing. */
export function hear({ port, pieces, pieceMs = 0, patienceMs, onBytes }: HearOptions): Promise<Heard> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true })
    const received: Buffer[] = []
    let size = 0
    let isGivenUp = false
    const late = setTimeout(() => {
      isGivenUp = true
      socket.destroy()
    }, patienceMs)
    socket.on('connect', () => void writeAll(socket, pieces, pieceMs))
    socket.on('data', (bytes: Buffer) => {
      received.push(bytes)
      size += bytes.length
      if (size > receivedMax || onBytes?.(Buffer.concat(received).toString('latin1'))) socket.destroy()
    })
    socket.on('end', () => socket.end())
    socket.on('error', () => {})
    socket.on('close', () => {
      clearTimeout(late)
      resolve({ ...read(Buffer.concat(received)), isGivenUp })
    })
  })
}

async function writeAll(socket: Socket, pieces: HearOptions['pieces'], pieceMs: number): Promise<void> {
  for (const [i, piece] of pieces.entries()) {
    if (i > 0 && pieceMs > 0) await new Promise((resolve) => setTimeout(resolve, pieceMs))
    if (socket.destroyed) return
    socket.write(typeof piece === 'string' ? Buffer.from(piece, 'latin1') : piece)
  }
}

/** The last answer on the connection that is no interim one; those before it are passed over. */
function read(bytes: Buffer): Heard {
  let last = nothing
  for (let at = 0; ; ) {
    const headEnd = bytes.indexOf('\r\n\r\n', at)
    if (headEnd === -1) return last
    const [first = '', ...lines] = bytes.toString('latin1', at, headEnd).split('\r\n')
    const status = Number(/^HTTP\/1\.[01] (\d{3}) /.exec(first)?.[1] ?? 0)
    if (status === 0) return last
    const headers = Object.fromEntries(
      lines.map((line) => {
        const colon = line.indexOf(':')
        return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]
      }),
    )
    const { body, isWhole, end } = readBody(bytes, headEnd + 4, status, headers)
    last = { status, headers, body, isWhole }
    if (end >= bytes.length || !isWhole) return last
    at = end
  }
}

function readBody(bytes: Buffer, from: number, status: number, headers: Readonly<Record<string, string>>) {
  if (status < 200 || status === 204 || status === 304) return { body: '', isWhole: true, end: from }
  if (headers['transfer-encoding'] === 'chunked') return readChunks(bytes, from)
  const length = headers['content-length']
  const end = length === undefined ? bytes.length : from + Number(length)
  return { body: bytes.toString('utf8', from, end), isWhole: end <= bytes.length, end }
}

function readChunks(bytes: Buffer, from: number) {
  const pieces: Buffer[] = []
  for (let at = from; ; ) {
    const lineEnd = bytes.indexOf('\r\n', at)
    const size = lineEnd === -1 ? Number.NaN : Number.parseInt(bytes.toString('latin1', at, lineEnd), 16)
    const end = lineEnd + 2 + size
    const body = (): string => Buffer.concat(pieces).toString()
    if (Number.isNaN(size) || end > bytes.length) return { body: body(), isWhole: false, end: bytes.length }
    if (size === 0) return { body: body(), isWhole: true, end: end + 2 }
    pieces.push(bytes.subarray(lineEnd + 2, end))
    at = end + 2
  }
}
