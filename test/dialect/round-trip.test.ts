/** What is said in chat, told as messages and told back as chat, is still what was said. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { toMessagesRequest } from '../../src/dialect/chat-to-messages/messages-request.ts'
import type { Fields } from '../../src/dialect/field.ts'
import { toChatRequest } from '../../src/dialect/messages-to-chat/chat-request.ts'

const text = fc.string({ minLength: 1, unit: 'grapheme' })
const name = fc.stringMatching(/^[a-z_]{1,12}$/)
const id = fc.stringMatching(/^call_[A-Za-z0-9]{1,8}$/)
const input = fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 2 }), { noNullPrototype: true })

const user = text.map((content): Fields => ({ role: 'user', content }))
const assistant = text.map((content): Fields => ({ role: 'assistant', content }))
/** One exchange with tools: calls, one result each, and what the model makes of it. */
const toolTurn = fc
  .uniqueArray(fc.tuple(id, name, input, text), { minLength: 1, maxLength: 3, selector: ([callId]) => callId })
  .map((calls): Fields[] => [
    {
      role: 'assistant',
      content: null,
      tool_calls: calls.map(([callId, tool, value]) => ({
        id: callId,
        type: 'function',
        function: { name: tool, arguments: JSON.stringify(value) },
      })),
    },
    ...calls.map(([callId, , , result]) => ({ role: 'tool', tool_call_id: callId, content: result })),
    { role: 'assistant', content: 'so' },
  ])
const tool = fc.record({ name, description: text, schema: input }).map((spec) => ({
  type: 'function',
  function: { name: spec.name, description: spec.description, parameters: spec.schema },
}))
const conversation = fc
  .tuple(
    fc.option(text),
    fc.array(
      fc.oneof(
        fc.tuple(user, assistant),
        fc.tuple(user, toolTurn).map(([asked, said]) => [asked, ...said]),
      ),
      { maxLength: 4 },
    ),
    user,
  )
  .map(([system, turns, last]) => [...(system ? [{ role: 'system', content: system }] : []), ...turns.flat(), last])
const choice = fc.constantFrom('auto', 'none', 'required', undefined)

test('a conversation with tools goes to messages and back unchanged', () => {
  fc.assert(
    fc.property(
      conversation,
      fc.array(tool, { minLength: 1, maxLength: 3 }),
      choice,
      fc.boolean(),
      (messages, tools, toolChoice, isStream) => {
        const chat = {
          model: 'm',
          messages,
          tools,
          ...(toolChoice && { tool_choice: toolChoice }),
          max_tokens: 7,
          stream: isStream,
          top_p: 0.5,
          stop: ['x'],
        }
        const there = JSON.parse(JSON.stringify(toMessagesRequest(chat, 'm'))) as Fields
        const back = JSON.parse(JSON.stringify(toChatRequest(there, 'm', false))) as Fields
        assert.deepEqual(back, JSON.parse(JSON.stringify(chat)))
      },
    ),
  )
})

test('messages never get two turns of one role in a row, nor a turn without words', () => {
  const any = fc.array(fc.oneof(user, assistant, toolTurn, fc.constant({ role: 'assistant', content: '' })), {
    minLength: 1,
    maxLength: 8,
  })
  fc.assert(
    fc.property(any, (parts) => {
      const { messages } = toMessagesRequest({ messages: parts.flat() }, 'm')
      const turns = messages as { role: string; content: unknown[] }[]
      for (const [index, turn] of turns.entries()) {
        assert.notEqual(turn.role, turns[index - 1]?.role)
        assert.ok(turn.content.length > 0)
      }
    }),
  )
})
