/**
 * Secrets and prompts are planted wherever one can put them, things go wrong in every way, and then everything that the
 * gateway has written or sent to anybody but model servers and callers is searched for them.
 */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { type Gateway, holdfast, startGateway } from '../crash/gateway.ts'
import { until } from '../crash/until.ts'
import { Sink } from '../alerts/sink.ts'
import { ScriptedUpstream, type UpstreamCall } from '../http/harness.ts'

/** By where it is planted. */
const canaries = {
  callerKey: 'canary-key-of-a-caller-1',
  wrongKey: 'canary-key-that-is-wrong-2',
  upstreamKey: 'canary-key-of-the-upstream-3',
  adminToken: 'canary-token-of-operators-4',
  wrongToken: 'canary-token-that-is-wrong-5',
  hookSecret: 'canary-secret-of-the-hook-6',
  otlpToken: 'canary-token-of-telemetry-7',
  prompt: 'canary prompt of a person 8',
  answer: 'canary answer of a model 9',
  cookie: 'canary-cookie-10',
  header: 'canary-header-11',
  query: 'canary-query-12',
  idempotency: 'canary-idempotency-13',
  badJson: 'canary in bad json 14',
  field: 'canary in a field 15',
  streamed: 'canary streamed 16',
  path: 'sk-canary-in-the-path-17',
} as const

/** Files that hold answers and requests, and the one that the operator's own commands read. */
const rightful = /^(journal|streams)\.db|^holdfast\.pid$|^holdfast\.json$/

let folder = ''
let upstream: ScriptedUpstream
let alerts: Sink
let otlp: Sink
let gateway: Gateway

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-canary-'))
  upstream = await ScriptedUpstream.open()
  upstream.script = misbehave
  alerts = await Sink.open()
  otlp = await Sink.open()
  const config = {
    workers: 1,
    log: { level: 'debug', file: join(folder, 'holdfast.log') },
    admin: { port: 0, token: canaries.adminToken },
    keys: [{ name: 'app', key: canaries.callerKey }],
    upstreams: {
      one: { url: upstream.url, kind: 'vllm', models: ['m'], key: canaries.upstreamKey },
      gone: { url: `http://127.0.0.1:1/v1`, kind: 'vllm', models: ['m'], key: canaries.upstreamKey },
    },
    timeouts: { firstTokenMs: 700, interTokenMs: 700, patienceMs: 100 },
    objectives: [{ name: 'whole', sli: 'availability', target: 0.99 }],
    alerts: {
      periodMs: 100,
      groupWaitMs: 0,
      receivers: { hook: { webhook: { url: `${alerts.url}/hook`, secret: canaries.hookSecret } } },
    },
    telemetry: {
      otlp: {
        url: otlp.url,
        periodMs: 1000,
        sampleRatio: 1,
        headers: { authorization: `Bearer ${canaries.otlpToken}` },
      },
    },
  }
  const file = join(folder, 'holdfast.json')
  writeFileSync(file, JSON.stringify(config))
  gateway = await startGateway('--config', file, '--state', folder)
})

after(async () => {
  await gateway[Symbol.asyncDispose]()
  for (const each of [alerts, otlp, upstream]) await each[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
})

/** Does as the prompt says, and quotes it while it is at it. */
function misbehave(call: UpstreamCall): void {
  const text = JSON.stringify(call.body)
  const { authorization = '' } = call.headers
  const quote = `${canaries.prompt} (${authorization})`
  const say = (status: number, message: string): void =>
    call.answer({ error: { message, type: 'x', code: 'x' } }, status)
  if (text.includes('do:400')) return say(400, `1 validation error: input_value='${quote}'`)
  if (text.includes('do:401')) return say(401, `Incorrect API key provided: ${authorization}. ${canaries.upstreamKey}`)
  if (text.includes('do:500')) return say(500, `failed, with authorization: ${authorization}`)
  if (text.includes('do:html')) {
    call.response.writeHead(502, { 'content-type': 'text/html' }).end(`<title>no</title>${quote}`)
    return
  }
  if (text.includes('do:json')) {
    call.response.writeHead(200, { 'content-type': 'application/json' }).end(`{"choices": ${canaries.answer}`)
    return
  }
  call.beginStream()
  call.say(canaries.streamed)
  if (text.includes('do:cut')) return void call.response.destroy()
  if (text.includes('do:nonsense')) return void call.response.end(`data: {${canaries.answer}\n\n`)
  if (text.includes('do:refuse'))
    return void call.response.end(
      `data: ${JSON.stringify({ error: { message: `invalid: ${quote}`, type: 'invalid_request_error', code: 400 } })}\n\n`,
    )
  if (text.includes('do:hang')) return
  call.say(canaries.answer)
  call.endStream()
}

async function ask(wish: string, more: { stream?: boolean; headers?: Record<string, string>; body?: string } = {}) {
  const call = {
    model: 'm',
    stream: more.stream ?? true,
    messages: [{ role: 'user', content: `${canaries.prompt} ${wish}` }],
  }
  const answer = await fetch(`${gateway.url}/v1/chat/completions?token=${canaries.query}`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      authorization: `Bearer ${canaries.callerKey}`,
      cookie: `session=${canaries.cookie}`,
      'x-custom': canaries.header,
      ...more.headers,
    },
    body: more.body ?? JSON.stringify(call),
  }).catch(() => null)
  await answer?.text().catch(() => '')
}

