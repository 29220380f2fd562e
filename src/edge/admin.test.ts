// Tests of the operators' port: who may ask, what of the record is told, and what bad questions get.
import assert from 'node:assert/strict'
import { request } from 'node:http'
import { test } from 'node:test'
import { RaySource } from '../fault/ray.ts'
import { ManualClock } from '../ground/manual-clock.ts'
import { seededRandom } from '../ground/random.ts'
import { Recording } from '../observe/recording.ts'
import { MemoryRecord } from '../store/memory-record.ts'
import { recordSchema } from '../store/record-options.ts'
import { openAdmin } from './admin.ts'
import type { KeyActions } from './admin-keys.ts'
import { isLoopback, showsToken } from './admin-token.ts'

const token = 'a-token-of-operators'

interface Answer {
  readonly status: number
  readonly body: Record<string, unknown>
}

/** Of keys there is one, which cannot be revoked. */
const keys: KeyActions = {
  create: (wish) => ({ ...wish, secret: 'sk-1' }),
  list: () => [{ name: 'alice' }],
  change: () => {},
  rotate: (name, graceMs) => ({ name, graceMs }),
  revoke: (name) => {
    throw Object.assign(new Error(`${name} stays`), { name: 'KeyError' })
  },
}

async function openStage(tokens: readonly string[] = []) {
  const clock = new ManualClock()
  const shelf = new MemoryRecord('worker-0/1')
  const recording = new Recording(clock, recordSchema.parse({}), shelf)
  const admin = await openAdmin(
    { host: '127.0.0.1', port: 0, tokens },
    {
      metrics: () => Promise.resolve('# no numbers\n'),
      liveness: () => ({ workers: ['secret of the house'] }),
      readiness: () => ({ isReady: true, facts: { generation: 7 } }),
      alerts: () => ({ alerts: [] }),
      status: () => ({}),
      fleet: () => ({}),
      forecast: async (deployment) => (deployment === 'chat' ? { deployment } : null),
      deploys: () => null,
      keys,
      subscriptions: () => Promise.resolve({ ways: [] }),
      reload: (isDry) => Promise.resolve({ changes: [], isApplied: !isDry }),
      record: () => shelf,
      cache: () => null,
      quarantine: () => null,
      consoleDesk: { state: (since) => ({ since }), shownConfig: () => ({ yaml: '' }) },
      nowMs: () => clock.nowMs(),
      refusals: {
        clock,
        rays: new RaySource(clock, seededRandom(1), { node: 1, site: 'a' }),
        observer: { settled: (fact) => recording.call(fact) },
      },
    },
  )
  const ask = (path: string, headers: Record<string, string> = {}, method = 'GET', body = ''): Promise<Answer> =>
    new Promise((resolve, reject) => {
      request(`${admin.url}${path}`, { headers, method }, (response) => {
        let text = ''
        response.on('data', (bytes: Buffer) => (text += bytes.toString()))
        response.on('end', () => {
          const body = (text.startsWith('{') ? JSON.parse(text) : { text }) as Answer['body']
          resolve({ status: response.statusCode ?? 0, body })
        })
      })
        .on('error', reject)
        .end(body)
    })
  const close = async (): Promise<void> => {
    await admin[Symbol.asyncDispose]()
    recording[Symbol.dispose]()
  }
  return { clock, recording, ask, [Symbol.asyncDispose]: close }
}

test('with a token only who shows it is told anything; probes learn yes or no', async () => {
  await using stage = await openStage([token, 'of-the-state-folder'])
  const bearer = { authorization: `Bearer ${token}` }
  for (const path of ['/metrics', '/alerts', '/record']) {
    for (const headers of [
      {},
      { authorization: 'Bearer wrong' },
      { authorization: token },
      { authorization: 'Bearer ' },
    ])
      assert.equal((await stage.ask(path, headers)).status, 401, path)
    assert.equal((await stage.ask(path, bearer)).status, 200, path)
    assert.equal((await stage.ask(path, { authorization: 'bearer of-the-state-folder' })).status, 200)
  }
  assert.deepEqual((await stage.ask('/livez')).body, { status: 'alive' })
  assert.deepEqual((await stage.ask('/readyz')).body, { status: 'ready' })
  assert.equal((await stage.ask('/readyz', bearer)).body['generation'], 7)
})

