/**
 * A server that slow attackers cannot hurt, for it does nothing: it takes what comes, answers with as many bytes as it
 * is asked for, and lets go after as long as the gateway does. An attack on it costs a machine what the attackers cost.
 */
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'

const patienceMs = 10_000

export class Tarpit implements AsyncDisposable {
  #server: Server
  #sockets = new Set<Socket>()

  /** `answer`: what whoever completes a request without a body gets. */
  private constructor(answer: Buffer) {
    this.#server = createServer((socket) => {
      this.#sockets.add(socket)
      socket.on('error', () => {})
      let tail = ''
      socket.setTimeout(4 * patienceMs, () => socket.destroy())
      const late = setTimeout(() => socket.destroy(), patienceMs)
      socket.on('data', (bytes: Buffer) => {
        const text = tail + bytes.toString('latin1')
        tail = text.slice(-3)
        if (!text.includes('\r\n\r\n') || text.startsWith('POST')) return
        clearTimeout(late)
        socket.write(text.startsWith('HEAD') ? head(answer) : Buffer.concat([head(answer), answer]))
      })
      socket.on('close', () => {
        clearTimeout(late)
        this.#sockets.delete(socket)
      })
    })
  }

  static async open(answer: Buffer): Promise<Tarpit> {
    const tarpit = new Tarpit(answer)
    await new Promise<void>((resolve) => tarpit.#server.listen(0, '127.0.0.1', resolve))
    return tarpit
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}

const head = (answer: Buffer): Buffer => Buffer.from(`HTTP/1.1 200 OK\r\ncontent-length: ${answer.length}\r\n\r\n`)
