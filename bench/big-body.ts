/**
 * What do 64 MiB bodies cost in memory? A chat request with a base64 image of nearly that size goes through Holdfast
 * to a model server,
 * and an embeddings answer of nearly that size comes back; the peak of resident memory is read from the kernel, and
 * every byte is compared
 * by hash. A body one byte over the limit must be refused, an answer over it must not look whole.
 *
 * Each series runs twice. "as it is" shows what the machine must have room for, garbage not yet collected included.
 * "held" runs with a
 * collector that never rests, so that only what the gateway really holds is left: a request must be held once, an
 * answer once on its way
 * (and once in the journal, when that is in memory).
 */
import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import { join } from 'node:path'
import { Command, text } from './command.ts'
import { freePort, gatewayCore } from './launch.ts'
import { startHoldfast } from './peer/holdfast.ts'
import type { RunningPeer } from './peer/peer.ts'
import { forgetPeak, peakBytes, residentBytes } from './process-tree.ts'

/** The product's own limit for a request and for an answer. */
const limitBytes = 64 * 2 ** 20
const pieceBytes = 2 ** 20
/** Beyond the body itself: parser, sockets, garbage not yet collected. */
const workingShareMax = 0.4

interface Body {
  readonly start: string
  /** Repeated pieces between start and end, so that a body of any size costs this process nothing. */
  readonly fillBytes: number
  readonly fill: Buffer
  readonly end: string
}

const bodyBytes = (body: Body): number => body.start.length + body.fillBytes + body.end.length

function* pieces(body: Body): Generator<Buffer> {
  yield Buffer.from(body.start)
  for (let left = body.fillBytes; left > 0; left -= body.fill.length) yield body.fill.subarray(0, left)
  yield Buffer.from(body.end)
}

function hashOf(body: Body): string {
  const hash = createHash('sha256')
  for (const piece of pieces(body)) hash.update(piece)
  return hash.digest('hex')
}

function imageRequest(sizeBytes: number): Body {
  const start =
    '{"model":"mock","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,'
  const end = '"}}]}]}'
  return {
    start,
    end,
    fillBytes: sizeBytes - start.length - end.length,
    fill: Buffer.alloc(pieceBytes, 'aG9sZGZhc3Qh'),
  }
}

function embeddingsAnswer(sizeBytes: number): Body {
  const start = '{"object":"list","model":"mock","data":[{"object":"embedding","index":0,"embedding":['
  const end = '0.5]}],"usage":{"prompt_tokens":1,"total_tokens":1}}'
  const number = '0.12345678901234,'
  const room = sizeBytes - start.length - end.length
  const fill = Buffer.alloc(pieceBytes - (pieceBytes % number.length), number)
  return { start, end, fillBytes: room - (room % number.length), fill }
}

/** Writes the pieces with backpressure; stops when the other side is gone. */
async function writeBody(out: NodeJS.WritableStream & { destroyed: boolean }, body: Body): Promise<void> {
  for (const piece of pieces(body)) {
    if (out.destroyed) return
    if (out.write(piece)) continue
    const { promise, resolve } = Promise.withResolvers<void>()
    out.once('drain', resolve).once('close', resolve)
    await promise
    out.removeListener('drain', resolve).removeListener('close', resolve)
  }
  out.end()
}

async function readBody(message: IncomingMessage): Promise<{ hash: string; sizeBytes: number; head: string }> {
  const hash = createHash('sha256')
  let sizeBytes = 0
  let head = ''
  for await (const piece of message as AsyncIterable<Buffer>) {
    hash.update(piece)
    sizeBytes += piece.length
    if (head.length < 500) head += piece.toString('utf8', 0, 500)
  }
  return { hash: hash.digest('hex'), sizeBytes, head }
}

/** The model server: it hashes what it gets, and gives the answer prepared for the question. */
let answer: Body | null = null
let received = { hash: '', sizeBytes: 0 }
const models = '{"object":"list","data":[{"id":"mock","object":"model","created":1,"owned_by":"bench"}]}'
const completion =
  '{"id":"c","object":"chat.completion","created":1,"model":"mock","choices":[{"index":0,"message":{"role":"assistant","content":"seen"},"finish_reason":"stop"}]}'

async function serve(message: IncomingMessage, response: ServerResponse): Promise<void> {
  const got = await readBody(message)
  if (message.method === 'POST') received = got
  const isEmbeddings = message.url?.endsWith('/embeddings') === true && answer !== null
  const text = message.method === 'GET' ? models : completion
  const lengthBytes = isEmbeddings && answer !== null ? bodyBytes(answer) : text.length
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': lengthBytes })
  if (isEmbeddings && answer !== null) await writeBody(response, answer)
  else response.end(text)
}

const server = createServer((message, response) => void serve(message, response).catch(() => response.destroy()))
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
const address = server.address()
if (address === null || typeof address === 'string') throw new Error('the model server has no port')
const upstreamUrl = `http://127.0.0.1:${address.port}`
const usage = `usage: node bench/big-body.ts [options]
  --journal NAME    memory (the default) or sqlite`

const journal = new Command(usage, { journal: text }).oneOf('journal', ['memory', 'sqlite'], 'memory')
const diligent = `--expose-gc --import ${join(import.meta.dirname, 'node', 'collect.mjs')}`

interface Outcome {
  readonly status: number
  readonly hash: string
  readonly sizeBytes: number
  readonly head: string
}