test('without one, a page in a browser cannot ask by a name that leads here', async () => {
  await using stage = await openStage()
  for (const host of ['evil.example', 'evil.example:5021', '127.0.0.1.evil.example', '10.0.0.1'])
    assert.equal((await stage.ask('/record', { host })).status, 403, host)
  for (const host of ['localhost:5021', '127.0.0.1:5021', '[::1]:5021'])
    assert.equal((await stage.ask('/record', { host })).status, 200, host)
  assert.deepEqual((await stage.ask('/livez', { host: 'evil.example' })).body, { status: 'alive' })
})

test('the forecast of a deployment is told, and that there is none', async () => {
  await using stage = await openStage()
  assert.deepEqual((await stage.ask('/fleet/forecast?deployment=chat')).body, { deployment: 'chat' })
  assert.equal((await stage.ask('/fleet/forecast?deployment=other')).status, 404)
  assert.equal((await stage.ask('/fleet/forecast')).status, 404)
})

test('the record is asked by ray, by page and for its counts', async () => {
  await using stage = await openStage()
  const { recording, clock } = stage
  for (let i = 0; i < 30; i++) recording.note({ kind: 'journal', state: 'error', detail: `${i}` })
  recording.note({ kind: 'key', upstream: 'gpu1', code: 'HF_UPSTREAM_QUOTA_SPENT', position: 1, count: 2, restMs: 5 })
  const first = (await stage.ask('/record?kind=journal&limit=20')).body as { facts: { detail: string }[]; next: number }
  assert.deepEqual([first.facts.length, first.facts[0]?.detail], [20, '29'])
  const second = await stage.ask(`/record?kind=journal&limit=20&cursor=${first.next}`)
  assert.deepEqual([(second.body['facts'] as object[]).length, second.body['next']], [10, null])
  const [key] = (await stage.ask('/record?upstream=gpu1&code=HF_UPSTREAM_QUOTA_SPENT')).body['facts'] as object[]
  assert.equal((key as { kind: string }).kind, 'key')
  const eventful = (await stage.ask('/record?kind=journal,call&eventful&limit=5')).body['facts'] as object[]
  assert.equal(eventful.length, 5)
  assert.deepEqual((await stage.ask('/record?ray=none')).body, { facts: [] })
  assert.deepEqual((await stage.ask('/record?counts')).body, { counts: [] })
  const later = new Date(clock.nowMs() + 60_000).toISOString()
  assert.deepEqual((await stage.ask(`/record?from=${later}`)).body['facts'], [])
})

test('a question that makes no sense is told what would', async () => {
  await using stage = await openStage()
  for (const [query, words] of [
    ['kind=nothing', /there is no kind "nothing"; there are call, seam/],
    ['kind=constructor', /there is no kind/],
    ['limit=0', /`limit` is a whole number from 1 to 1000/],
    ['limit=1001', /from 1 to 1000/],
    ['limit=abc', /whole number/],
    ['cursor=-1', /`cursor` is a whole number/],
    ['from=yesterday', /`from` is a time/],
    ['colour=red', /"colour" is not known; there are ray, kind/],
  ] as const) {
    const { status, body } = await stage.ask(`/record?${query}`)
    assert.equal(status, 400, query)
    assert.match(String(body['error']), words)
  }
})

test('every no bears a ray, a code and advice, and is in the record', async () => {
  await using stage = await openStage([token])
  const bearer = { authorization: `Bearer ${token}` }
  for (const [path, headers, status, code] of [
    ['/record', {}, 401, 'HF_KEY_UNKNOWN'],
    ['/nothing', bearer, 404, 'HF_ROUTE_UNKNOWN'],
    ['/record?limit=no', bearer, 400, 'HF_BAD_CALL'],
  ] as const) {
    const refused = await stage.ask(path, headers)
    assert.deepEqual([refused.status, refused.body['cause'], refused.body['retryable']], [status, code, false])
    const ray = String(refused.body['ray'])
    const { cause, whose } = (await stage.ask(`/explain/${ray}`, bearer)).body
    assert.deepEqual([whose, cause === 'unknown'], ['client', false])
  }
  assert.equal((await stage.ask('/explain/last', bearer)).body['cause'], 'unrecorded', 'these are nobody’s calls')
})

