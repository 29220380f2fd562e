/** The quick look at a chunk: it may ask for a closer look, but must not overlook anything. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { isPlainChunk } from './plain-chunk.ts'

const plain = '{"id":"c","choices":[{"index":0,"delta":{"content":"x"},"finish_reason":null}]}'

describe('isPlainChunk', () => {
  for (const text of [
    plain,
    plain.replaceAll(':', ': '),
    plain.replaceAll(':', ' : '),
    plain.replace('"id"', '"usage":null,"id"'),
  ]) {
    test(`knows ${text}`, () => assert.equal(isPlainChunk(Buffer.from(`data: ${text}`)), true))
  }

  for (const event of [
    '',
    'data: {',
    'data: {}',
    'data: [DONE]',
    `data:${plain}`,
    `data: ${plain}\nid: 7`,
    `data: ${plain.slice(0, -5)}`,
    `data: ${plain.replace('null', '"stop"')}`,
    `data: ${plain.replace('"id"', '"usage":{"prompt_tokens":1},"id"')}`,
    'data: {"choices":[{"index":0,"delta":{"content":"x"}}]}',
    'data: {"error":{"message":"x"}}',
    'data: {"choices":[{"index":0,"finish_reason":null},{"index":1,"finish_reason":"stop"}]}',
  ]) {
    test(`leaves ${JSON.stringify(event)} to the closer look`, () =>
      assert.equal(isPlainChunk(Buffer.from(event)), false))
  }

  test('never overlooks a finish, a usage or an error, whatever the text says', () => {
    const nasty = fc.constantFrom(
      '"finish_reason":null',
      '"finish_reason"',
      '"usage',
      'finish_reason":"stop"',
      '{"usage":{',
      '"error":{',
      '\\',
      '"',
      '[DONE]',
      '\n',
    )
    const content = fc.array(fc.oneof(nasty, fc.string()), { maxLength: 4 }).map((parts) => parts.join(''))
    const finish = fc.constantFrom(null, 'stop', 'length')
    const rest = fc.constantFrom({}, { usage: null }, { usage: { prompt_tokens: 1 } }, { error: { message: 'x' } })
    fc.assert(
      fc.property(content, finish, rest, fc.boolean(), (text, reason, more, isMoreFirst) => {
        const choice = { index: 0, delta: { content: text }, logprobs: { tokens: [text] }, finish_reason: reason }
        const chunk = isMoreFirst ? { ...more, id: text, choices: [choice] } : { id: text, choices: [choice], ...more }
        const hasNews = reason !== null || Object.values(more).some((value) => value !== null)
        assert.equal(isPlainChunk(Buffer.from(`data: ${JSON.stringify(chunk)}`)), !hasNews)
      }),
      { numRuns: 1000 },
    )
  })
})
