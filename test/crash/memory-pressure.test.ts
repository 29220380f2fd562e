/** A gateway that runs out of memory: it refuses what is new, ends what it has, and takes calls again afterwards. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { type Gateway, startGateway } from './gateway.ts'
import { until } from './until.ts'

const mib = 2 ** 20
/** Of one worker: enough for itself and a few of the calls that come. */
const memoryBytesMax = 400 * mib
const promptBytes = 20 * mib
const callCount = 24

/** A model server that begins each answer and does not end it before it is told to. */
class SlowServer implements AsyncDisposable {
  readonly begun: ServerResponse[] = []
  readonly #server = createServer((request, response) => {
    if (request.method === 'GET') return void response.end('{"object":"list","data":[{"id":"m","object":"model"}]}')
    request.resume().on('end', () => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      say(response, 'first', null)
      this.begun.push(response)
      if (this.isQuick) this.#end(response)
    })
  })
  isQuick = false

  async open(): Promise<string> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/v1`
  }

  endAll(): void {
    this.isQuick = true
    for (const response of this.begun) this.#end(response)
  }

  #end(response: ServerResponse): void {
    say(response, ' last', 'stop')
    response.end('data: [DONE]\n\n')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
  }
}

function say(response: ServerResponse, content: string, finish_reason: string | null): void {
  const choices = [{ index: 0, delta: { content }, finish_reason }]
  response.write(`data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', model: 'm', choices })}\n\n`)
}

interface Outcome {
  readonly status: number
  readonly retryAfter: string | null
  readonly ray: string
  readonly text: string
}

async function ask({ url }: Gateway, content: string): Promise<Outcome> {
  const body = JSON.stringify({ model: 'm', stream: true, messages: [{ role: 'user', content }] })
  const headers = { 'content-type': 'application/json' }
  const answer = await fetch(`${url}/v1/chat/completions`, { method: 'POST', headers, body })
  const ray = answer.headers.get('holdfast-ray') ?? ''
  return { status: answer.status, retryAfter: answer.headers.get('retry-after'), ray, text: await answer.text() }
}

async function rungOf({ adminUrl }: Gateway): Promise<string> {
  const { workers } = (await (await fetch(`${adminUrl}/readyz`)).json()) as {
    workers: { pressure?: { rung: string } }[]
  }
  return workers[0]?.pressure?.rung ?? ''
}

test('short of memory, new calls are refused, all that was accepted ends whole, and then calls are taken again', {
  timeout: 120_000,
}, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-memory-'))
  await using server = new SlowServer()
  try {
    const upstreams = { only: { url: await server.open(), models: ['m'] } }
    const file = join(folder, 'holdfast.yaml')
    await writeFile(file, JSON.stringify({ workers: 1, upstreams, protection: { memoryBytesMax } }))
    await using gateway = await startGateway('--config', file)
    const prompt = 'x'.repeat(promptBytes)
    const calls: Promise<Outcome>[] = []
    for (let i = 0; i < callCount && (await rungOf(gateway)) !== 'refuse'; i++) {
      calls.push(ask(gateway, `${prompt} ${i}`))
      await until('the call to be there', async () => server.begun.length > i || (await rungOf(gateway)) === 'refuse')
    }
    const refused = await ask(gateway, 'a small one')
    assert.equal(refused.status, 503, `after ${calls.length} calls: ${refused.text}`)
    assert.match(refused.text, /server_is_overloaded/)
    assert.ok(Number(refused.retryAfter) >= 2)
    assert.equal((await fetch(`${gateway.adminUrl}/livez`)).status, 200)

    server.endAll()
    const accepted = (await Promise.all(calls)).filter(({ status }) => status === 200)
    assert.ok(accepted.length > 0)
    for (const { text } of accepted) assert.match(text, /first.* last.*"stop".*\[DONE\]/s)
    const [one] = accepted
    const again = await fetch(`${gateway.url}/v1/answers/${one?.ray}`, { headers: { accept: 'text/event-stream' } })
    assert.match(await again.text(), /first.* last.*\[DONE\]/s, 'and is read again meanwhile')

    await until('calls to be taken again', async () => (await ask(gateway, 'a small one')).status === 200)
    const words = gateway.lines
      .map(({ msg }) => String(msg))
      .filter((msg) => msg.startsWith('under pressure: new calls'))
    assert.ok(words.length > 0, 'and the log tells of it')
  } finally {
    await rm(folder, { recursive: true, maxRetries: 20, retryDelay: 100 })
  }
})
