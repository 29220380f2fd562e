/** Real calls for a gate: of callers that were named, one a replica, nothing long. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deploymentsSchema } from '../control/deployment-options.ts'
import { readCall } from '../dialect/read-call.ts'
import { ManualClock } from '../ground/manual-clock.ts'
import { seededRandom } from '../ground/random.ts'
import { openShadowFeed, type ShadowFeed } from './shadow-feed.ts'

function open(gate: object): ShadowFeed | null {
  const releases = { v1: { command: ['serve'] } }
  const deployments = deploymentsSchema.parse({ chat: { releases, rollout: { gate } } })
  return openShadowFeed({ deployments }, new ManualClock(), seededRandom(1))
}
const ask = (caller: string, content: string, route: 'chat' | 'completions' = 'chat') => {
  const said = route === 'chat' ? { messages: [{ role: 'user', content }] } : { prompt: content }
  return { caller, call: readCall(route, Buffer.from(JSON.stringify({ model: 'm', ...said })), {}) }
}

test('nothing is kept where nobody wants it', () => assert.equal(open({}), null))

test('of callers that were named, what is short, one a replica', () => {
  const feed = open({ shadow: { callers: ['shop'], bytesMax: 256 } })
  assert.ok(feed)
  feed.offer(ask('bank', 'hello'), 'r1')
  feed.offer(ask('', 'hello'), 'r1')
  feed.offer(ask('shop', 'x'.repeat(256)), 'r1')
  feed.offer(ask('shop', 'hello', 'completions'), 'r1')
  assert.deepEqual(feed.take(), {})
  for (let i = 0; i < 20; i++) feed.offer(ask('shop', `hello ${i}`), `r${i % 2}`)
  const taken = feed.take()
  assert.deepEqual(Object.keys(taken), ['r0', 'r1'])
  assert.match(taken['r1']?.body ?? '', /hello \d/)
  assert.deepEqual(feed.take(), {}, 'and then it is told')
})

test('of many replicas not all are kept', () => {
  const feed = open({ shadow: { callers: ['shop'] } })
  for (let i = 0; i < 1000; i++) feed?.offer(ask('shop', 'hello'), `r${i}`)
  assert.ok(Object.keys(feed?.take() ?? {}).length <= 100)
})
