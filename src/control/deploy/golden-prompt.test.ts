/** Checkers of golden prompts. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Check, type GoldenAnswer, goldenPromptSchema, lacks } from './golden-prompt.ts'

const said = (text: string, more: Partial<GoldenAnswer> = {}): GoldenAnswer => ({
  ...{ text, finish: 'stop', fault: null, tokens: 5, ttftMs: 1, interTokenMs: 1, toolCall: null },
  ...more,
})
const check = (input: object): Check => goldenPromptSchema.parse({ name: 'a', prompt: 'b', checks: [input] }).checks[0]!

const shape = { type: 'object', required: ['a'], properties: { a: { type: 'integer' } } }

test('what is right passes and what is wrong is told', () => {
  const cases: [object, GoldenAnswer, boolean][] = [
    [{ is: 'exact', text: '4' }, said(' 4\n'), true],
    [{ is: 'exact', text: '4' }, said('It is 4'), false],
    [{ is: 'contains', text: 'Paris' }, said('it is paris.'), true],
    [{ is: 'contains', text: 'Paris', ignoreCase: false }, said('it is paris.'), false],
    [{ is: 'matches', pattern: '^\\d+$' }, said('42'), true],
    [{ is: 'matches', pattern: '^\\d+$' }, said('forty-two'), false],
    [{ is: 'json', schema: shape }, said('```json\n{"a": 1}\n```'), true],
    [{ is: 'json', schema: shape }, said('{"a": "x"}'), false],
    [{ is: 'json' }, said('{"a": '), false],
    [{ is: 'length', charsMin: 3, charsMax: 5 }, said('abcd'), true],
    [{ is: 'length', charsMin: 3, charsMax: 5 }, said('ab'), false],
    [{ is: 'length', charsMax: 5 }, said('abcdef'), false],
    [{ is: 'script', name: 'Cyrillic' }, said('Привет, мир'), true],
    [{ is: 'script', name: 'Cyrillic' }, said('Hello'), false],
    [{ is: 'tool', name: 'f', schema: shape }, said('', { toolCall: { name: 'f', arguments: '{"a":1}' } }), true],
    [{ is: 'tool', name: 'f', schema: shape }, said('', { toolCall: { name: 'f', arguments: '{"a":' } }), false],
    [{ is: 'tool', name: 'f' }, said('f()'), false],
  ]
  for (const [asked, answer, isRight] of cases)
    assert.equal(lacks(answer, check(asked)) === null, isRight, JSON.stringify([asked, answer.text]))
})

test('checks that cannot be are refused', () => {
  for (const bad of [{ is: 'matches', pattern: '(' }, { is: 'script', name: 'Klingon' }, { is: 'smells' }])
    assert.throws(() => check(bad))
})
