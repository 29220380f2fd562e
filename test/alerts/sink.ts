/** Receivers of alerts that a test commands, and messages to send to them. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { alertsSchema } from '../../src/alert/alert-options.ts'
import type { Notice } from '../../src/alert/mailbox.ts'
import { noticeOf } from '../../src/alert/mailbox.ts'
import { openReceiver, type Receiver } from '../../src/alert/receiver.ts'

export interface Taken {
  readonly url: string
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

/** An HTTP server that keeps what it is sent; `answer` decides what becomes of each. */
export class Sink implements AsyncDisposable {
  readonly taken: Taken[] = []
  answer: (response: ServerResponse) => void = (response) => response.end('ok')
  #server: Server

  private constructor() {
    this.#server = createServer((request, response) => {
      let body = ''
      request.setEncoding('utf8')
      request.on('data', (text: string) => (body += text))
      request.on('end', () => {
        this.taken.push({ url: request.url ?? '', headers: request.headers, body })
        this.answer(response)
      })
    })
  }

  static async open(): Promise<Sink> {
    const sink = new Sink()
    await new Promise<void>((resolve) => sink.#server.listen(0, '127.0.0.1', resolve))
    return sink
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}

/** A receiver as a configuration would make it. */
export function receiverOf(options: object): Receiver {
  const { receivers } = alertsSchema.parse({ receivers: { r: options } })
  const [own] = Object.values(receivers)
  if (!own) throw new Error('no receiver')
  return openReceiver({ site: 'test', receiver: 'r', link: 'https://dash.example/x' }, own, 0)
}

export const nowMs = Date.now()

/** One critical alert about `about`. */
export function noticeAbout(about: string, endedMs: number | null = null): Notice {
  const condition = {
    name: 'ErrorBudgetBurn',
    severity: 'critical',
    labels: { objective: about },
    summary: `${about} burns`,
    cure: 'put it out',
  } as const
  return noticeOf('ErrorBudgetBurn', [{ identity: `burn ${about}`, condition, firedMs: nowMs - 60_000, endedMs }])
}
