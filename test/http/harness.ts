/** What the stories of visitors stand on: a whole house in this process, and a model server that a test commands. */
import assert from 'node:assert/strict'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { checkConfig, type ConfigInput } from '../../src/config.ts'
import type { FaultCode } from '../../src/fault/code.ts'
import type { TlsMaterial } from '../../src/edge/tls/tls-material.ts'
import { parseRay } from '../../src/fault/ray.ts'
import type { ExchangeFact } from '../../src/observe/exchange-fact.ts'
import type { Log } from '../../src/observe/log.ts'
import { openHouse, type House } from '../../src/main.ts'
import { RawClient, type Answer } from './raw-client.ts'

/** A test's own limit for anything it waits for; generous, since the machine may be busy. */
export const patienceMs = 20_000

/** Resolves once it is so. Looks again every few milliseconds: nothing tells of what happens inside the house. */
export async function until(what: string, isSo: () => boolean): Promise<void> {
  const endMs = performance.now() + patienceMs
  while (!isSo()) {
    if (performance.now() > endMs) assert.fail(`waited ${patienceMs} ms in vain for: ${what}`)
    await pause(5)
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

/** One call as the model server sees it. */
export class UpstreamCall {
  readonly path: string
  readonly headers: IncomingMessage['headers']
  readonly body: { readonly model?: string; readonly stream?: boolean }
  readonly response: ServerResponse
  /** When the gateway went away before the answer was whole; null while it has not. */
  leftMs: number | null = null

  constructor(request: IncomingMessage, text: string, response: ServerResponse) {
    this.path = request.url ?? ''
    this.headers = request.headers
    this.body = JSON.parse(text) as UpstreamCall['body']
    this.response = response
    response.on('close', () => {
      if (!response.writableFinished) this.leftMs = performance.now()
    })
  }

  beginStream(): void {
    this.response.writeHead(200, { 'content-type': 'text/event-stream' })
  }

  /** One token of a stream; false when the gateway's connection is full. */
  say(text: string): boolean {
    const chunk = {
      id: 'c',
      object: 'chat.completion.chunk',
      model: 'm',
      choices: [{ index: 0, delta: { content: text }, finish_reason: null }],
    }
    return this.response.write(`data: ${JSON.stringify(chunk)}\n\n`)
  }

  endStream(): void {
    const chunk = {
      id: 'c',
      object: 'chat.completion.chunk',
      model: 'm',
      choices: [{ index: 0, delta: {}, finish_reason: 'stop' }],
    }
    this.response.end(`data: ${JSON.stringify(chunk)}\n\ndata: [DONE]\n\n`)
  }

  answer(value: unknown, status = 200): void {
    this.response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value))
  }
}

export type Script = (call: UpstreamCall) => void

const usage = { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 }

/** Says `hello` in the language it was asked in, at once. */
export const sayHello: Script = (call) => {
  if (call.path.includes('/messages/count_tokens')) return call.answer({ input_tokens: 3 })
  if (call.path.includes('/messages')) {
    const content = [{ type: 'text', text: 'hello' }]
    const message = {
      id: 'a',
      type: 'message',
      role: 'assistant',
      model: 'm',
      content,
      stop_reason: 'end_turn',
      stop_sequence: null,
    }
    return call.answer({ ...message, usage: { input_tokens: 1, output_tokens: 1 } })
  }
  if (!call.body.stream) {
    const choice = { index: 0, message: { role: 'assistant', content: 'hello' }, finish_reason: 'stop' }
    return call.answer({ id: 'c', object: 'chat.completion', created: 1, model: 'm', choices: [choice], usage })
  }
  call.beginStream()
  call.say('hello')
  call.endStream()
}

/** A model server of which every answer is written by the test. */
export class ScriptedUpstream implements AsyncDisposable {
  readonly #server: Server
  readonly calls: UpstreamCall[] = []
  script: Script = sayHello

  private constructor() {
    this.#server = createServer((request, response) => this.#serve(request, response))
  }

