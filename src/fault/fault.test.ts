// Tests of one fault: what it carries, and what other people's errors become.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type FaultCode, faultKinds } from './code.ts'
import { Fault, toFault } from './fault.ts'

const codes = Object.keys(faultKinds) as FaultCode[]

test('a bare fault says what the table says', () => {
  for (const code of codes) {
    const fault = new Fault(code)
    assert.equal(fault.kind, faultKinds[code])
    assert.equal(fault.status, faultKinds[code].status)
    assert.equal(fault.message, faultKinds[code].sentence)
    assert.deepEqual(
      [fault.detail, fault.param, fault.retryAfterMs, fault.receivedStatus],
      ['', undefined, undefined, undefined],
    )
  }
})

test('details ride along, and a status of its own wins over the table’s', () => {
  const upstreamBody = Buffer.from('{}')
  const cause = new Error('inner')
  const fault = new Fault('HF_CALL_REFUSED', {
    detail: 'too hot',
    param: 'temperature',
    status: 422,
    receivedStatus: 422,
    retryAfterMs: 5,
    upstreamBody,
    upstream: 'a',
    cause,
  })
  assert.equal(fault.status, 422)
  assert.equal(fault.message, `${faultKinds.HF_CALL_REFUSED.sentence} (too hot)`)
  assert.deepEqual(
    [fault.param, fault.receivedStatus, fault.retryAfterMs, fault.upstream],
    ['temperature', 422, 5, 'a'],
  )
  assert.equal(fault.upstreamBody, upstreamBody)
  assert.equal(fault.cause, cause)
  assert.ok(fault instanceof Error)
})

test('what is thrown becomes a fault: ours stays, anything else is a bug of the gateway', () => {
  const own = new Fault('HF_DEADLINE')
  assert.equal(toFault(own), own)
  const broken = new TypeError('x is not a function')
  const fault = toFault(broken)
  assert.deepEqual([fault.code, fault.detail, fault.cause], ['HF_INTERNAL', 'x is not a function', broken])
  for (const thrown of ['text', 7, null, undefined, { a: 1 }]) assert.equal(toFault(thrown).code, 'HF_INTERNAL')
  assert.equal(toFault('text').detail, 'text')
})
