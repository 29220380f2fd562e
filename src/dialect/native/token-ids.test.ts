/** Token ids are found and cut out by bytes; what is left is the chunk as it would have been without them. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { readAside } from '../seam/aside.ts'
import { cutTokenIds, findTokenIds } from './token-ids.ts'

function toEvent(value: unknown, space?: number): Buffer {
  return Buffer.from(`data: ${JSON.stringify(value, null, space).replaceAll('\n', ' ')}`)
}

function cut(event: Buffer): { value: unknown; aside: unknown } {
  const found = findTokenIds(event, 'm')
  assert.ok(found)
  const text = cutTokenIds(event, found).toString()
  assert.ok(text.endsWith('\n\n'))
  return { value: JSON.parse(text.slice('data: '.length)), aside: readAside(found.aside) }
}

describe('token ids', () => {
  test('of a piece are cut out, wherever the field stands', () => {
    for (const choice of [
      { index: 0, delta: { content: 'x' }, token_ids: [5, 6] },
      { token_ids: [5, 6], index: 0, delta: { content: 'x' } },
      { index: 0, token_ids: [5, 6], delta: { content: 'x' } },
    ]) {
      for (const space of [undefined, 1]) {
        const { value, aside } = cut(toEvent({ id: 'c', choices: [choice] }, space))
        assert.deepEqual(value, { id: 'c', choices: [{ index: 0, delta: { content: 'x' } }] })
        assert.deepEqual(aside, { tokens: [5, 6] })
      }
    }
  })

  test('of the prompt come with the name of the model', () => {
    const chunk = { id: 'c', prompt_token_ids: [1, 2], choices: [{ index: 0, token_ids: [] }] }
    assert.deepEqual(cut(toEvent(chunk)), {
      value: { id: 'c', choices: [{ index: 0 }] },
      aside: { prompt: [1, 2], tokens: [], model: 'm' },
    })
  })

  test('that are null are cut out too, and say nothing', () => {
    const { value, aside } = cut(toEvent({ prompt_token_ids: null, choices: [{ token_ids: null }] }))
    assert.deepEqual([value, aside], [{ choices: [{}] }, {}])
  })

  test('that are no list of numbers are left alone, whole', () => {
    const nested = toEvent({ prompt_token_ids: [[1, 2]], choices: [{ token_ids: [{ a: [] }] }] })
    assert.equal(findTokenIds(nested, 'm'), null)
    const event = Buffer.from('data: {"prompt_token_ids":[1,,2],"choices":[{"token_ids":[3]}]}')
    assert.deepEqual(readAside(findTokenIds(event, 'm')?.aside), { tokens: [3] })
  })

  test('that a text speaks of are left alone', () => {
    assert.equal(findTokenIds(toEvent({ choices: [{ delta: { content: '"token_ids":[1]' } }] }), 'm'), null)
    assert.equal(findTokenIds(toEvent({ choices: [{ delta: { content: 'x"token_ids"' } }] }), 'm'), null)
  })

  test('never take anything else with them, whatever the text says', () => {
    const nasty = fc.constantFrom('"token_ids', '"token_ids"', '"token_ids":[1]', '\\', '"', '[', ']', ',', ':', '🦊')
    const content = fc.array(fc.oneof(nasty, fc.string()), { maxLength: 4 }).map((parts) => parts.join(''))
    fc.assert(
      fc.property(content, fc.array(fc.nat(), { maxLength: 3 }), fc.boolean(), (text, ids, isFirst) => {
        const plain = { index: 0, delta: { content: text }, finish_reason: null }
        const choice = isFirst ? { token_ids: ids, ...plain } : { ...plain, token_ids: ids }
        const found = findTokenIds(toEvent({ id: text, choices: [choice] }), 'm')
        assert.ok(found)
        const left = JSON.parse(
          cutTokenIds(toEvent({ id: text, choices: [choice] }), found)
            .toString()
            .slice(6),
        )
        assert.deepEqual(left, { id: text, choices: [plain] })
        assert.deepEqual(readAside(found.aside), { tokens: ids })
      }),
      { numRuns: 500 },
    )
  })
})
