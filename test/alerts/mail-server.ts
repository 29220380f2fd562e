/** A mail server for tests, on loopback. */
import type { AddressInfo } from 'node:net'
import { SMTPServer, type SMTPServerOptions } from 'smtp-server'

export interface TakenLetter {
  readonly from: string
  readonly to: readonly string[]
  readonly text: string
}

/** A mail server that keeps what it takes. */
export class MailServer implements AsyncDisposable {
  readonly letters: TakenLetter[] = []
  /** Whether the sender is told that its letter was taken. */
  onTaken: () => boolean = () => true
  /** How long it thinks before it says so. */
  thinkMs = 0
  #server: SMTPServer

  private constructor(options: SMTPServerOptions) {
    this.#server = new SMTPServer({
      authOptional: true,
      ...options,
      onData: (stream, session, done) => {
        let text = ''
        stream.setEncoding('utf8')
        stream.on('data', (piece: string) => (text += piece))
        stream.on('end', () => {
          const { mailFrom, rcptTo } = session.envelope
          this.letters.push({
            from: mailFrom ? mailFrom.address : '',
            to: rcptTo.map(({ address }) => address),
            text,
          })
          if (this.onTaken()) setTimeout(done, this.thinkMs)
        })
      },
    })
    this.#server.on('error', () => {})
  }

  static async open(options: SMTPServerOptions = { disabledCommands: ['STARTTLS'] }, port = 0): Promise<MailServer> {
    const server = new MailServer(options)
    await new Promise<void>((resolve) => server.#server.listen(port, '127.0.0.1', resolve))
    return server
  }

  get port(): number {
    return (this.#server.server.address() as AddressInfo).port
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await new Promise<void>((resolve) => this.#server.close(resolve))
  }
}
