/** A model server that answers calls marked `hostile` with changed answers, as chance will have it; others properly. */
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import type { Random } from '../../src/ground/random.ts'
import { Mutator } from './mutate.ts'
import { pieces } from './pieces.ts'
import { answers, streams, words } from './targets/language-seeds.ts'

type Spoken = 'chat' | 'messages'

const good = JSON.stringify({
  ...{ id: 'c', object: 'chat.completion', created: 1, model: 'm', usage: { prompt_tokens: 1, completion_tokens: 1 } },
  choices: [{ index: 0, message: { role: 'assistant', content: 'hello' }, finish_reason: 'stop' }],
})
const headWords = [
  'HTTP/1.1 200 OK\r\n',
  'transfer-encoding: chunked\r\n',
  'content-length: 3\r\n',
  '0\r\n\r\n',
  '\r\n\r\n',
  '\r\n',
]
const wordBytes = [...words, ...headWords].map((word) => Buffer.from(word))

export class HostileServer implements AsyncDisposable {
  readonly server: Server
  /** What it last said, newest last: to tell of a finding. */
  readonly said: Buffer[] = []
  #random: Random
  #mutator: Mutator
  #sockets = new Set<Socket>()

  private constructor(random: Random) {
    this.#random = random
    this.#mutator = new Mutator({ random, words: wordBytes, bytesMax: 64 * 1024 })
    this.server = createServer((socket) => this.#serve(socket))
  }

  static async open(random: Random): Promise<HostileServer> {
    const hostile = new HostileServer(random)
    await new Promise<void>((resolve) => hostile.server.listen(0, '127.0.0.1', resolve))
    return hostile
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/v1`
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket)
    let held = Buffer.alloc(0)
    socket.on('error', () => {})
    socket.on('close', () => this.#sockets.delete(socket))
    socket.on('data', (piece) => {
      held = Buffer.concat([held, piece as Buffer])
      const at = held.indexOf('\r\n\r\n')
      const head = at === -1 ? '' : held.toString('latin1', 0, at)
      const size = at + 4 + Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0)
      if (at === -1 || held.length < size) return
      const body = held.toString('utf8', at + 4, size)
      held = held.subarray(size)
      this.#answer(socket, head.includes('/messages') ? 'messages' : 'chat', body)
    })
  }

  #answer(socket: Socket, spoken: Spoken, body: string): void {
    if (!body.includes('hostile')) {
      socket.write(framed(Buffer.from(good), 'application/json', false))
      return
    }
    const bytes = this.#draw(spoken, /"stream":\s*true/.test(body))
    this.said.push(bytes)
    if (this.said.length > 8) this.said.shift()
    for (const piece of pieces(bytes)) socket.write(piece)
    // Some leave it open: then it is for the gateway's limits to end it.
    if (this.#random.unit() < 0.95) setTimeout(() => socket.end(), 5)
  }

  /** Changed as a whole, or in its body alone and then framed as it should be. */
  #draw(spoken: Spoken, isStream: boolean): Buffer {
    const seeds = isStream ? streams[spoken] : answers[spoken]
    const any = (): Buffer => Buffer.from(seeds[this.#mutator.below(seeds.length)] as string)
    const type = isStream ? 'text/event-stream' : 'application/json'
    if (this.#random.unit() < 0.5) return framed(this.#mutator.mutate(any(), any()), type, isStream)
    return this.#mutator.mutate(framed(any(), type, isStream), framed(any(), type, isStream))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((resolve) => this.server.close(resolve))
  }
}

function framed(body: Buffer, type: string, isChunked: boolean): Buffer {
  const head = `HTTP/1.1 200 OK\r\ncontent-type: ${type}\r\n`
  if (!isChunked) return Buffer.concat([Buffer.from(`${head}content-length: ${body.length}\r\n\r\n`), body])
  const chunks = pieces(body).flatMap((piece) => [
    Buffer.from(`${piece.length.toString(16)}\r\n`),
    piece,
    Buffer.from('\r\n'),
  ])
  return Buffer.concat([Buffer.from(`${head}transfer-encoding: chunked\r\n\r\n`), ...chunks, Buffer.from('0\r\n\r\n')])
}
