// Whatever is asked of an answer that makes no sense gets a clear no, and the house stays well.
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, test } from 'node:test'
import type { FaultCode } from '../../src/fault/code.ts'
import { SqliteJournal } from '../../src/store/sqlite-journal.ts'
import { openTestHouse, pause, rayOf, request, type TestHouse, until } from './harness.ts'
import { callStream, hi, rayIn, readAgain, sayWords, urlOf } from './resume-rig.ts'

let house: TestHouse
let path = ''
before(async () => {
  house = await openTestHouse()
  house.upstream.script = (call) => {
    call.beginStream()
    sayWords(call, 0, 5)
    call.endStream()
  }
  const first = await (await callStream(urlOf(house), { messages: hi, store: true })).ended()
  path = `/v1/answers/${rayIn(first)}`
})
after(async () => await house[Symbol.asyncDispose]())
beforeEach(async () => await house.isWell())

async function refused(bytes: string, status: number, code: FaultCode, param?: string): Promise<void> {
  const answer = await house.ask(bytes)
  const { error } = JSON.parse(answer.body) as { error: { cause: string; ray: string; param: string | null } }
  const told = [answer.status, error.cause, error.ray, answer.headers['x-should-retry']]
  assert.deepEqual(told, [status, code, rayOf(answer), 'false'], JSON.stringify(bytes.slice(0, 120)))
  if (param !== undefined) assert.equal(error.param, param)
}

test('cursors of every shape but a number', async () => {
  const queries = ['abc', '1.5', '-2', '%2B1', '01', '-0', '1e3', '0x1', '%00', '%201', '', '1%2C2', 'null', 'NaN', '٣']
  for (const query of [...queries.map(encodeURI), '9'.repeat(16), '9'.repeat(5000), '999999999999999', '7']) {
    for (const name of ['after', 'starting_after'])
      await refused(request('GET', `${path}?${name}=${query}`), 400, 'HF_CURSOR_INVALID', 'after')
  }
  for (const header of ['abc', '1, 2', '-2', '1;2', '0x1', '"1"', '\u00e9', '9'.repeat(9000), '7'])
    await refused(request('GET', path, `last-event-id: ${header}`), 400, 'HF_CURSOR_INVALID', 'after')
  await refused(request('GET', path, 'last-event-id: 1', 'last-event-id: 2'), 400, 'HF_CURSOR_INVALID', 'after')
})

test('ids of every shape but one that is there', async () => {
  const ids = [
    '%00',
    '%0d%0ax:y',
    '%1b%5b2J',
    '.',
    '..',
    '%2e%2e',
    '%2F',
    'a%2Fb',
    '__proto__',
    'constructor',
    '*',
    '%F0%9F%A6%8A',
  ]
  ids.push(
    'key%2F%2Fabc',
    'lost%2F%2Fabc',
    'id%2F%2Fc',
    "'%20OR%201=1--",
    'resp_',
    'resp_bg_',
    'a'.repeat(512),
    'a'.repeat(10_000),
  )
  ids.push(path.slice('/v1/answers/'.length).toUpperCase(), `${path.slice('/v1/answers/'.length)}x`)
  for (const id of ids) {
    for (const room of ['answers', 'responses', 'chat/completions', 'messages', 'completions']) {
      await refused(request('GET', `/v1/${room}/${id}`), 404, 'HF_ANSWER_UNKNOWN')
      await refused(request('GET', `/v1/${room}/${id}?after=x`), 404, 'HF_ANSWER_UNKNOWN')
    }
    await refused(request('DELETE', `/v1/answers/${id}`), 404, 'HF_ANSWER_UNKNOWN')
    await refused(request('POST', `/v1/answers/${id}/cancel`, 'content-length: 0'), 404, 'HF_ANSWER_UNKNOWN')
  }
  for (const id of ['%', '%zz', '%c3', 'a%f']) await refused(request('GET', `/v1/answers/${id}`), 400, 'HF_BAD_HTTP')
})

test('paths that are no answer’s', async () => {
  for (const other of [
    '/v1/answers',
    '/v1/answers/',
    '/v1/answers//cancel',
    `${path}/`,
    `${path}/cancel/`,
    `${path}/events`,
  ])
    await refused(request('GET', other), 404, 'HF_ROUTE_UNKNOWN')
})