test('what loopback is', () => {
  for (const host of ['127.0.0.1', '127.1.2.3', '::1', 'localhost']) assert.ok(isLoopback(host), host)
  for (const host of ['0.0.0.0', '::', '10.0.0.1', '127.0.0.1.example', '128.0.0.1', ''])
    assert.ok(!isLoopback(host), host)
})

test('a token is shown whole or not at all', () => {
  assert.ok(showsToken(`Bearer ${token}`, token))
  for (const shown of [undefined, '', 'Bearer', `Bearer ${token}x`, `Bearer ${token.slice(1)}`, `Basic ${token}`])
    assert.ok(!showsToken(shown, token), String(shown))
})

test('keys and the configuration are changed by whoever shows the token, and never by a page of somebody else', async () => {
  await using stage = await openStage(['secret'])
  const json = { 'content-type': 'application/json', authorization: 'Bearer secret' }
  const asked: [string, string, Record<string, string>, string, number, object][] = [
    ['GET', '/keys', json, '', 200, { keys: [{ name: 'alice' }] }],
    ['POST', '/keys', json, '{"name":"bob","days":3}', 201, { name: 'bob', days: 3, secret: 'sk-1' }],
    ['POST', '/keys/a%20b/rotate', json, '{"graceMinutes":1}', 201, { name: 'a b', graceMs: 60_000 }],
    ['PATCH', '/keys/bob', json, '{"settings":{}}', 200, { name: 'bob', changed: true }],
    ['DELETE', '/keys/bob', json, '', 400, { error: 'bob stays', cause: 'HF_BAD_CALL' }],
    ['POST', '/keys', { 'content-type': 'application/json' }, '{"name":"bob"}', 401, { cause: 'HF_KEY_UNKNOWN' }],
    ['POST', '/keys', { ...json, origin: 'http://evil.test' }, '{"name":"b"}', 403, { cause: 'HF_KEY_UNKNOWN' }],
    ['POST', '/keys', { ...json, 'content-type': 'text/plain' }, '{"name":"b"}', 415, { cause: 'HF_MEDIA_TYPE' }],
    ['POST', '/keys', json, '{"name":', 400, { cause: 'HF_BAD_JSON' }],
    ['POST', '/keys', json, '{"name":1}', 400, { cause: 'HF_BAD_CALL' }],
    ['POST', '/keys', json, '{"name":"b","tier":"premium"}', 400, { cause: 'HF_BAD_CALL' }],
    ['POST', '/keys', json, `"${'x'.repeat(70_000)}"`, 413, { cause: 'HF_BODY_TOO_LARGE' }],
    ['PUT', '/keys/bob', json, '{}', 405, { cause: 'HF_METHOD_UNKNOWN' }],
    ['GET', '/keys/bob', json, '', 405, { cause: 'HF_METHOD_UNKNOWN' }],
    ['POST', '/reload', json, '{"dryRun":true}', 200, { changes: [], isApplied: false }],
    ['POST', '/reload', json, '{"dryRun":1}', 400, { cause: 'HF_BAD_CALL' }],
    ['GET', '/reload', json, '', 405, { cause: 'HF_METHOD_UNKNOWN' }],
    ['POST', '/reload', { 'content-type': 'application/json' }, '', 401, { cause: 'HF_KEY_UNKNOWN' }],
    ['POST', '/keys/bob/x/y', json, '{}', 404, { cause: 'HF_ROUTE_UNKNOWN' }],
  ]
  for (const [method, path, headers, body, status, expected] of asked) {
    const answer = await stage.ask(path, headers, method, body)
    assert.equal(answer.status, status, `${method} ${path} ${body.slice(0, 40)}`)
    assert.partialDeepStrictEqual(answer.body, expected)
  }
})