  static async open(): Promise<ScriptedUpstream> {
    const upstream = new ScriptedUpstream()
    await new Promise<void>((resolve) => upstream.#server.listen(0, '127.0.0.1', resolve))
    return upstream
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/v1`
  }

  /** The call with this number (from 0), once it has come. */
  async call(index: number): Promise<UpstreamCall> {
    await until(`call ${index} at the model server`, () => this.calls.length > index)
    return this.calls[index] as UpstreamCall
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    response.on('error', () => {})
    if (request.method === 'GET') {
      response.end(JSON.stringify({ object: 'list', data: [{ id: 'm', object: 'model' }] }))
      return
    }
    let text = ''
    request.setEncoding('utf8')
    request.on('data', (piece: string) => (text += piece))
    request.on('end', () => {
      const call = new UpstreamCall(request, text, response)
      this.calls.push(call)
      this.script(call)
    })
    request.on('error', () => {})
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}

/** A line of the log: the account of a call, or something else that the house told. */
export type Line = Partial<ExchangeFact> & { readonly message: string }

export class TestHouse implements AsyncDisposable {
  readonly house: House
  readonly upstream: ScriptedUpstream
  readonly lines: Line[]

  constructor(house: House, upstream: ScriptedUpstream, lines: Line[]) {
    this.house = house
    this.upstream = upstream
    this.lines = lines
  }

  get port(): number {
    return Number(new URL(this.house.urls[0] ?? '').port)
  }

  /** A visitor of its own; everything a visitor has open is closed at the end of its scope. */
  visit(): Promise<RawClient> {
    return RawClient.open(this.port)
  }

  /** Writes these bytes as one visitor and reads one answer. */
  async ask(bytes: string | Buffer): Promise<Answer> {
    await using client = await this.visit()
    client.write(bytes)
    return await client.answer()
  }

  /** The accounts of the calls that are settled, in order; `isWell` begins anew. */
  get accounts(): readonly Line[] {
    return this.lines.filter(({ outcome }) => outcome !== undefined)
  }

  /** The account of the call under this ray, once it is settled. */
  async account(ray: string | undefined): Promise<Line> {
    const find = (): Line | undefined => this.accounts.find((line) => line.ray === ray)
    await until(`the account of ${ray}`, () => find() !== undefined)
    return find() as Line
  }

  /** What must hold after whatever a test did: nobody is left inside, and a good call is answered. */
  async isWell(): Promise<void> {
    await until('all calls to be over', () => this.house.callsLive() === 0)
    this.upstream.script = sayHello
    const answer = await this.ask(post(goodBody))
    assert.equal(answer.status, 200, `a good call afterwards: ${answer.body}`)
    assert.match(answer.body, /"content":"hello"/)
    this.upstream.calls.length = 0
    this.lines.length = 0
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.house[Symbol.asyncDispose]()
    await this.upstream[Symbol.asyncDispose]()
  }
}

/** Opens a house with one scripted model server behind it that offers the model `m` and speaks both families. */
export async function openTestHouse(
  settings: Partial<ConfigInput> = {},
  tls: TlsMaterial | null = null,
): Promise<TestHouse> {
  const upstream = await ScriptedUpstream.open()
  const lines: Line[] = []
  const note = (facts: object, message: string): void => void lines.push({ ...facts, message })
  const log: Log = {
    debug: note,
    info: note,
    warn: note,
    error: note,
    call: (_, fact) => note(fact, 'call'),
    flush: () => {},
  }
  const config = checkConfig({
    listeners: [{ port: 0 }],
    journal: { engine: 'memory' },
    protection: { loopDelayMs: 60_000 }, // the visitors' own work holds up the same thread
    upstreams: { only: { url: upstream.url, kind: 'llamacpp', models: ['m'] } },
    ...settings,
  })
  return new TestHouse(await openHouse(config, log, 0, tls), upstream, lines)
}

export const goodBody = '{"model":"m","messages":[{"role":"user","content":"hi"}]}'
export const streamBody = '{"model":"m","stream":true,"messages":[{"role":"user","content":"hi"}]}'

export interface PostOptions {
  readonly path?: string
  /** Header lines beside host and content-length; a content-type only if it is among them. */
  readonly headers?: readonly string[]
  readonly version?: string
}

/** The bytes of a POST with a content-length. */
export function post(body: string | Buffer, options: PostOptions = {}): Buffer {
  const { path = '/v1/chat/completions', headers = ['content-type: application/json'], version = '1.1' } = options
  const lines = [
    `POST ${path} HTTP/${version}`,
    'host: gateway',
    ...headers,
    `content-length: ${Buffer.byteLength(body)}`,
    '',
    '',
  ]
  return Buffer.concat([Buffer.from(lines.join('\r\n'), 'latin1'), Buffer.from(body)])
}

/** The bytes of a request without a body. */
export function request(method: string, path: string, ...headers: string[]): string {
  return [`${method} ${path} HTTP/1.1`, 'host: gateway', ...headers, '', ''].join('\r\n')
}

/** What every answer of the house bears: its ray, under three names. Gives the ray. */
export function rayOf({ headers }: Answer): string {
  const ray = headers['holdfast-ray'] ?? ''
  assert.ok(parseRay(ray), `holdfast-ray: ${ray}`)
  assert.equal(headers['x-request-id'], ray, 'x-request-id')
  assert.equal(headers['request-id'], ray, 'request-id')
  return ray
}

/**
 * What every refusal bears: the code for machines between, advice for SDKs, and for a JSON reader the same ray and code
 * in the body. `param`: the field that the body must name.
 */
export function assertRefused(answer: Answer, status: number, code: FaultCode, param?: string): void {
  assert.equal(answer.status, status, `${code} expected, but: ${status} !== ${answer.status} ${answer.body}`)
  const { 'proxy-status': proxyStatus = '', 'retry-after': retryAfter, 'content-type': type } = answer.headers
  assert.match(proxyStatus, new RegExp(`^holdfast; error=[a-z_]+;.* details="${code}"$`))
  assert.match(answer.headers['x-should-retry'] ?? '', /^(true|false)$/)
  if (retryAfter !== undefined)
    assert.ok(Number(retryAfter) >= 1 && Number(retryAfter) <= 60, `retry-after: ${retryAfter}`)
  const ray = rayOf(answer)
  if (type !== 'application/json') return
  const { error } = JSON.parse(answer.body) as {
    error: { ray: string; cause: string; message: string; param?: string }
  }
  assert.deepEqual([error.cause, error.ray], [code, ray])
  assert.notEqual(error.message, '')
  if (param !== undefined) assert.equal(error.param, param)
}

/** What the parser refused bears less: the listener writes it by hand, in the OpenAI shape; there is no request yet. */
export function assertRefusedByParser(answer: Answer, status: number, code: FaultCode): void {
  assert.equal(answer.status, status, `${code} expected, but: ${answer.body}`)
  const { error } = JSON.parse(answer.body) as { error: { ray: string; cause: string } }
  assert.equal(error.cause, code)
  assert.ok(parseRay(error.ray), 'a ray')
  assert.equal(answer.headers['holdfast-ray'], error.ray)
  assert.equal(answer.headers['connection'], 'close')
  assert.match(answer.headers['proxy-status'] ?? '', new RegExp(`details="${code}"$`))
}
