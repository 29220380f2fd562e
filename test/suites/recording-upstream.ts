/**
 * A model server over plain sockets that keeps every request as it came, reads it by the narrowest rules there are, and
 * notes whatever is not framed by exactly one length. It answers with what it was asked; or, by order, with bytes of
 * the test's own.
 */
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'

/** A request whose head is one request line and headers, and whose body is as long as its one content-length says. */
export interface Recorded {
  readonly head: string
  readonly body: string
}

const headShape = /^POST \/[!-~]* HTTP\/1\.1\r\n(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+: ?[\t -~\x80-\xff]*\r\n)+\r\n$/

export class RecordingUpstream implements AsyncDisposable {
  readonly requests: Recorded[] = []
  /** What came and was no request, or not one that all readers read alike. */
  readonly oddities: string[] = []
  /** Whether requests are kept. */
  isKeeping = true
  /** Bytes to answer a body with; null for the ordinary answer. */
  answerWith: (body: string) => string | null = () => null
  #server: Server
  #sockets = new Set<Socket>()

  private constructor() {
    this.#server = createServer((socket) => this.#serve(socket))
  }

  static async open(): Promise<RecordingUpstream> {
    const upstream = new RecordingUpstream()
    await new Promise<void>((resolve) => upstream.#server.listen(0, '127.0.0.1', resolve))
    return upstream
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/v1`
  }

  /** Requests whose body has this text, and forgets them. */
  take(mark: string): Recorded[] {
    const own = this.requests.filter(({ head, body }) => head.includes(mark) || body.includes(mark))
    for (const each of own) this.requests.splice(this.requests.indexOf(each), 1)
    return own
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket)
    let held = ''
    socket.on('error', () => {})
    socket.on('close', () => {
      this.#sockets.delete(socket)
      if (held !== '') this.oddities.push(`left over: ${JSON.stringify(held.slice(0, 200))}`)
    })
    socket.setEncoding('latin1').on('data', (text) => {
      held += String(text)
      for (;;) {
        const size = this.#readOne(held, socket)
        if (size === 0) return
        held = held.slice(size)
      }
    })
  }

  /** How long the request at the beginning is; 0 while it is not whole. */
  #readOne(text: string, socket: Socket): number {
    const at = text.indexOf('\r\n\r\n')
    if (at === -1) return 0
    const head = text.slice(0, at + 4)
    if (/^GET \/\S* HTTP\/1\.1\r\n/.test(head)) {
      answer(socket, { object: 'list', data: [{ id: 'm', object: 'model' }] })
      return head.length
    }
    const lengths = [...head.matchAll(/\r\ncontent-length: ?(\d+)(?=\r\n)/gi)].map(([, digits]) => Number(digits))
    const isOdd =
      !headShape.test(head) || lengths.length !== 1 || /\r\n(transfer-encoding|expect|upgrade|trailer)/i.test(head)
    if (isOdd) this.oddities.push(`an odd head: ${JSON.stringify(head)}`)
    const size = head.length + (lengths[0] ?? 0)
    if (text.length < size) return 0
    const body = text.slice(head.length, size)
    if (this.isKeeping) this.requests.push({ head, body })
    const bytes = this.answerWith(body)
    if (bytes !== null) socket.write(bytes, 'latin1')
    else answer(socket, chatAnswer(body))
    return size
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise<void>((resolve) => this.#server.close(() => resolve()))
  }
}

/** Says back the first words of the call. */
export function chatAnswer(body: string): object {
  const said = /"content":"([^"]*)"/.exec(body)?.[1] ?? ''
  const message = { role: 'assistant', content: `you said ${said}` }
  return {
    id: 'c',
    object: 'chat.completion',
    created: 1,
    model: 'm',
    choices: [{ index: 0, message, finish_reason: 'stop' }],
    usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
  }
}

function answer(socket: Socket, value: object): void {
  const body = JSON.stringify(value)
  const head = `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`
  socket.write(head + body, 'latin1')
}
