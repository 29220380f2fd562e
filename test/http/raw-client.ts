/**
 * A visitor that writes whatever bytes a test wants and reads answers strictly, so that one which was cut, or into
 * which something else was written, cannot pass for a whole one.
 */
import { connect, type Socket } from 'node:net'

/** Longer than anything a test waits for. */
const answerMs = 20_000

export interface Answer {
  readonly version: string
  readonly status: number
  /** Lower-case names; repeated ones joined by `, `. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  /** How its end was told: by length, by the last chunk, or only by the end of the connection. */
  readonly framing: 'length' | 'chunked' | 'close'
}

export interface Reading {
  readonly answer: Answer
  /** Bytes it took. */
  readonly size: number
}

export class RawClient implements AsyncDisposable {
  readonly socket: Socket
  #received = Buffer.alloc(0)
  #hasEnded = false
  #error: Error | null = null
  #wake: () => void = () => {}

  private constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', (bytes) => {
      this.#received = Buffer.concat([this.#received, bytes as Buffer])
      this.#wake()
    })
    socket.on('error', (error) => (this.#error = error))
    for (const event of ['end', 'close'] as const) {
      socket.on(event, () => {
        this.#hasEnded = true
        this.#wake()
      })
    }
  }

  static async open(port: number): Promise<RawClient> {
    return RawClient.over(connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true }))
  }

  /** `socket`: just being connected. */
  static async over(socket: Socket): Promise<RawClient> {
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject))
    return new RawClient(socket)
  }

  write(bytes: string | Buffer): boolean {
    return this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
  }

  /** What has come and was not yet read as an answer. */
  get received(): string {
    return this.#received.toString('latin1')
  }

  get hasEnded(): boolean {
    return this.#hasEnded
  }

  /** Leaves without a word: RST where there is something unread, FIN otherwise. */
  leave(): void {
    this.socket.destroy()
  }

  /** Leaves with a reset. */
  reset(): void {
    this.socket.resetAndDestroy()
  }

  /** The next answer, interim ones (1xx) included. @throws {Error} when it is cut, malformed, or does not come. */
  async answer(): Promise<Answer> {
    const reading = await this.#wait('an answer', () => readAnswer(this.#received, this.#hasEnded))
    this.#received = this.#received.subarray(reading.size)
    return reading.answer
  }

  /** Waits until this text has come. */
  async heard(text: string): Promise<void> {
    await this.#wait(JSON.stringify(text), () => (this.#received.includes(text) ? true : null))
  }

  /** Waits until the house has closed its side; gives what came and was not read. */
  async ended(): Promise<string> {
    await this.#wait('the end of the connection', () => (this.#hasEnded ? true : null), true)
    return this.received
  }

  async #wait<T>(what: string, look: () => T | null, isEndWanted = false): Promise<T> {
    const endMs = performance.now() + answerMs
    for (;;) {
      const found = look()
      if (found !== null) return found
      const leftMs = endMs - performance.now()
      const reason =
        this.#hasEnded && !isEndWanted
          ? `the connection ended (${this.#error?.message ?? 'FIN'})`
          : leftMs <= 0
            ? 'it did not come'
            : null
      if (reason)
        throw new Error(`waited for ${what}, but ${reason}; received: ${JSON.stringify(this.received.slice(0, 2000))}`)
      const timer = setTimeout(() => this.#wake(), leftMs)
      await new Promise<void>((resolve) => (this.#wake = resolve))
      clearTimeout(timer)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.socket.closed) return
    const closed = new Promise((resolve) => this.socket.once('close', resolve))
    this.socket.destroy()
    await closed
  }
}

/** Null while more has to come. @throws {Error} when these bytes are no whole answer and never will be. */
export function readAnswer(bytes: Buffer, hasEnded: boolean): Reading | null {
  const headEnd = bytes.indexOf('\r\n\r\n')
  if (headEnd === -1) return null
  const [first = '', ...lines] = bytes.toString('latin1', 0, headEnd).split('\r\n')
  const status = /^HTTP\/(1\.[01]) (\d{3}) [ -~]*$/.exec(first)
  if (!status) throw new Error(`no status line: ${JSON.stringify(first)}`)
  const headers: Record<string, string> = {}
  for (const line of lines) {
    const match = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+): *(.*)$/.exec(line)
    if (!match) throw new Error(`no header: ${JSON.stringify(line)}`)
    const [, name = '', value = ''] = match
    const key = name.toLowerCase()
    headers[key] = headers[key] === undefined ? value : `${headers[key]}, ${value}`
  }
  const body = readBody(bytes, headEnd + 4, Number(status[2]), headers, hasEnded)
  if (!body) return null
  const answer: Answer = {
    version: status[1] ?? '',
    status: Number(status[2]),
    headers,
    body: body.bytes.toString('utf8'),
    framing: body.framing,
  }
  return { answer, size: body.end }
}

interface Body {
  readonly bytes: Buffer
  readonly end: number
  readonly framing: Answer['framing']
}

function readBody(
  bytes: Buffer,
  from: number,
  status: number,
  headers: Record<string, string>,
  hasEnded: boolean,
): Body | null {
  const { 'content-length': length, 'transfer-encoding': encoding } = headers
  if (status < 200 || status === 204 || status === 304) return { bytes: Buffer.alloc(0), end: from, framing: 'length' }
  if (encoding !== undefined) return readChunks(bytes, from)
  if (length === undefined)
    return hasEnded ? { bytes: bytes.subarray(from), end: bytes.length, framing: 'close' } : null
  const end = from + Number(length)
  return bytes.length < end ? null : { bytes: bytes.subarray(from, end), end, framing: 'length' }
}

function readChunks(bytes: Buffer, from: number): Body | null {
  const pieces: Buffer[] = []
  let at = from
  for (;;) {
    const lineEnd = bytes.indexOf('\r\n', at)
    if (lineEnd === -1) return null
    const text = bytes.toString('latin1', at, lineEnd)
    if (!/^[0-9a-f]+$/i.test(text)) throw new Error(`no size of a chunk: ${JSON.stringify(text.slice(0, 200))}`)
    const size = Number.parseInt(text, 16)
    const end = lineEnd + 2 + size
    if (bytes.length < end + 2) return null
    if (bytes.toString('latin1', end, end + 2) !== '\r\n') throw new Error('a chunk that does not end where it says')
    if (size === 0) return { bytes: Buffer.concat(pieces), end: end + 2, framing: 'chunked' }
    pieces.push(bytes.subarray(lineEnd + 2, end))
    at = end + 2
  }
}
