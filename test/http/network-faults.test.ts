/**
 * Every way a model server or the way to it can fail before the first token: with a second server the call is
 * answered by
 * that one; alone, the caller gets one clean typed error, with the right code, within its time. Prints the table.
 */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer as createHttpsServer } from 'node:https'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test, type TestContext } from 'node:test'
import type { FaultOrder } from '../../lab/fault-plan.ts'
import { openSimServer, type SimServer } from '../../lab/sim-server.ts'
import { checkConfig, type ConfigInput } from '../../src/config.ts'
import type { FaultCode } from '../../src/fault/code.ts'
import type { ExchangeFact } from '../../src/observe/exchange-fact.ts'
import { openHouse } from '../../src/main.ts'
import { silentLog } from '../../src/observe/log.ts'
import { chat } from '../crash/chat.ts'

const timeouts = { connectMs: 400, firstTokenMs: 600, interTokenMs: 600, wholeMs: 600, patienceMs: 0 }
/** Above the longest of the time limits, for a busy machine; a call that hangs takes minutes. */
const answerMsMax = 10_000

/** A server that is broken in one way, by its base URL. */
interface Broken extends AsyncDisposable {
  readonly url: string
}

interface Case {
  readonly name: string
  readonly code: FaultCode
  readonly status: number
  open(t: TestContext): Promise<Broken | null>
}

/** A lab server under a fault that strikes the calls, not the list of models. */
function ordered(kind: FaultOrder['kind'], more: Partial<FaultOrder> = {}): () => Promise<Broken> {
  return async () => {
    const sim = await openSimServer({ engine: { decodeRate: 1000 } })
    sim.order({ kind, ...more })
    return { url: `${sim.url}/v1`, [Symbol.asyncDispose]: () => sim.close() }
  }
}

function at(url: string): () => Promise<Broken> {
  return async () => ({ url, [Symbol.asyncDispose]: async () => {} })
}

async function refused(): Promise<Broken> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return { url: `http://127.0.0.1:${port}/v1`, [Symbol.asyncDispose]: async () => {} }
}

/** A stopped process with a full queue of connections: further ones are dropped by the kernel without a word. */
async function blackHole(t: TestContext): Promise<Broken | null> {
  if (process.platform !== 'linux') {
    t.diagnostic('black hole: skipped, only Linux drops connections to a full queue')
    return null
  }
  const script =
    "const s=require('net').createServer().listen({port:0,host:'127.0.0.1',backlog:1},()=>console.log(s.address().port))"
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [bytes] = (await once(child.stdout, 'data')) as [Buffer]
  const port = Number(bytes.toString())
  child.kill('SIGSTOP')
  // Until it really stands still it would go on taking connections.
  while (!/\) T /.test(await readFile(`/proc/${child.pid}/stat`, 'utf8')))
    await new Promise((resolve) => setTimeout(resolve, 5))
  // The queue holds two; the rest of these wait outside, so that it is full whenever somebody else comes.
  const plugs: Socket[] = Array.from({ length: 8 }, () => connect(port, '127.0.0.1').on('error', () => {}))
  await Promise.all(plugs.slice(0, 2).map((plug) => once(plug, 'connect')))
  return {
    url: `http://127.0.0.1:${port}/v1`,
    [Symbol.asyncDispose]: async () => {
      for (const plug of plugs) plug.destroy()
      child.kill('SIGKILL')
    },
  }
}

/** TLS with a certificate that nobody vouches for. */
async function selfSigned(t: TestContext): Promise<Broken | null> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-cert-'))
  const made = spawnSync('openssl', [
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-days',
    '1',
    '-subj',
    '/CN=localhost',
    '-keyout',
    join(folder, 'key'),
    '-out',
    join(folder, 'cert'),
  ])
  if (made.status !== 0) {
    t.diagnostic('self-signed certificate: skipped, there is no openssl to make one')
    return null
  }
  const [key, cert] = await Promise.all([readFile(join(folder, 'key')), readFile(join(folder, 'cert'))])
  await rm(folder, { recursive: true, maxRetries: 20, retryDelay: 100 })
  const server = createHttpsServer({ key, cert }, (_, response) => response.end('{}')).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return { url: `https://127.0.0.1:${port}/v1`, [Symbol.asyncDispose]: async () => void server.close() }
}

