/** What answers say of who had the call, and of the caller's own name for it. */
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import {
  goodBody,
  openTestHouse,
  pause,
  post,
  request,
  sayHello,
  streamBody,
  type TestHouse,
  type UpstreamCall,
  until,
} from '../http/harness.ts'
import type { Answer } from '../http/raw-client.ts'

const json = 'content-type: application/json'
let house: TestHouse
before(async () => (house = await openTestHouse()))
after(async () => await house[Symbol.asyncDispose]())
beforeEach(async () => await house.isWell())

/** Milliseconds by who had it. */
function timingOf({ headers }: Answer): Record<string, number> {
  const told = headers['server-timing'] ?? ''
  assert.match(told, /^(\w+;dur=\d+(\.\d)?)(, \w+;dur=\d+(\.\d)?){2}$/)
  return Object.fromEntries(
    told
      .split(', ')
      .map((each) => each.split(';dur='))
      .map(([who, ms]) => [who, Number(ms)]),
  )
}

for (const [kind, body] of [
  ['an answer in one piece', goodBody],
  ['a stream', streamBody],
] as const) {
  // The second header keeps a request from being read as a plain one: it is served by node:http.
  for (const extra of [[], ['expect: 100-continue']])
    test(`${kind} says how long the upstream had the call, and how long the gateway${extra.length ? ' (over node:http)' : ''}`, async () => {
      house.upstream.script = (call) => void setTimeout(() => sayHello(call), 120)
      await using client = await house.visit()
      client.write(post(body, { headers: [json, ...extra] }))
      let answer = await client.answer()
      if (answer.status === 100) answer = await client.answer()
      assert.equal(answer.status, 200)
      const { queue, upstream = 0, gateway = -1 } = timingOf(answer)
      assert.equal(queue, 0)
      assert.ok(upstream >= 110, `the upstream had it for ${upstream} ms`)
      const {
        overheadMs = null,
        firstTokenMs = null,
        durationMs = 0,
      } = await house.account(answer.headers['holdfast-ray'])
      assert.ok(overheadMs !== null && Math.abs(overheadMs - gateway) < 0.1, `${overheadMs} and ${gateway}`)
      assert.ok(firstTokenMs !== null && upstream <= firstTokenMs + 0.1 && firstTokenMs <= durationMs)
    })
}

test('the time in the line is told apart', async () => {
  await using narrow = await openTestHouse({ overload: { limits: 'fixed', callsMax: 1 }, hedging: { enabled: false } })
  let holding: UpstreamCall | null = null
  narrow.upstream.script = (call) => (holding ? sayHello(call) : void (holding = call))
  const first = narrow.ask(post(goodBody))
  const held = await narrow.upstream.call(0)
  const second = narrow.ask(post(goodBody))
  await until('the second to wait', () => narrow.house.callsLive() === 2)
  await pause(120)
  sayHello(held)
  const [one, two] = [timingOf(await first), timingOf(await second)]
  assert.equal(one['queue'], 0)
  assert.ok((one['upstream'] ?? 0) >= 110 && (two['queue'] ?? 0) >= 110, JSON.stringify([one, two]))
  assert.ok((two['gateway'] ?? 0) < (two['queue'] ?? 0), 'the line is not counted twice')
})

test('a caller’s name for its request is told back and stands in the account', async () => {
  const id = 'req_7b2a1c04-9f1e:1'
  const answers = [
    await house.ask(post(goodBody, { headers: [json, `x-request-id: ${id}`] })),
    await house.ask(post('{"model":"nobody","messages":[]}', { headers: [json, `x-request-id: ${id}`] })),
  ]
  for (const { headers } of answers) {
    assert.equal(headers['x-request-id'], id)
    assert.notEqual(headers['holdfast-ray'], id)
    assert.equal(headers['request-id'], headers['holdfast-ray'])
    assert.equal((await house.account(headers['holdfast-ray'])).requestId, id)
  }
  const list = await house.ask(request('GET', '/v1/models', `x-request-id: ${id}`))
  assert.equal(list.headers['x-request-id'], id)
})

test('a name that could do harm is left out everywhere', async () => {
  for (const id of ['a b', '"><script>', 'x'.repeat(200), 'a;drop', '\u001b[31mred', "'", '${jndi:ldap://x}']) {
    const { headers, status } = await house.ask(post(goodBody, { headers: [json, `x-request-id: ${id}`] }))
    if (status === 400) continue // a control character is no HTTP at all
    assert.equal(headers['x-request-id'], headers['holdfast-ray'])
    assert.equal((await house.account(headers['holdfast-ray'])).requestId, null)
  }
})
