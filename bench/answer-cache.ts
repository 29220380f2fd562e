/**
 * What does a hit of the answer cache cost, and is a crowd with one question one call? A model server of this process
 * streams an answer; Holdfast (two workers, journal in SQLite) keeps it. Hits are asked for one after the other on one
 * connection, in turns with the same bytes from a bare HTTP server: the difference is what the gateway adds. Answers to
 * questions that mean the same cost a call of the embeddings model besides, which answers here at once, and a look at
 * all questions that are kept of that context.
 */
import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import { Command, say, text } from './command.ts'
import { embeddingOf } from '../lab/sim/embedding.ts'
import { startHoldfast } from './peer/holdfast.ts'
import { other, paraphrase } from './semantic-questions.ts'
import { quantile } from './statistics.ts'

const usage = `usage: npm run bench:cache -- [options]
  --hits N      hits to measure, default 2000
  --crowd N     calls at the same moment, default 1000
  --events N    events of the answer, default 200
  --semantic N  questions compared by meaning, of each kind, default 300
  --size N      dimensions of their vectors, default 384`
const command = new Command(usage, { hits: text, crowd: text, events: text, semantic: text, size: text })
const hitCount = command.count('hits', 2000, 10, 1_000_000)
const crowdCount = command.count('crowd', 1000, 1, 5000)
const eventCount = command.count('events', 200, 1, 10_000)
const semanticCount = command.count('semantic', 300, 0, 100_000)
const size = command.count('size', 384, 1, 4096)

/** A hit may add so much, by the median. */
const addedMsMax = 1
/** How long the model server thinks before it answers a crowd. */
const thinkMs = 500

let callCount = 0
let waitMs = 0
let recorded: Buffer = Buffer.alloc(0)

function chunk(delta: object, reason: string | null = null): string {
  const choices = [{ index: 0, delta, finish_reason: reason }]
  return `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'mock', choices })}\n\n`
}

/** The embeddings model. What it answers is known beforehand: its own work is not what is measured. */
async function embed(message: IncomingMessage, response: ServerResponse): Promise<void> {
  const pieces: Buffer[] = []
  for await (const piece of message) pieces.push(piece as Buffer)
  const { input } = JSON.parse(Buffer.concat(pieces).toString()) as { input: string }
  response.setHeader('content-type', 'application/json')
  response.end(vectors.get(input) ?? vectorText(input))
}

const vectors = new Map<string, string>()
const vectorText = (input: string): string =>
  JSON.stringify({ object: 'list', data: [{ object: 'embedding', index: 0, embedding: embeddingOf(input, size) }] })

/** The model server, and at `/bare` what a hit is compared with. */
function serve(message: IncomingMessage, response: ServerResponse): void {
  if (!message.url?.endsWith('/embeddings')) message.resume()
  if (message.url === '/bare') {
    response.writeHead(200, { 'content-type': 'text/event-stream', 'content-length': recorded.length })
    return void response.end(recorded)
  }
  if (message.method === 'GET')
    return void response.end(
      '{"object":"list","data":[{"id":"mock","object":"model"},{"id":"embed","object":"model"}]}',
    )
  if (message.url?.endsWith('/embeddings')) return void embed(message, response)
  callCount++
  setTimeout(() => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    for (let i = 0; i < eventCount - 2; i++) response.write(chunk({ content: `word${i} ` }))
    response.end(`${chunk({}, 'stop')}data: [DONE]\n\n`)
  }, waitMs)
}

interface Got {
  readonly tookMs: number
  readonly state: string
  readonly bytes: Buffer
}

function ask(url: string, question: string, agent: Agent, wish = 'use'): Promise<Got> {
  const { promise, resolve, reject } = Promise.withResolvers<Got>()
  const body = JSON.stringify({ model: 'mock', stream: true, messages: [{ role: 'user', content: question }] })
  const headers = {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    'holdfast-cache': wish,
  }
  const began = performance.now()
  const sent = request(url, { method: 'POST', headers, agent }, (answer) => {
    const pieces: Buffer[] = []
    answer.on('data', (piece: Buffer) => pieces.push(piece))
    answer.on('error', reject)
    answer.on('end', () => {
      const state = String(answer.headers['holdfast-cache'] ?? answer.statusCode).split(';')[0] ?? ''
      resolve({ tookMs: performance.now() - began, state, bytes: Buffer.concat(pieces) })
    })
  })
  sent.on('error', reject)
  sent.end(body)
  return promise
}

