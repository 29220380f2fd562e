/**
 * A gateway as its users run it, all of whose ports get changed requests, and whose model servers answer with changed
 * answers. After each batch the same processes are there and well, and no fault of the gateway's own has happened.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { processTree } from '../../bench/process-tree.ts'
import type { ConfigInput } from '../../src/config.ts'
import type { Route } from '../../src/dialect/call.ts'
import { type Random, seededRandom } from '../../src/ground/random.ts'
import { freePort, type Gateway, startGateway } from '../crash/gateway.ts'
import { Authority, noOpenssl } from '../tls/certificates.ts'
import { memoryMib } from '../suites/subject.ts'
import { doors, doorWords, goodBody, http2Doors, operatorDoors, pageDoors } from './door-seeds.ts'
import { HostileServer } from './hostile-server.ts'
import { judgeAnswer, judgeRefusal } from './judge-answer.ts'
import { Mutator } from './mutate.ts'
import { exchange } from './raw-exchange.ts'

export interface GatewayFuzzOrder {
  readonly seed: number
  /** Changed requests to all ports together. */
  readonly requests: number
  /** Calls that get a changed answer. */
  readonly answers: number
  readonly say: (line: string) => void
}

const lanes = 16
const batch = 400
const findingsMax = 20
/** Of the largest process. */
const memoryMibMax = 600
const silence = { firstMs: 2500, quietMs: 60, endMs: 250 }
/** All limits of the gateway's own together, and room for a busy machine. */
const patience = { firstMs: 30_000, quietMs: 30_000 }

interface Port {
  readonly name: string
  readonly port: number
  readonly seeds: readonly (string | Buffer)[]
  readonly open?: () => Socket
  /** Each refusal has a code and a ray. */
  readonly isJudged: boolean
}

/** @returns what was found */
export async function runGatewayFuzz({ seed, requests, answers, say }: GatewayFuzzOrder): Promise<string[]> {
  const random = seededRandom(seed)
  await using hostile = await HostileServer.open(random)
  await using place = await Place.open(hostile.url)
  const run = new Run(place, hostile, random)
  await run.check('at the start')
  for (const port of place.ports) {
    await run.playPort(port, Math.ceil(requests / place.ports.length))
    say(`${port.name}: ${run.told}`)
  }
  await run.playAnswers(answers)
  say(`answers of a hostile model server: ${run.told}`)
  await run.checkRecord()
  say(`memory of the largest process: ${place.memoryMib().toFixed(0)} MiB`)
  return run.findings
}

/** The gateway with its files. */
class Place implements AsyncDisposable {
  readonly gateway: Gateway
  readonly ports: readonly Port[]
  readonly port: number
  #folder: string

  private constructor(gateway: Gateway, folder: string, ports: readonly Port[], port: number) {
    this.gateway = gateway
    this.ports = ports
    this.port = port
    this.port = port
    this.#folder = folder
  }

  static async open(url: string): Promise<Place> {
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-fuzz-'))
    const [port, tlsPort, pagePort] = [await freePort(), await freePort(), await freePort()]
    await writeFile(join(folder, 'page.html'), '<p>a page of some bytes</p>')
    const ca = noOpenssl === null ? await certificate(folder) : null
    const path = join(folder, 'holdfast.yaml') // JSON is YAML
    await writeFile(path, JSON.stringify(configOf(url, folder, { port, tlsPort: ca ? tlsPort : null, pagePort })))
    const gateway = await startGateway('--config', path, '--port', String(port))
    const adminPort = Number(new URL(gateway.adminUrl).port)
    const tls = (protocol: string) => (): Socket =>
      connectTls({ port: tlsPort, host: '127.0.0.1', servername: 'localhost', ca: ca ?? '', ALPNProtocols: [protocol] })
    const ports: Port[] = [
      { name: 'plain port', port, seeds: doors, isJudged: true },
      { name: 'HTTP/2 on the plain port', port, seeds: http2Doors, isJudged: false },
      { name: 'operators’ port', port: adminPort, seeds: operatorDoors, isJudged: false },
      { name: 'status page', port: pagePort, seeds: pageDoors, isJudged: false },
    ]
    if (ca) {
      ports.push({ name: 'TLS, before the handshake', port: tlsPort, seeds: hellos, isJudged: false })
      ports.push({ name: 'HTTP/1 over TLS', port: tlsPort, seeds: doors, open: tls('http/1.1'), isJudged: true })
      ports.push({ name: 'HTTP/2 over TLS', port: tlsPort, seeds: http2Doors, open: tls('h2'), isJudged: false })
    }
    return new Place(gateway, folder, ports, port)
  }

