/** The line of a call is one JSON object, whatever the names in it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import type { Ray } from '../fault/ray.ts'
import { callLine } from './call-line.ts'
import type { ExchangeFact } from './exchange-fact.ts'

const fact = {
  atMs: Date.UTC(2026, 0, 1),
  ray: 'r' as Ray,
  requestId: null,
  trace: null,
  route: 'chat',
  model: 'm',
  isModelKnown: true,
  caller: '',
  tier: 'standard',
  isStream: false,
  outcome: 'complete',
  status: 200,
  code: null,
  detail: '',
  attempts: [],
  seams: [],
  durationMs: 12.3456,
  firstTokenMs: null,
  queueMs: 0,
  overheadMs: null,
  inputTokens: null,
  outputTokens: null,
  finishReason: null,
  requestBytes: 1,
  sentBytes: 2,
  eventCount: 3,
} satisfies ExchangeFact

const times = { afterMs: 0, durationMs: 5, connectMs: 0, firstTokenMs: null }
const attempt = { upstream: 'a', code: null, detail: '', ...times, receivedStatus: 200 }
const read = (more: Partial<ExchangeFact>, prefix = ''): Record<string, unknown> =>
  JSON.parse(callLine('info', { ...fact, ...more }, prefix)) as Record<string, unknown>

test('fields without a value are left out', () => {
  const line = read({})
  for (const name of ['code', 'detail', 'caller', 'firstTokenMs', 'inputTokens', 'outputTokens', 'finishReason'])
    assert.equal(name in line, false, name)
  assert.deepEqual([line['time'], line['durationMs'], line['msg']], ['2026-01-01T00:00:00.000Z', 12.3, 'call'])
})

test('names of others cannot break out of it', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const told = { model: text, caller: text, detail: text, finishReason: text, seams: [text] }
      const attempts = [{ ...attempt, upstream: text } as ExchangeFact['attempts'][number]]
      const line = callLine('warn', { ...fact, ...told, attempts, outcome: 'failed' }, '"pid":1')
      assert.equal(line.indexOf('\n'), line.length - 1)
      const { model, seams, pid, msg, attempts: back } = JSON.parse(line) as Record<string, unknown>
      const sound = JSON.parse(JSON.stringify(text)) as string
      assert.deepEqual([model, seams, pid, msg], [sound, [sound], 1, 'call failed'])
      assert.equal((back as { upstream: string }[])[0]?.upstream, sound)
    }),
  )
})
