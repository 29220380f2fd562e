// Ids of answers: found in bodies, replaced in events.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { idOfBody, withId } from './answer-id.ts'

test('the id of a body is the one at its top', () => {
  assert.equal(idOfBody(Buffer.from('{"choices":[{"id":"inner"}],"id":"chatcmpl-1"}')), 'chatcmpl-1')
  for (const body of ['{"choices":[{"id":"inner"}]}', '{"id":7}', '{"id":""}', '{"id":null}', '[]', '{"id":', ''])
    assert.equal(idOfBody(Buffer.from(body)), null, body)
})

test('an id is replaced wherever it is a whole string, and nowhere else', () => {
  const response = { id: 'resp_1', text: 'the id "resp_1" is resp_1', other: 'resp_12', list: ['resp_1'] }
  const event = Buffer.from(`event: response.created\ndata: ${JSON.stringify({ response })}\n\n`)
  const told = withId(event, 'resp_1', 'resp_bg_ü')
  const expected = { ...response, id: 'resp_bg_ü', list: ['resp_bg_ü'] }
  assert.equal(told.toString(), `event: response.created\ndata: ${JSON.stringify({ response: expected })}\n\n`)
})

test('an event without the id stays the same piece of memory', () => {
  const event = Buffer.from('data: {"delta":"x"}\n\n')
  assert.equal(withId(event, 'resp_1', 'resp_2'), event)
})