const cases: readonly Case[] = [
  { name: 'refused', code: 'HF_UPSTREAM_REFUSED', status: 502, open: refused },
  { name: 'reset before the head', code: 'HF_UPSTREAM_RESET', status: 502, open: ordered('reset') },
  { name: 'black hole', code: 'HF_CONNECT_TIMEOUT', status: 504, open: blackHole },
  {
    name: 'name does not resolve',
    code: 'HF_DNS_FAILED',
    status: 502,
    open: at(`http://${'x'.repeat(64)}.invalid/v1`),
  },
  {
    name: 'TLS to a plain port',
    code: 'HF_TLS_FAILED',
    status: 502,
    open: async () => {
      const sim = await openSimServer()
      return { url: `${sim.url.replace('http:', 'https:')}/v1`, [Symbol.asyncDispose]: () => sim.close() }
    },
  },
  { name: 'self-signed certificate', code: 'HF_TLS_CERTIFICATE', status: 502, open: selfSigned },
  { name: '502 with an HTML page', code: 'HF_UPSTREAM_ERROR', status: 502, open: ordered('502-html') },
  { name: '500', code: 'HF_UPSTREAM_ERROR', status: 502, open: ordered('500') },
  { name: '503', code: 'HF_UPSTREAM_BUSY', status: 503, open: ordered('503') },
  {
    name: '429 with Retry-After',
    code: 'HF_UPSTREAM_RATE_LIMITED',
    status: 429,
    open: ordered('429', { retryAfterMs: 3000 }),
  },
  { name: 'empty 200', code: 'HF_UPSTREAM_EMPTY', status: 502, open: ordered('empty-200') },
  { name: 'garbage, not HTTP', code: 'HF_UPSTREAM_GARBLED', status: 502, open: ordered('garbage') },
  { name: '200 that is not JSON', code: 'HF_UPSTREAM_GARBLED', status: 502, open: ordered('bad-json-200') },
  { name: 'half a head, then silence', code: 'HF_FIRST_TOKEN_TIMEOUT', status: 504, open: ordered('stalled-head') },
  { name: 'takes the call, never answers', code: 'HF_FIRST_TOKEN_TIMEOUT', status: 504, open: ordered('hang') },
  { name: 'engine wedged, health still 200', code: 'HF_FIRST_TOKEN_TIMEOUT', status: 504, open: ordered('deadlock') },
]

let good: SimServer
before(async () => {
  good = await openSimServer({ engine: { decodeRate: 1000 } })
})
after(() => good.close())

/** A house whose first choice is the broken server, and whose second, where there is one, is a good one. */
async function openCase(broken: string, hasSecond: boolean, facts: ExchangeFact[]) {
  const models = ['lab-model']
  const upstreams: ConfigInput['upstreams'] = { broken: { url: broken, kind: 'vllm', models, priority: 0 } }
  if (hasSecond) upstreams['good'] = { url: `${good.url}/v1`, kind: 'vllm', models, priority: 1 }
  const config = checkConfig({ upstreams, timeouts, listeners: [{ port: 0 }], journal: { engine: 'memory' } })
  return openHouse(config, { ...silentLog, call: (_, fact) => void facts.push(fact) })
}

const rows: string[] = []
after(() => {
  const head = ['fault'.padEnd(34), 'answer'.padEnd(12), 'with a second server'.padEnd(28), 'alone'].join('| ')
  process.stdout.write(`\n${[head, '-'.repeat(110), ...rows].join('\n')}\n\n`)
})

for (const each of cases) {
  for (const isStream of [false, true]) {
    // Only a whole answer is JSON in one piece; in a stream a piece that makes no sense is left out.
    if (each.name === '200 that is not JSON' && isStream) continue
    test(`${each.name}, ${isStream ? 'streamed' : 'whole'}: failover, or one clean error`, {
      timeout: 60_000,
    }, async (t) => {
      await using broken = await each.open(t)
      if (!broken) return t.skip('cannot be made here')
      const facts: ExchangeFact[] = []
      const prompt = `${each.name} tokens:5`

      await using pair = await openCase(broken.url, true, facts)
      const rescued = await chat(pair.urls[0] ?? '', 'lab-model', prompt, isStream)
      assert.equal(rescued.verdict, 'whole', `with a second server the answer comes: ${rescued.code} ${rescued.detail}`)

      await using alone = await openCase(broken.url, false, facts)
      const beganMs = performance.now()
      const answer = await fetch(`${alone.urls[0]}/v1/chat/completions`, {
        method: 'POST',
        body: JSON.stringify({ model: 'lab-model', stream: isStream, messages: [{ role: 'user', content: prompt }] }),
      })
      const tookMs = performance.now() - beganMs
      const { error } = (await answer.json()) as { error: { cause: string; message: string; ray: string } }
      assert.equal(error.cause, each.code)
      assert.equal(answer.status, each.status)
      assert.ok(tookMs < answerMsMax, `answered within its time, not after ${tookMs} ms`)
      assert.equal(answer.headers.get('holdfast-ray'), error.ray)
      assert.match(answer.headers.get('proxy-status') ?? '', /^holdfast; error=/)
      assert.doesNotMatch(error.message, /<html|127\.0\.0\.1/i, 'no page and no address of ours reaches the caller')
      if (each.status === 429) assert.equal(answer.headers.get('retry-after'), '3')

      const tries = facts[0]?.attempts.map(({ upstream, code }) => `${upstream} ${code ?? 'ok'}`).join(', ') ?? ''
      rows.push(
        [
          each.name.padEnd(34),
          (isStream ? 'streamed' : 'whole').padEnd(12),
          `whole, ${facts[0]?.attempts.length} tries`.padEnd(28),
          `${answer.status} ${error.cause} after ${Math.round(tookMs)} ms`,
        ].join('| '),
      )
      t.diagnostic(tries)
    })
  }
}
