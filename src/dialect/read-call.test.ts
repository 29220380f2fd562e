/** What is taken for a call, and which field a refusal names. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Fault } from '../fault/fault.ts'
import type { Route } from './call.ts'
import { readCall } from './read-call.ts'

const read = (route: Route, text: string): ReturnType<typeof readCall> => readCall(route, Buffer.from(text), {})

describe('readCall', () => {
  test('understands a chat call and keeps the headers of the language only', () => {
    const bytes = Buffer.from(
      '{"model":"org/llama-3:8b","messages":[{"role":"user","content":"hi"}],"stream":true,"new_field":1.0}',
    )
    const call = readCall('chat', bytes, {
      'openai-beta': 'x',
      authorization: 'secret',
      host: 'h',
      'anthropic-beta': undefined,
    })
    assert.equal(call.model, 'org/llama-3:8b')
    assert.equal(call.isStream, true)
    assert.deepEqual(call.headers, { 'openai-beta': 'x' })
    assert.equal(call.body.bytes, bytes)
  })

  const fine: [Route, string, boolean][] = [
    ['chat', '{"model":"m","messages":[ {}],"stream":null}', false],
    ['completions', '{"model":"m","prompt":"x","stream":true}', true],
    ['completions', '{"model":"m","prompt_embeds":"x"}', false],
    ['completions', '{"model":"m","prompt":[1,2]}', false],
    ['embeddings', '{"model":"m","input":["a"],"stream":true}', false],
    ['responses', '{"model":"m","input":"x","stream":false}', false],
    ['responses', '{"model":"m","previous_response_id":"resp_1","input":null}', false],
    ['messages', '{"model":"m","messages":[{}],"stream":true}', true],
    ['count_tokens', '{"model":"m","messages":[{}]}', false],
  ]
  for (const [route, text, isStream] of fine) {
    test(`takes ${route} ${text}`, () => assert.equal(read(route, text).isStream, isStream))
  }

  const wrong: [Route, string, param: string, detail: RegExp][] = [
    ['chat', '{"messages":[{}]}', 'model', /missing/],
    ['chat', '{"model":null,"messages":[{}]}', 'model', /missing/],
    ['chat', '{"model":"","messages":[{}]}', 'model', /empty/],
    ['chat', '{"model":"  ","messages":[{}]}', 'model', /empty/],
    ['chat', '{"model":["m"],"messages":[{}]}', 'model', /must be a string, not an array/],
    ['chat', '{"model":"a\\nb","messages":[{}]}', 'model', /control/],
    ['chat', '{"model":"a\\u0000","messages":[{}]}', 'model', /control/],
    ['chat', `{"model":"${'m'.repeat(257)}","messages":[{}]}`, 'model', /at most 256/],
    ['chat', `{"model":"${'m'.repeat(100_000)}","messages":[{}]}`, 'model', /at most 256/],
    ['chat', '{"model":"m","messages":[{}],"stream":"true"}', 'stream', /boolean/],
    ['chat', '{"model":"m","messages":[{}],"stream":1}', 'stream', /boolean/],
    ['chat', '{"model":"m"}', 'messages', /missing/],
    ['chat', '{"model":"m","messages":[ \n ]}', 'messages', /empty/],
    ['chat', '{"model":"m","messages":"hi"}', 'messages', /an array, not a string/],
    ['completions', '{"model":"m"}', 'prompt', /missing/],
    ['completions', '{"model":"m","prompt":{}}', 'prompt', /a string or an array, not an object/],
    ['embeddings', '{"model":"m","input":null}', 'input', /missing/],
    ['responses', '{"model":"m"}', 'input', /missing/],
    ['messages', '{"model":"m","messages":{}}', 'messages', /array/],
    ['count_tokens', '{"model":"m","messages":[]}', 'messages', /empty/],
  ]
  for (const [route, text, param, detail] of wrong) {
    test(`refuses ${route} ${text.slice(0, 60)}`, () => {
      assert.throws(
        () => read(route, text),
        (thrown) =>
          thrown instanceof Fault &&
          thrown.code === 'HF_BAD_CALL' &&
          thrown.param === param &&
          detail.test(thrown.detail),
      )
    })
  }

  test('refuses what is not JSON', () => {
    assert.throws(
      () => read('chat', '{"model":'),
      (thrown) => thrown instanceof Fault && thrown.code === 'HF_BAD_JSON',
    )
  })
})