async function askOperators(path: string, token: string): Promise<void> {
  const answer = await fetch(`${gateway.adminUrl}${path}`, { headers: { authorization: `Bearer ${token}` } })
  await answer.text()
}

test('what is written and told holds no key, no prompt, no answer', { timeout: 120_000 }, async () => {
  await ask('do:well')
  for (const wish of ['do:400', 'do:401', 'do:500', 'do:html', 'do:json']) await ask(wish, { stream: false })
  for (const wish of ['do:cut', 'do:nonsense', 'do:refuse', 'do:hang', 'do:400']) await ask(wish)
  await ask('', { headers: { authorization: `Bearer ${canaries.wrongKey}` } })
  await ask('', { headers: { 'idempotency-key': canaries.idempotency } })
  await ask('', { body: `{"model": "m", "messages": [{"role": "user", "content": "${canaries.badJson}` })
  await ask('', { body: `{"model": "m", "messages": "${canaries.badJson}", "x": ${canaries.badJson}}` })
  await ask('', { body: JSON.stringify({ model: 'm', messages: { text: canaries.field }, stream: canaries.field }) })
  await ask('', { body: JSON.stringify({ model: 'm', messages: canaries.field, temperature: canaries.field }) })
  await fetch(`${gateway.url}/v1/${canaries.path}/chat/completions`, { method: 'POST', body: '{}' })
  await fetch(`${gateway.url}/v1/nothing?key=${canaries.query}`, { headers: { 'x-api-key': canaries.wrongKey } })
  await fetch(`${gateway.url}/v1/answers/x?after=${canaries.query}`, { headers: { 'x-api-key': canaries.callerKey } })
  await fetch(`${gateway.url}/v1/stream/s?offset=${canaries.query}`, { headers: { 'x-api-key': canaries.callerKey } })
  for (const path of ['/record', '/nothing', '/alerts', `/record?x=${canaries.query}`]) {
    await askOperators(path, canaries.adminToken)
    await askOperators(path, canaries.wrongToken)
  }
  for (let i = 0; i < 40; i++) await ask('do:html', { stream: false })
  await until('an alert', () => Promise.resolve(alerts.taken.length > 0))
  await until('telemetry', () => Promise.resolve(otlp.taken.some(({ url }) => url.endsWith('/traces'))))
  const { output: tail } = await holdfast('tail', '--state', folder, '-n', '1000')
  const { output: explained } = await holdfast('explain', 'last', '--state', folder)
  const { output: status } = await holdfast('status', '--state', folder, '--json')
  await gateway.end('SIGTERM')
  const written: [string, string][] = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !rightful.test(entry.name))
    .map(({ parentPath, name }) => [name, readFileSync(join(parentPath, name), 'latin1')])
  const told: [string, string][] = [
    ...written,
    ['standard output', gateway.lines.map((line) => JSON.stringify(line)).join('\n')],
    ['alerts', alerts.taken.map(({ body }) => body).join('\n')],
    ['telemetry', otlp.taken.map(({ body, url }) => url + body).join('\n')],
    ['holdfast tail', tail],
    ['holdfast explain', explained],
    ['holdfast status', status],
  ]
  assert.ok(written.some(([name]) => name === 'record.db') && written.some(([name]) => name === 'holdfast.log'))
  assert.ok(written.some(([name, text]) => name.startsWith('record.db') && text.includes('HF_CALL_REFUSED')))
  const found = told.flatMap(([place, text]) =>
    Object.entries(canaries).flatMap(([name, canary]) => {
      const at = text.indexOf(canary)
      return at === -1 ? [] : [`${name} in ${place}: …${text.slice(Math.max(0, at - 120), at + 40)}`]
    }),
  )
  assert.deepEqual(found, [])
})
