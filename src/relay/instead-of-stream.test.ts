/** Answers in one piece where a stream was asked for: by example. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Fault } from '../fault/fault.ts'
import { insteadOfStream } from './instead-of-stream.ts'

const throwing = (fault: Fault) => ({
  readWhole: () => {
    throw fault
  },
})

test('an error that calls itself a success is told as what it says', () => {
  const own = new Fault('HF_UPSTREAM_RATE_LIMITED', { detail: 'slow down' })
  assert.equal(insteadOfStream('application/json', Buffer.from('{}'), throwing(own)), own)
})

test('all else makes no sense, and its type is named', () => {
  const garbled = throwing(new Fault('HF_UPSTREAM_GARBLED'))
  const whole = { readWhole: () => ({}) as never }
  for (const [body, translation] of [
    [Buffer.from('{'), garbled],
    [Buffer.from('{}'), whole],
    [null, whole],
  ] as const) {
    const { code, detail } = insteadOfStream('application/json; x', body, translation)
    assert.deepEqual([code, detail], ['HF_UPSTREAM_GARBLED', 'a stream was asked for, application/json; x came'])
  }
})
