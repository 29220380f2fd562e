/**
 * The mock model server for machines without a C compiler: the same interface as native/mock.c, but it may be the
 * bottleneck.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'

const bodyBytesKept = 16_384
/** Past this much unsent a stream waits for its reader instead of producing. */
const unsentBytesMax = 65_536
const base = { id: 'chatcmpl-1', created: 1, model: 'mock' }

const unaryAnswer = JSON.stringify({
  ...base,
  object: 'chat.completion',
  choices: [
    {
      index: 0,
      message: {
        role: 'assistant',
        content: 'the gateway holds fast and the answer arrives whole '.repeat(16).slice(0, 800),
      },
      finish_reason: 'stop',
    },
  ],
  usage: { prompt_tokens: 200, completion_tokens: 160, total_tokens: 360 },
})

class Stream {
  count: number
  isHeld: boolean
  #response: ServerResponse
  #intervalMs: number
  #sizeBytes: number
  #sequence = 0
  #dueMs = performance.now()
  #timer: NodeJS.Timeout | undefined

  constructor(response: ServerResponse, ask: (name: string, otherwise: number) => number) {
    this.#response = response
    this.count = ask('chunks', 20)
    this.#intervalMs = ask('interval_us', 20_000) / 1000
    this.#sizeBytes = ask('size', 200)
    this.isHeld = ask('hold', 0) !== 0
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' })
    this.#say({ role: 'assistant', content: '' }, null)
    this.#wait(ask('first_us', 0) / 1000)
  }

  release(): void {
    if (!this.isHeld) return
    this.isHeld = false
    this.#dueMs = performance.now()
    this.#wait(Math.random() * this.#intervalMs)
  }

  stop(): void {
    clearTimeout(this.#timer)
  }

  #wait(delayMs: number): void {
    this.#dueMs += delayMs
    this.#timer = setTimeout(() => this.#step(), Math.max(0, this.#dueMs - performance.now()))
  }

  #say(delta: object, reason: string | null): void {
    const choices = [{ index: 0, delta, finish_reason: reason }]
    this.#response.write(`data: ${JSON.stringify({ ...base, object: 'chat.completion.chunk', choices })}\n\n`)
  }

  #step(): void {
    if (this.#response.writableLength > unsentBytesMax) return this.#wait(1)
    if (this.#sequence < this.count) {
      const stamp = process.hrtime.bigint().toString(16).padStart(16, '0')
      const mark = `#${(this.#sequence++).toString(16).padStart(8, '0')}@${stamp}`
      this.#say({ content: mark.padEnd(Math.max(mark.length, this.#sizeBytes - 153), '.') }, null)
    }
    if (this.#sequence >= this.count) {
      this.#say({ content: `$${this.#sequence.toString(16).padStart(8, '0')}` }, 'stop')
      this.#response.end('data: [DONE]\n\n')
    } else if (!this.isHeld) {
      this.#dueMs = Math.max(this.#dueMs, performance.now() - this.#intervalMs)
      this.#wait(this.#intervalMs)
    }
  }

  /** The next chunk is the last. */
  finish(): void {
    this.count = this.#sequence
  }
}

const open = new Set<Stream>()
const stats = { requests: 0, streams_open: 0, streams_started: 0, streams_finished: 0, streams_abandoned: 0 }

function command(path: string): string | null {
  if (path === '/v1/models')
    return '{"object":"list","data":[{"id":"mock","object":"model","created":1,"owned_by":"bench"}]}'
  if (path === '/finish') for (const stream of open) stream.finish()
  else if (path === '/go') for (const stream of open) stream.release()
  else if (path === '/drop') for (const response of responses) response.destroy()
  else if (path !== '/stats') return null
  return JSON.stringify({ ...stats, streams_open: open.size })
}

const responses = new Set<ServerResponse>()

function answer(message: IncomingMessage, body: string, response: ServerResponse): void {
  const text = command(message.url ?? '')
  const isStream = text === null && /"stream"\s*:\s*true/.test(body)
  const ask = (name: string, otherwise: number): number =>
    Number(new RegExp(`${name}=(\\d+)`).exec(body)?.[1] ?? otherwise)
  if (text === null) stats.requests++
  if (!isStream) {
    response.writeHead(200, { 'content-type': 'application/json' })
    setTimeout(() => response.end(text ?? unaryAnswer), text === null ? ask('first_us', 0) / 1000 : 0)
    return
  }
  const stream = new Stream(response, ask)
  stats.streams_started++
  open.add(stream)
  responses.add(response)
  response.once('close', () => {
    stream.stop()
    open.delete(stream)
    responses.delete(response)
    if (response.writableFinished) stats.streams_finished++
    else stats.streams_abandoned++
  })
}

const server = createServer((message, response) => {
  let body = ''
  message.setEncoding('latin1')
  message.on('data', (piece: string) => (body = body.length < bodyBytesKept ? body + piece : body))
  message.on('end', () => answer(message, body, response))
})
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  console.log(JSON.stringify({ event: 'ready', port: typeof address === 'object' ? address?.port : 0 }))
})
