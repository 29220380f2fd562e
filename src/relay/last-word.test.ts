// An answer that had ended before its node died is not begun or continued once more.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { errorEvent } from '../dialect/error-body.ts'
import { readCall } from '../dialect/read-call.ts'
import { Fault } from '../fault/fault.ts'
import { lastWord } from './last-word.ts'

const body = (stream: boolean): Buffer =>
  Buffer.from(JSON.stringify({ model: 'm', stream, messages: [{ role: 'user', content: 'hi' }] }))
const streamed = readCall('chat', body(true), {})
const whole = readCall('chat', body(false), {})
const kept = (...texts: (string | Buffer)[]) => texts.map((text) => ({ event: Buffer.from(text), aside: null }))
const chunk = (delta: object, reason: string | null): string =>
  `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta, finish_reason: reason }] })}\n\n`
const said = [chunk({ role: 'assistant', content: '' }, null), chunk({ content: 'one' }, null)]

test('an answer with an end mark is complete, one without goes on', () => {
  assert.equal(lastWord(streamed, kept()), null)
  assert.equal(lastWord(streamed, kept(...said)), null)
  assert.equal(lastWord(streamed, kept(...said, chunk({}, 'stop'), 'data: [DONE]\n\n')), 'complete')
})

test('the one body of an answer that is not streamed is all of it', () => {
  assert.equal(lastWord(whole, kept()), null)
  assert.equal(lastWord(whole, kept('{"choices":[]}')), 'complete')
})

test('an error is the last word, streamed or not', () => {
  const error = (code: 'HF_CANCELLED' | 'HF_CLIENT_GONE' | 'HF_UPSTREAM_CUT'): Buffer =>
    errorEvent(new Fault(code), 'ray', 'chat')
  assert.equal(lastWord(streamed, kept(...said, error('HF_UPSTREAM_CUT'))), 'failed')
  assert.equal(lastWord(streamed, kept(...said, error('HF_CANCELLED'))), 'cancelled')
  assert.equal(lastWord(whole, kept(error('HF_CLIENT_GONE'))), 'cancelled')
})
