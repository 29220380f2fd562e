// Tests of the verdict on an attempt: what speaks against a server, and what never may.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readUpstreamError } from '../../dialect/upstream-error.ts'
import type { FaultCode } from '../../fault/code.ts'
import { Fault } from '../../fault/fault.ts'
import { verdictOf } from './verdict.ts'

test('a whole answer is good, a sick one bad, a broken one broken', () => {
  assert.equal(verdictOf(null), 'good')
  const told = (code: FaultCode): string => verdictOf(new Fault(code))
  assert.deepEqual((['HF_UPSTREAM_ERROR', 'HF_UPSTREAM_EMPTY', 'HF_UPSTREAM_GARBLED'] as const).map(told), [
    'bad',
    'bad',
    'bad',
  ])
  assert.deepEqual((['HF_UPSTREAM_CUT', 'HF_UPSTREAM_RESET', 'HF_UPSTREAM_STALLED'] as const).map(told), [
    'broken',
    'broken',
    'broken',
  ])
  assert.equal(told('HF_FIRST_TOKEN_TIMEOUT'), 'silent')
})

test('what the caller, the load, the gateway or a dead server did says nothing', () => {
  const codes: FaultCode[] = [
    'HF_CLIENT_GONE',
    'HF_CANCELLED',
    'HF_DEADLINE',
    'HF_CALL_REFUSED',
    'HF_UPSTREAM_BUSY',
    'HF_UPSTREAM_RATE_LIMITED',
    'HF_UPSTREAM_REFUSED',
    'HF_CONNECT_TIMEOUT',
    'HF_SEAM_MISFIT',
    'HF_INTERNAL',
  ]
  assert.deepEqual(new Set(codes.map((code) => verdictOf(new Fault(code)))), new Set(['nothing']))
})

test('no status of 400 to 499 speaks against a server, whatever comes with it; 500 and 502 do', () => {
  const read = (status: number, body: string, type = 'application/json'): string =>
    verdictOf(readUpstreamError(status, { 'content-type': type }, Buffer.from(body), 'openai', 0))
  for (let status = 400; status < 500; status++) {
    for (const body of ['', '{"error":{"message":"no"}}', '<html><title>No</title></html>'])
      assert.equal(read(status, body), 'nothing', `${status} ${body}`)
  }
  assert.equal(read(500, '{"error":{"message":"no"}}'), 'bad')
  assert.equal(read(502, '<html><title>Bad gateway</title></html>', 'text/html'), 'bad')
})