const server = createServer(serve)
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
const address = server.address()
if (address === null || typeof address === 'string') throw new Error('the model server has no port')
const upstreamUrl = `http://127.0.0.1:${address.port}`
const settings = {
  workers: 2,
  limits: { connectionsMax: 10_000 },
  cache: { semantic: { model: 'embed', waitMs: 2000, perScopeMax: 2000 } },
}
const gateway = await startHoldfast({ upstreamUrl, port: 0, adminPort: 0, journal: 'sqlite', name: 'cache', settings })
const url = `${gateway.url}/v1/chat/completions`
let isGood = true
const report = (isRight: boolean, words: string): void => {
  isGood &&= isRight
  process.stdout.write(`${isRight ? 'ok   ' : 'WRONG'} ${words}\n`)
}

try {
  const line = new Agent({ keepAlive: true, maxSockets: 1 })
  recorded = (await ask(url, 'one', line)).bytes
  const [hits, bare]: [number[], number[]] = [[], []]
  let wrongCount = 0
  for (let i = -50; i < hitCount; i++) {
    const got = await ask(url, 'one', line)
    const other = await ask(`${upstreamUrl}/bare`, 'one', line)
    if (got.state !== 'hit' || !got.bytes.equals(recorded)) wrongCount++
    if (i < 0) continue // everybody warms up
    hits.push(got.tookMs)
    bare.push(other.tookMs)
  }
  const at = (times: readonly number[], share: number): string => quantile(times, share).toFixed(2)
  const addedMs = quantile(hits, 0.5) - quantile(bare, 0.5)
  const times = `hit p50 ${at(hits, 0.5)} p99 ${at(hits, 0.99)} ms, bare server p50 ${at(bare, 0.5)} p99 ${at(bare, 0.99)} ms`
  const what = `${eventCount} events (${recorded.length} bytes), ${hitCount} hits, ${wrongCount} wrong`
  report(addedMs <= addedMsMax && wrongCount === 0, `a hit adds ${addedMs.toFixed(2)} ms p50: ${times}; ${what}`)

  if (semanticCount > 0) {
    const questions = Array.from({ length: semanticCount + 50 }, (_, i) => i)
    for (const i of questions) for (const text of [paraphrase(i), other(i)]) vectors.set(text, vectorText(text))
    const semantic: Record<'near' | 'far', number[]> = { near: [], far: [] }
    const plain: number[] = []
    await ask(url, paraphrase(0), line, 'semantic')
    for (const i of questions) {
      const far = await ask(url, other(i), line, 'semantic')
      const near = await ask(url, paraphrase(i + 1), line, 'semantic')
      const miss = await ask(url, `plain ${i}`, line)
      if (far.state !== 'miss' || (near.state !== 'semantic' && i > 0)) wrongCount++
      if (i < 50) continue
      semantic.far.push(far.tookMs)
      semantic.near.push(near.tookMs)
      plain.push(miss.tookMs)
    }
    const [near, far, miss, hit] = [semantic.near, semantic.far, plain, hits].map((each) => quantile(each, 0.5))
    const ms = (value = 0): string => value.toFixed(2)
    const words = `a semantic hit takes ${ms(near)} ms p50 (an exact one ${ms(hit)}), a semantic miss ${ms(far)} (a miss ${ms(miss)})`
    report(
      wrongCount === 0,
      `${words}; ${size} dimensions, up to ${questions.length + 1} questions, ${wrongCount} wrong`,
    )
  }

  waitMs = thinkMs
  callCount = 0
  const crowd = new Agent({ keepAlive: false, maxSockets: Number.POSITIVE_INFINITY })
  const asked = Array.from({ length: crowdCount }, () => ask(url, 'all', crowd).catch(() => null))
  const answers = await Promise.all(asked)
  const whole = answers.filter((got) => got?.bytes.equals(recorded)).length
  const states = Map.groupBy(answers, (got) => got?.state ?? 'broken')
  const told = [...states].map(([state, { length }]) => `${length} ${state}`).join(', ')
  report(
    callCount === 1 && whole === crowdCount,
    `${crowdCount} calls at once over 2 workers: ${callCount} upstream call, ${whole} whole (${told})`,
  )
  line.destroy()
} finally {
  await gateway.stop()
  server.closeAllConnections()
  server.close()
}
if (!isGood) say('A bar was missed.')
process.exitCode = isGood ? 0 : 1
