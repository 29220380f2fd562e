/** What callers notice of a gateway that protects itself: who is refused, and what becomes of connections. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Shares } from '../../src/relay/overload/pressure.ts'
import { assertRefused, goodBody, openTestHouse, post, request, streamBody, type TestHouse, until } from './harness.ts'

const calm: Shares = { heap: 0.1, memory: 0.1, loop: 0, connections: 0, disk: 0, journal: 0 }

/** Keeps the house under pressure until the end of its scope: its own looks would find all calm. */
function press({ house }: TestHouse, shares: Partial<Shares>): Disposable {
  const look = (): void => void house.pressure.look({ ...calm, ...shares }, performance.now())
  const timer = setInterval(look, 20)
  look()
  return { [Symbol.dispose]: () => clearInterval(timer) }
}

test('at the top of the ladder new calls are refused, and told when to come back', async () => {
  await using house = await openTestHouse()
  using _ = press(house, { heap: 0.99 })
  for (const body of [goodBody, streamBody]) {
    const answer = await house.ask(post(body))
    assertRefused(answer, 503, 'HF_PRESSURE')
    const waitMs = Number(answer.headers['retry-after-ms'])
    assert.ok(waitMs >= 2000 && waitMs <= 6000, `retry-after-ms: ${waitMs}`)
  }
  const messages = await house.ask(
    post('{"model":"m","max_tokens":9,"messages":[]}', {
      path: '/v1/messages',
      headers: ['content-type: application/json', 'anthropic-version: 2023-06-01'],
    }),
  )
  assertRefused(messages, 503, 'HF_PRESSURE')
  assert.match(messages.body, /overloaded_error/)
  assert.equal(house.upstream.calls.length, 0, 'no model server was asked')
  assert.equal((await house.ask(request('GET', '/v1/models'))).status, 200, 'lists are no calls')
})

test('a large body is let pass by, so that its sender can read the refusal', async () => {
  await using house = await openTestHouse()
  using _ = press(house, { memory: 1 })
  assertRefused(await house.ask(post(Buffer.alloc(20 * 2 ** 20, 120))), 503, 'HF_PRESSURE')
})

test('what is under way goes on, and is read again, cancelled and deleted as ever', async () => {
  await using house = await openTestHouse()
  house.upstream.script = (call) => {
    call.beginStream()
    call.say('first')
  }
  await using one = await house.visit()
  one.write(post(streamBody))
  const call = await house.upstream.call(0)
  await one.heard('first')
  const ray = /holdfast-ray: (\S+)/.exec(one.received)?.[1] ?? ''
  using _ = press(house, { memory: 0.99 })
  assertRefused(await house.ask(post(goodBody)), 503, 'HF_PRESSURE')

  await using two = await house.visit()
  two.write(request('GET', `/v1/answers/${ray}`, 'accept: text/event-stream', 'last-event-id: 0'))
  call.say('second')
  call.endStream()
  for (const reader of [one, two]) {
    await reader.heard('[DONE]')
    assert.match(reader.received, /second/)
  }
  assert.equal((await house.ask(request('DELETE', `/v1/answers/${ray}`))).status, 200)
})

test('a call that was sent before finds its answer, though a new one would be refused', async () => {
  await using house = await openTestHouse()
  const again = post(goodBody, { headers: ['content-type: application/json', 'idempotency-key: k1'] })
  const first = await house.ask(again)
  assert.equal(first.status, 200)
  using _ = press(house, { loop: 0.98 })
  const second = await house.ask(again)
  assert.deepEqual([second.status, second.headers['holdfast-ray']], [200, first.headers['holdfast-ray']])
  const other = post(goodBody, { headers: ['content-type: application/json', 'idempotency-key: k2'] })
  assertRefused(await house.ask(other), 503, 'HF_PRESSURE')
})

test('before that, connections close behind their answers, and idle ones close', async () => {
  await using house = await openTestHouse()
  await using idle = await house.visit()
  idle.write(post(goodBody))
  assert.equal((await idle.answer()).headers['connection'], 'keep-alive')
  using _ = press(house, { connections: 0.86 })
  const answer = await house.ask(post(goodBody))
  assert.deepEqual([answer.status, answer.headers['connection']], [200, 'close'])
  await idle.ended()
})

test('a journal that live answers fill takes no new ones', async () => {
  await using house = await openTestHouse()
  using _ = press(house, { journal: 0.92 })
  assertRefused(await house.ask(post(goodBody)), 507, 'HF_JOURNAL_FULL')
})

test('too little memory is noticed by itself', async () => {
  await using house = await openTestHouse({ protection: { memoryBytesMax: '1MiB' } })
  await until('new calls to be refused', () => !house.house.pressure.mayTakeCalls)
  assertRefused(await house.ask(post(goodBody)), 503, 'HF_PRESSURE')
  assert.ok(house.lines.some(({ message }) => message.startsWith('under pressure: new calls are refused')))
  const metrics = await house.house.metrics.registry.metrics()
  assert.match(metrics, /^holdfast_pressure\{resource="memory"\} 1$/m)
  assert.match(metrics, /^holdfast_pressure_rung 4$/m)
})

test('what is in the cache is answered still: it takes no model server', async () => {
  await using house = await openTestHouse()
  const headers = ['content-type: application/json', 'holdfast-cache: use']
  const first = await house.ask(post(goodBody, { headers }))
  using _ = press(house, { heap: 0.99 })
  const second = await house.ask(post(goodBody, { headers }))
  assert.match(second.headers['holdfast-cache'] ?? '', /^hit;/)
  assert.equal(second.body, first.body)
  // What is not there is refused as ever, and so is who does not want the cache.
  assertRefused(await house.ask(post(streamBody, { headers })), 503, 'HF_PRESSURE')
  assertRefused(await house.ask(post(goodBody)), 503, 'HF_PRESSURE')
  assert.equal(house.upstream.calls.length, 1)
})
