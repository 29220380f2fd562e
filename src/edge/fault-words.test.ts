// Whoever is told when to come back is never told to come back at once, in whatever form.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Fault } from '../fault/fault.ts'
import type { Ray } from '../fault/ray.ts'
import { faultHeaders } from './fault-answer.ts'
import { faultPage, markdown, problem } from './fault-words.ts'

test('a moment that has just passed is a second, or a millisecond, and no less', () => {
  for (const retryAfterMs of [-5000, -1, 0, 0.4, 1]) {
    const fault = new Fault('HF_OVERLOADED', { retryAfterMs })
    const notice = { statusUrl: '', incident: null }
    const told = { fault, ray: 'r' as Ray, site: 's', atMs: 0, address: '', notice }
    const headers = faultHeaders(fault)
    assert.equal(headers[headers.indexOf('retry-after') + 1], '1')
    assert.equal(headers[headers.indexOf('retry-after-ms') + 1], '1')
    assert.equal((JSON.parse(problem(told).toString()) as { retry_after: number }).retry_after, 1)
    assert.match(markdown(told).toString(), /^retry_after: 1$/m)
    assert.match(faultPage(told).toString(), /Try again in a second\./)
  }
})