test('methods that an answer does not know', async () => {
  for (const method of ['PUT', 'PATCH', 'OPTIONS', 'POST']) {
    await refused(request(method, path, 'content-length: 0'), 405, 'HF_METHOD_UNKNOWN')
    const { headers } = await house.ask(request(method, path, 'content-length: 0'))
    assert.equal(headers['allow'], 'GET, HEAD, DELETE')
  }
  for (const method of ['GET', 'PUT', 'DELETE']) {
    await refused(request(method, `${path}/cancel`, 'content-length: 0'), 405, 'HF_METHOD_UNKNOWN')
    const { headers } = await house.ask(request(method, `${path}/cancel`, 'content-length: 0'))
    assert.equal(headers['allow'], 'POST')
  }
})

test('a body where none belongs is let go', async () => {
  await using client = await house.visit()
  client.write(`${request('GET', path, 'content-length: 5')}hello`)
  assert.equal((await client.answer()).status, 200)
  client.write(request('HEAD', '/v1/answers/nobody', 'connection: close'))
  await client.heard('404')
})

test('a reader that says nothing and goes is forgotten', async () => {
  house.upstream.script = (call) => {
    call.beginStream()
    sayWords(call, 0, 1)
  }
  const first = await callStream(urlOf(house), { messages: hi })
  await first.heard(1)
  for (let i = 0; i < 20; i++) {
    await using client = await house.visit()
    client.write(request('GET', `/v1/answers/${rayIn(first)}`, 'accept: text/event-stream'))
    if (i % 2) await client.heard('200 OK')
    client.reset()
  }
  ;(await house.upstream.call(0)).endStream()
  await first.ended()
  assert.equal(first.ending, 'end')
})

test('an EventSource is never told 5xx, but held and let go', async () => {
  const stateDir = await mkdtemp(join(tmpdir(), 'holdfast-test-'))
  const broken = await openTestHouse({ journal: { engine: 'sqlite' }, stateDir })
  const { open } = SqliteJournal.prototype
  try {
    broken.upstream.script = (call) => {
      call.beginStream()
      sayWords(call, 0, 2)
      call.endStream()
    }
    const first = await (await callStream(urlOf(broken), { messages: hi })).ended()
    SqliteJournal.prototype.open = () => Promise.reject(new Error('disk I/O error'))
    const beganMs = performance.now()
    await assert.rejects(readAgain(urlOf(broken), `answers/${rayIn(first)}`), /fetch failed/)
    assert.ok(performance.now() - beganMs > 500, 'held, so that it does not come back in a hot loop')
    assert.equal((await fetch(`${urlOf(broken)}/v1/answers/${rayIn(first)}`)).status, 500)
    SqliteJournal.prototype.open = open
    const again = await (await readAgain(urlOf(broken), `answers/${rayIn(first)}`)).ended()
    assert.equal(again.bytes, first.bytes)
  } finally {
    SqliteJournal.prototype.open = open
    await broken[Symbol.asyncDispose]()
    await rm(stateDir, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
  }
})

test('a full house still lets answers be read again', async () => {
  await using full = await openTestHouse({ limits: { callsLiveMax: 1 } })
  full.upstream.script = (call) => {
    call.beginStream()
    sayWords(call, 0, 1)
  }
  const first = await callStream(urlOf(full), { messages: hi })
  await first.heard(1)
  const refusedCall = await callStream(urlOf(full), { messages: hi })
  assert.ok([429, 503].includes(refusedCall.answer.status))
  const again = await readAgain(urlOf(full), `answers/${rayIn(first)}`)
  await again.heard(1)
  ;(await full.upstream.call(0)).endStream()
  await again.ended()
  assert.equal(again.ending, 'end')
  await first.ended()
})

test('a house that drains goes on reading to those who come back on a connection of theirs', async () => {
  const draining = await openTestHouse()
  draining.upstream.script = (call) => {
    call.beginStream()
    sayWords(call, 0, 1)
  }
  const first = await callStream(urlOf(draining), { messages: hi })
  await first.heard(1)
  await using client = await draining.visit()
  client.write(request('GET', '/v1/models'))
  await client.answer()
  const drained = draining.house.drain(5000)
  await pause(20)
  client.write(request('GET', `/v1/answers/${rayIn(first)}`, 'accept: text/event-stream'))
  await client.heard('id: 0\n')
  ;(await draining.upstream.call(0)).endStream()
  await client.heard('[DONE]')
  await first.ended()
  await until('the drain to be over', () => draining.house.callsLive() === 0)
  await drained
  await draining.upstream[Symbol.asyncDispose]()
})