/** Status 0: the connection broke; then `head` is the error. */
async function call(port: number, path: string, body: Body): Promise<Outcome> {
  const { promise, resolve } = Promise.withResolvers<Outcome>()
  const broken = (error: unknown): void => resolve({ status: 0, hash: '', sizeBytes: 0, head: String(error) })
  const headers = { 'content-type': 'application/json', 'content-length': bodyBytes(body) }
  const options = {
    port,
    host: '127.0.0.1',
    method: 'POST',
    path,
    headers,
    agent: false,
    signal: AbortSignal.timeout(60_000),
  }
  const sent = request(options, (message) => {
    void readBody(message).then((got) => resolve({ status: message.statusCode ?? 0, ...got }), broken)
  })
  // A refusal may come while the body is still on its way; then the pipe breaks while the answer is being read.
  sent.on('error', (error) => setTimeout(broken, 500, error))
  sent.on('socket', (socket) => socket.on('error', () => {}))
  await writeBody(sent, body)
  return promise
}

const mib = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`
let failureCount = 0
function report(name: string, isRight: boolean, words: string): void {
  if (!isRight) failureCount++
  console.log(`${isRight ? 'ok   ' : 'WRONG'} ${name}: ${words}`)
}

/** One gateway, and how far a call raises the peak of its memory above where it stood at rest. */
class Trial {
  readonly #gateway: RunningPeer
  readonly #port: number
  readonly #restBytes: number

  constructor(gateway: RunningPeer, port: number) {
    this.#gateway = gateway
    this.#port = port
    this.#restBytes = residentBytes(gateway.pids())
  }

  static async open(isDiligent: boolean): Promise<Trial> {
    const port = await freePort()
    const more = isDiligent ? { nodeOptions: diligent } : {}
    const gateway = await startHoldfast({ upstreamUrl, port, adminPort: 0, journal, core: gatewayCore, ...more })
    await call(port, '/v1/chat/completions', imageRequest(2000))
    return new Trial(gateway, port)
  }

  async peakOf(path: string, body: Body): Promise<{ outcome: Outcome; raisedBytes: number; words: string }> {
    const pids = this.#gateway.pids()
    for (const pid of pids) forgetPeak(pid)
    const startedAt = performance.now()
    const outcome = await call(this.#port, path, body)
    const raisedBytes = pids.reduce((sum, pid) => sum + peakBytes(pid), 0) - this.#restBytes
    const took = `${(performance.now() - startedAt).toFixed(0)} ms`
    const status = outcome.status === 200 ? '' : `, status ${outcome.status}: ${outcome.head.slice(0, 120)}`
    return {
      outcome,
      raisedBytes,
      words: `peak +${mib(raisedBytes)} over rest at ${mib(this.#restBytes)}, ${took}${status}`,
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#gateway.stop()
  }
}

const copies = (bytes: number): string => `${(bytes / limitBytes).toFixed(2)} x the body, `

async function requests(isDiligent: boolean): Promise<void> {
  await using trial = await Trial.open(isDiligent)
  const name = isDiligent ? 'held' : 'as it is'
  const image = imageRequest(limitBytes)
  for (const turn of [1, 2]) {
    const { outcome, raisedBytes, words } = await trial.peakOf('/v1/chat/completions', image)
    const isWhole = outcome.status === 200 && received.hash === hashOf(image)
    const isOnce = !isDiligent || raisedBytes < limitBytes * (1 + workingShareMax)
    report(
      `request of ${mib(limitBytes)}, ${name}, ${turn}`,
      isWhole && isOnce,
      `${isWhole ? 'whole' : 'NOT WHOLE'}, ${copies(raisedBytes)}${words}`,
    )
  }
  const { outcome, words } = await trial.peakOf('/v1/chat/completions', imageRequest(limitBytes + 1))
  report(`request one byte over the limit, ${name}`, outcome.status === 413, words)
}

async function answers(isDiligent: boolean): Promise<void> {
  await using trial = await Trial.open(isDiligent)
  const name = isDiligent ? 'held' : 'as it is'
  const wide = embeddingsAnswer(limitBytes - 2 ** 16)
  answer = wide
  const copiesMax = (journal === 'memory' ? 2 : 1) + workingShareMax
  const { outcome, raisedBytes, words } = await trial.peakOf('/v1/embeddings', small)
  const isWhole = outcome.status === 200 && outcome.hash === hashOf(wide)
  const isFrugal = !isDiligent || raisedBytes < limitBytes * copiesMax
  report(
    `answer of ${mib(bodyBytes(wide))}, ${name}`,
    isWhole && isFrugal,
    `${isWhole ? 'whole' : 'NOT WHOLE'}, ${copies(raisedBytes)}${words}`,
  )
  answer = embeddingsAnswer(limitBytes + 2 ** 20)
  const over = await trial.peakOf('/v1/embeddings', small)
  report(`answer over the limit, ${name}`, over.outcome.status !== 200, over.words)
}

const small: Body = { start: '{"model":"mock","input":"x"}', fillBytes: 0, fill: Buffer.alloc(0), end: '' }
console.log(`64 MiB bodies through Holdfast, journal ${journal}`)
for (const isDiligent of [false, true]) {
  await requests(isDiligent)
  await answers(isDiligent)
}
server.closeAllConnections()
process.exit(failureCount > 0 ? 1 : 0)
