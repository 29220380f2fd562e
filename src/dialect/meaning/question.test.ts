// What may differ between two calls that mean the same, and what may not.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { Route } from '../call.ts'
import { readCall } from '../read-call.ts'
import { hardWords } from './hard-words.ts'
import { type Question, questionOf } from './question.ts'

const of = (body: object, route: Route = 'chat', temperatureMax = 1): Question | null =>
  questionOf(readCall(route, Buffer.from(JSON.stringify({ model: 'm', max_tokens: 9, ...body })), {}), temperatureMax)
const user = (content: unknown): object => ({ role: 'user', content })

describe('the question of a call', () => {
  test('is what the user said last; all else is its context', () => {
    const system = { role: 'system', content: 'Be brief.' }
    const one = of({ messages: [system, user('What is rain?')] })
    const two = of({ messages: [system, user([{ type: 'text', text: 'What is snow?' }])], user: 'x', n: 1 })
    assert.deepEqual([one?.text, two?.text], ['What is rain?', 'What is snow?'])
    assert.equal(one?.rest, two?.rest)
    assert.notEqual(one?.rest, of({ messages: [user('What is rain?')] })?.rest)
    assert.notEqual(one?.rest, of({ messages: [system, user('What is rain?')], seed: 1 })?.rest)
    assert.equal(of({ input: 'What is rain?' }, 'responses')?.text, 'What is rain?')
    assert.equal(of({ messages: [user('What is rain?')] }, 'messages')?.text, 'What is rain?')
  })

  test('is not there with tools, pictures, calls of tools, or more chance than allowed', () => {
    const messages = [user('What is rain?')]
    const image = { type: 'image_url', image_url: { url: 'data:image/png;base64,AA==' } }
    for (const body of [
      { messages, tools: [{ type: 'function', function: { name: 'f' } }] },
      { messages, temperature: 1.1 },
      { messages: [user([{ type: 'text', text: 'What is this?' }, image])] },
      { messages: [user([image]), { role: 'assistant', content: 'A cat.' }, user('Is it old?')] },
      { messages: [user('hi'), { role: 'assistant', content: 'ho' }] },
      { messages: [user('hi'), { role: 'assistant', content: '', tool_calls: [{}] }, user('and?')] },
      { messages: [user('hi'), { role: 'tool', content: '5', tool_call_id: 'a' }, user('and?')] },
      { messages: [user('  ')] },
    ])
      assert.equal(of(body), null, JSON.stringify(body))
    assert.equal(of({ messages }, 'chat', 0.5), null, 'where nothing is said, it is 1')
    assert.equal(of({ prompt: 'What is rain?' }, 'completions'), null)
  })

  test('is read from whatever a caller says without harm', () => {
    fc.assert(
      fc.property(fc.array(fc.jsonValue(), { minLength: 1 }), (said) => {
        for (const route of ['chat', 'messages', 'responses'] as const) {
          const question = of({ messages: said, input: said }, route)
          assert.ok(question === null || question.text !== '')
        }
      }),
    )
  })
})

describe('the hard words of a question', () => {
  const same = [
    ['What is the capital of France?', "What's the capital of France"],
    ['How do I reset my password?', 'I forgot my password. How can I change it?'],
    ['Explain recursion.', 'Please describe recursion'],
    ['Why don’t birds fall?', "Why don't birds fall"],
  ] as const
  const apart = [
    ['the capital of France', 'the capital of Spain'],
    ['from Paris to London', 'from London to Paris'],
    ['Paris hotels', 'London hotels'],
    ['a loan of 5 years', 'a loan of 15 years'],
    ['a change of 5', 'a change of -5'],
    ['version 2.0', 'version 20'],
    ['Is it safe?', 'Is it not safe?'],
    ['Is it safe?', 'Is it unsafe?'],
    ['I can do it', "I can't do it"],
    ['how to enable it', 'how to disable it'],
    ['with milk', 'without milk'],
    ['the word `left`', 'the word `port`'],
    ['plan b', 'plan c'],
    ['x < y', 'x > y'],
    ['in 10 €', 'in 10 $'],
    ['get user_id', 'get order_id'],
    ['C++ strings', 'C# strings'],
    ['Ist es teuer?', 'Ist es nicht teuer?'],
    ['why can i log in', 'why cant i log in'],
    ['5 kg of it', '5 lb of it'],
    ['from celsius to fahrenheit', 'from fahrenheit to celsius'],
    ['open on monday', 'open on tuesday'],
    ['translate it to french', 'translate it to german'],
    ['sort a list in python', 'sort a list in ruby'],
    ['für zwei Personen', 'für drei Personen'],
    ['pour deux mois', 'pour trois mois'],
  ] as const
  for (const [a, b] of same) test(`${a} = ${b}`, () => assert.equal(hardWords(a), hardWords(b)))
  for (const [a, b] of apart) test(`${a} ≠ ${b}`, () => assert.notEqual(hardWords(a), hardWords(b)))

  test('any other number is seen, wherever it stands', () => {
    const words = fc.array(fc.constantFrom('how', 'many', 'days', 'are', 'left', 'on', 'Mars', '?'), { maxLength: 6 })
    fc.assert(
      fc.property(words, words, fc.nat(), fc.nat(), (before, after, a, b) => {
        const at = (n: number): string | null => hardWords([...before, String(n), ...after].join(' '))
        assert.equal(at(a) === at(b), a === b)
      }),
    )
  })

  test('scripts without capitals show no names', () => assert.equal(hardWords('法国的首都是哪里'), null))
})