  memoryMib(): number {
    return Math.max(...processTree(this.gateway.pid).map(memoryMib))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.gateway[Symbol.asyncDispose]()
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 10 })
  }
}

/** The beginning of a first message of TLS, and what is none. */
const hellos = [
  Buffer.from(`160301002f0100002b0303${'11'.repeat(32)}000004130113020100`, 'hex'),
  Buffer.from('15030100020128', 'hex'),
  'GET / HTTP/1.1\r\nhost: a\r\n\r\n',
]

async function certificate(folder: string): Promise<string> {
  using authority = new Authority()
  const { cert, key } = authority.issue('localhost')
  await writeFile(join(folder, 'cert.pem'), cert)
  await writeFile(join(folder, 'key.pem'), key)
  return authority.cert
}

interface Ports {
  readonly port: number
  readonly tlsPort: number | null
  readonly pagePort: number
}

function configOf(url: string, folder: string, { port, tlsPort, pagePort }: Ports): ConfigInput {
  const listener = { host: '127.0.0.1', h2c: true, tls: false, port }
  return {
    upstreams: {
      chatty: { url, kind: 'compatible', models: ['m'], speaks: ['chat', 'completions', 'embeddings'] },
      other: { url, kind: 'compatible', models: ['n'], speaks: ['messages', 'count_tokens'] },
    },
    listeners: [listener, ...(tlsPort === null ? [] : [{ host: '127.0.0.1', tls: true, port: tlsPort }])],
    ...(tlsPort !== null && {
      tls: { certificates: [{ cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') }] },
    }),
    admin: { port: 0 },
    breaker: { enabled: false },
    timeouts: { firstTokenMs: 1500, interTokenMs: 1000, wholeMs: 1500, totalMs: 5000, patienceMs: 0 },
    status: { name: 'Fuzz', page: { port: pagePort } },
    web: { routes: [{ folder }] },
    log: { access: false, level: 'error' },
  }
}

/** Ways of a call: the caller's language, and the model whose server speaks this one or another. */
const ways: readonly (readonly [route: Route, path: string, model: string])[] = [
  ['chat', '/v1/chat/completions', 'm'],
  ['messages', '/v1/messages', 'm'],
  ['responses', '/v1/responses', 'm'],
  ['chat', '/v1/chat/completions', 'n'],
  ['messages', '/v1/messages', 'n'],
]

class Run {
  readonly findings: string[] = []
  told = ''
  #place: Place
  #hostile: HostileServer
  #random: Random
  #pids: readonly number[] = []

  constructor(place: Place, hostile: HostileServer, random: Random) {
    this.#place = place
    this.#hostile = hostile
    this.#random = random
  }

  #find(words: string): void {
    if (this.findings.length < findingsMax) this.findings.push(words)
  }

  /** The same processes, within their memory, and a good call is answered. */
  async check(when: string): Promise<void> {
    const { gateway, port } = this.#place
    const pids = await pidsOf(gateway)
    if (this.#pids.length === 0) this.#pids = pids
    if (pids.length !== this.#pids.length || pids.some((pid) => !this.#pids.includes(pid))) {
      this.#find(`${when}: workers ${this.#pids.join()} have become ${pids.join()}`)
      this.#pids = pids
    }
    const memory = this.#place.memoryMib()
    if (memory > memoryMibMax) this.#find(`${when}: ${memory.toFixed(0)} MiB`)
    const { text } = await exchange(port, callOf('/v1/chat/completions', goodBody), patience)
    if (!/^HTTP\/1\.1 200 [^]*"content":"hello"/.test(text))
      this.#find(`${when}: a good call gets ${text.slice(0, 300)}`)
  }

  async playPort({ name, port, seeds, open, isJudged }: Port, count: number): Promise<void> {
    const words = doorWords.map((word) => Buffer.from(word))
    const mutator = new Mutator({ random: this.#random, words, bytesMax: 32 * 1024 })
    const any = (): Buffer => Buffer.from(seeds[mutator.below(seeds.length)] as Buffer)
    const statuses = new Map<string, number>()
    for (let done = 0; done < count; done += batch) {
      await inLanes(Math.min(batch, count - done), async () => {
        const bytes = mutator.mutate(any(), any())
        const { text } = await exchange(port, bytes, silence, open)
        const status = /^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? (text === '' ? 'silence' : 'other')
        statuses.set(status, (statuses.get(status) ?? 0) + 1)
        const wrong = wrongWith(text, status, isJudged)
        if (wrong !== null)
          this.#find(`${name}: ${wrong}\n    request: ${spelled(bytes)}\n    answer: ${text.slice(0, 400)}`)
      })
      await this.check(`${name}, after ${done + batch}`)
    }
    this.told = `${count} requests; ${tableOf(statuses)}`
  }

  async playAnswers(count: number): Promise<void> {
    const kinds = new Map<string, number>()
    for (let done = 0; done < count; done += batch) {
      await inLanes(Math.min(batch, count - done), async (i) => {
        const [route, path, model] = ways[i % ways.length] as (typeof ways)[number]
        const isStream = this.#random.unit() < 0.7
        const messages = [{ role: 'user', content: 'hostile' }]
        const more = route === 'responses' ? { input: 'hostile' } : { messages, max_tokens: 9 }
        const bytes = callOf(path, JSON.stringify({ model, stream: isStream, ...more }))
        const { text, isClosed } = await exchange(this.#place.port, bytes, patience)
        const wrong = isClosed ? judgeAnswer(route, isStream, text) : 'it has no end'
        const status = /^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? 'none'
        const kind = status === '200' && text.includes('"HF_') ? 'broken off' : status
        kinds.set(kind, (kinds.get(kind) ?? 0) + 1)
        if (wrong === null) return
        const said = this.#hostile.said.map((each) => `\n    perhaps: ${spelled(each)}`).join('')
        this.#find(
          `${route} to ${model}${isStream ? ', streamed' : ''}: ${wrong}\n    got: ${spelled(Buffer.from(text, 'latin1'))}${said}`,
        )
      })
      await this.check(`answers, after ${done + batch}`)
    }
    this.told = `${count} calls; ${tableOf(kinds)}`
  }

  /** What the gateway itself wrote down. */
  async checkRecord(): Promise<void> {
    const answer = await fetch(`${this.#place.gateway.adminUrl}/record?code=HF_INTERNAL&limit=5`)
    const { facts } = (await answer.json()) as { facts: object[] }
    for (const fact of facts) this.#find(`in the record: ${JSON.stringify(fact).slice(0, 800)}`)
    const lines = this.#place.gateway.lines.filter(
      ({ level, alert }) => alert === undefined && (level === 'error' || level === 'fatal' || Number(level) >= 50),
    )
    for (const line of lines.slice(0, 5)) this.#find(`in the log: ${JSON.stringify(line).slice(0, 800)}`)
  }
}

/** Ready or not. */
async function pidsOf({ adminUrl }: Gateway): Promise<number[]> {
  const answer = await fetch(`${adminUrl}/readyz`)
  const { workers = [] } = (await answer.json()) as { workers?: { pid: number }[] }
  return workers.map(({ pid }) => pid)
}

function wrongWith(text: string, status: string, isJudged: boolean): string | null {
  if (text.includes('HF_INTERNAL')) return 'HF_INTERNAL'
  if (status === '500') return 'status 500'
  return isJudged && /^[45]\d\d$/.test(status) && text.includes('\r\n\r\n') ? judgeFirst(text) : null
}

/** Of several answers in a row the first. */
function judgeFirst(text: string): string | null {
  const head = text.slice(0, text.indexOf('\r\n\r\n') + 4)
  // Not its body: the answer to HEAD has none.
  return judgeRefusal(head)
}

const callOf = (path: string, body: string | Buffer): Buffer =>
  Buffer.concat([
    Buffer.from(
      `POST ${path} HTTP/1.1\r\nhost: gateway\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n`,
    ),
    Buffer.from(body as Buffer),
  ])

async function inLanes(count: number, run: (i: number) => Promise<void>): Promise<void> {
  let next = 0
  const lane = async (): Promise<void> => {
    for (let i = next++; i < count; i = next++) await run(i)
  }
  await Promise.all(Array.from({ length: lanes }, lane))
}

function tableOf(counts: ReadonlyMap<string, number>): string {
  return [...counts]
    .toSorted(([, a], [, b]) => b - a)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ')
}

function spelled(bytes: Buffer): string {
  return JSON.stringify(bytes.subarray(0, 900).toString('latin1'))
}
