/** The lines of the log as they stand in the file: JSON whatever callers and servers write, and no secret in them. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { checkConfig } from '../../src/config.ts'
import { openHouse, type House } from '../../src/main.ts'
import { openLog, type Log } from '../../src/observe/log.ts'
import { goodBody, post, sayHello, ScriptedUpstream, streamBody, until } from '../http/harness.ts'
import { RawClient, type Answer } from '../http/raw-client.ts'

const secret = 'Zq8vT3mLw0pXr5nB7cK2'
const json = 'content-type: application/json'
type Line = Readonly<Record<string, unknown>>

const folder = mkdtempSync(join(tmpdir(), 'holdfast-log-'))
const file = join(folder, 'log')
let upstream: ScriptedUpstream
let house: House
let log: Log

before(async () => {
  upstream = await ScriptedUpstream.open()
  log = openLog({ level: 'debug', access: true }, file, { worker: 0 })
  const config = checkConfig({
    listeners: [{ port: 0 }],
    journal: { engine: 'memory' },
    timeouts: { patienceMs: 0 },
    upstreams: { only: { url: upstream.url, kind: 'llamacpp', models: ['m'], key: secret } },
    keys: [{ name: 'ann', key: `caller-${secret}` }],
  })
  house = await openHouse(config, log)
})
after(async () => {
  await house[Symbol.asyncDispose]()
  await upstream[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
})

/** Each line as it was read; one that is no object fails. */
function lines(): Line[] {
  log.flush()
  return readFileSync(file, 'utf8')
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Line)
}

async function ask(body: string, ...headers: string[]): Promise<Answer> {
  await using client = await RawClient.open(Number(new URL(house.urls[0] ?? '').port))
  client.write(post(body, { headers: [json, `authorization: Bearer caller-${secret}`, ...headers] }))
  return await client.answer()
}

async function lineOf(answer: Answer): Promise<Line> {
  const find = (): Line | undefined => lines().find(({ ray }) => ray === answer.headers['holdfast-ray'])
  await until('the line of the call', () => find() !== undefined)
  return find() as Line
}

test('the line of a call tells its phases: the line, the connection, the first token, the whole', async () => {
  upstream.script = (call) => {
    call.beginStream()
    setTimeout(() => call.say('hello'), 60)
    setTimeout(() => call.endStream(), 120)
  }
  const trace = '4bf92f3577b34da6a3ce929d0e0e4736'
  const line = await lineOf(
    await ask(streamBody, 'x-request-id: mine-7', `traceparent: 00-${trace}-00f067aa0ba902b7-01`),
  )
  assert.deepEqual(
    [line['requestId'], line['traceId'], line['caller'], line['level']],
    ['mine-7', trace, 'ann', 'info'],
  )
  const [attempt] = line['attempts'] as Record<string, number>[]
  const { connectMs = -1, firstTokenMs = -1, durationMs = -1, afterMs = -1 } = attempt ?? {}
  assert.ok(afterMs >= 0 && connectMs >= 0 && firstTokenMs >= 49 && firstTokenMs >= connectMs, JSON.stringify(attempt))
  assert.ok(durationMs >= firstTokenMs + 40 && Number(line['durationMs']) >= durationMs, JSON.stringify(line))
  assert.ok(Number(line['overheadMs']) >= 0 && Number(line['overheadMs']) < Number(line['firstTokenMs']))
})

test('what a caller sends becomes no line of its own, whatever is in it', async () => {
  upstream.script = sayHello
  const forged = '{"level":"error","msg":"forged"}'
  const models = [`m\n${forged}`, `m\r\n${forged}`, `m","msg":"forged`, '\u2028\u2029\u0000\u001b[31m', 'm\\', '\ud800']
  for (const model of models) await ask(JSON.stringify({ model, messages: [] }))
  const hostile = [
    `x-request-id: a" ,"msg":"forged`,
    `traceparent: 00-${forged}`,
    `tracestate: a=${forged}`,
    `baggage: a=${forged}`,
  ]
  for (const header of [...hostile, `user-agent: ${forged}`, `x-session-id: ${forged}`, `x-forwarded-for: ${forged}`])
    await ask(goodBody, header)
  await until(
    'all to be told',
    () => lines().filter(({ outcome }) => outcome !== undefined).length >= models.length + 7,
  )
  assert.equal(
    lines().some(({ msg, level }) => msg === 'forged' || level === undefined),
    false,
  )
})

test('no key, cookie or authorization gets into the log, whoever writes it there', async () => {
  upstream.script = (call) => {
    const message = `Incorrect API key provided: sk-${secret}. Authorization: Bearer ${secret}; api_key=${secret}`
    call.answer({ error: { message, type: 'server_error' } }, 500)
  }
  const answer = await ask(
    goodBody,
    `cookie: session=${secret}`,
    `x-api-key: ${secret}`,
    `proxy-authorization: Basic ${secret}`,
  )
  const line = await lineOf(answer)
  assert.equal(line['outcome'], 'failed')
  assert.match(JSON.stringify(line), /\[redacted\]/)
  log.warn({ detail: `failed with Bearer ${secret}`, authorization: secret, headers: { cookie: secret } }, 'a test')
  log.flush()
  assert.equal(readFileSync(file, 'utf8').includes(secret), false)
  assert.ok(lines().some(({ msg, detail }) => msg === 'a test' && detail === 'failed with Bearer [redacted]'))
})
