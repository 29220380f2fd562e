// Tests of the ids that upstreams give their events, and of the request for the rest of an answer.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Rejoin, takeId } from './rejoin.ts'

test('an id of the upstream, and when it wants clients back, are taken out of its event, wherever they stand', () => {
  const cases: readonly (readonly [string, string, string | null])[] = [
    ['data: {"a":1}', 'data: {"a":1}', null],
    ['id: 7\ndata: {"a":1}', 'data: {"a":1}', '7'],
    ['id:7\r\ndata: x', 'data: x', '7'],
    ['event: e\ndata: x\nid: 8', 'event: e\ndata: x', '8'],
    ['id\ndata: x', 'data: x', 'id'],
    ['data: é\nid: 9', 'data: é', '9'],
    ['idea: x\ndata: y', 'idea: x\ndata: y', null],
    ['data: x\nid', 'data: x', 'id'],
    ['retry: 1\r\ndata: x', 'data: x', null],
    ['id: 5\nevent: e\ndata: x\nretry: 1', 'event: e\ndata: x', '5'],
    ['retrying: x\ndata: y', 'retrying: x\ndata: y', null],
  ]
  for (const [given, event, id] of cases) {
    const taken = takeId(Buffer.from(given))
    assert.deepEqual([taken.event.toString(), id === 'id' ? 'id' : taken.id], [event, id])
  }
})

test('the rest is asked for behind the last event, so often and no more', () => {
  const head = { status: 200, headers: { 'holdfast-ray': '06c8m0dfk2h3vd4zq7k1hb-ams' }, isReused: false }
  assert.equal(Rejoin.of({ ...head, headers: {} }), null)
  const rejoin = Rejoin.of(head) as Rejoin
  const base = new URL('http://gpu1/v1?x=1')
  const headers = { 'content-type': 'application/json', authorization: 'Bearer k' }
  assert.deepEqual(rejoin.request(base, headers, 5).headers, { authorization: 'Bearer k', accept: 'text/event-stream' })
  rejoin.received('41')
  const { path, headers: sent } = rejoin.request(base, headers, 5)
  assert.deepEqual([path, sent['last-event-id']], ['/v1/answers/06c8m0dfk2h3vd4zq7k1hb-ams?x=1', '41'])
  assert.deepEqual(
    Array.from({ length: 5 }, () => rejoin.nextWaitMs()),
    [100, 200, 400, 800, null],
  )
  rejoin.received('42')
  assert.equal(rejoin.nextWaitMs(), 100)
})
