// Calls that mean the same have one key, whatever way they are spelled; others never do.
import assert from 'node:assert/strict'
import { isDeepStrictEqual } from 'node:util'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { Route } from '../call.ts'
import { readCall } from '../read-call.ts'
import { type Meaning, meaningOf, type NoMeaning } from './call-meaning.ts'
import { canonical, Unclear } from './canonical.ts'
import { fieldRules, orderedFields } from './field-rules.ts'

const needs: Readonly<Record<Route, object>> = {
  chat: { messages: [{ role: 'user', content: 'hi' }] },
  completions: { prompt: 'hi' },
  embeddings: { input: 'hi' },
  responses: { input: 'hi' },
  messages: { messages: [{ role: 'user', content: 'hi' }], max_tokens: 9 },
  count_tokens: { messages: [{ role: 'user', content: 'hi' }] },
}
const routes = Object.keys(needs) as Route[]

function look(body: object | string, route: Route = 'chat', headers = {}, allowsTools = false): Meaning | NoMeaning {
  const text = typeof body === 'string' ? body : JSON.stringify({ model: 'm', ...needs[route], ...body })
  return meaningOf(readCall(route, Buffer.from(text), headers), false, allowsTools)
}

function textOf(...given: Parameters<typeof look>): string {
  const meaning = look(...given)
  if (typeof meaning === 'string') assert.fail(`no meaning: ${meaning}`)
  return meaning.text
}

/** Fields in another order at every depth, but where the order has a meaning. */
function shuffled(value: unknown, turn: number): unknown {
  if (Array.isArray(value)) return value.map((each) => shuffled(each, turn + 1))
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value)
  const at = entries.length === 0 ? 0 : turn % entries.length
  const turned = [...entries.slice(at), ...entries.slice(0, at)]
  const isOrdered = (name: string): boolean => orderedFields.has(name)
  return Object.fromEntries(turned.map(([name, each]) => [name, isOrdered(name) ? each : shuffled(each, turn + 1)]))
}

/** The same JSON with blanks, and every letter of its strings escaped. */
function respelled(value: unknown): string {
  const escaped = (text: string): string =>
    `"${[...text].flatMap((letter) => letter.split('').map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)).join('')}"`
  if (typeof value === 'string') return escaped(value)
  if (Array.isArray(value)) return `[ ${value.map(respelled).join(' ,\n')} ]`
  if (typeof value !== 'object' || value === null) return `\t${JSON.stringify(value)}\r\n`
  const fields = Object.entries(value).map(([name, each]) => `${escaped(name)} : ${respelled(each)}`)
  return `{ ${fields.join(' , ')} }`
}

/** Numbers that every reader reads alike. */
const number = fc.oneof(fc.integer(), fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e6, max: 1e6 }))
const name = fc.string({ maxLength: 6 }).filter((text) => !/^\d/.test(text) && text !== '__proto__')
const json = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom(null, true, false),
    number,
    fc.string({ maxLength: 8, unit: 'binary' }),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(name, tie('value'), { maxKeys: 4, noNullPrototype: true }),
  ),
})).value
/** As JSON tells it: without a negative zero. */
const told = json.map((value) => JSON.parse(JSON.stringify(value)) as unknown)
const route = fc.constantFrom(...routes)

describe('one spelling for what means the same', () => {
  test('whatever the order of fields, blanks and escapes', () => {
    fc.assert(
      fc.property(told, fc.nat(9), (value, turn) => {
        const other = JSON.parse(respelled(shuffled(value, turn))) as unknown
        assert.equal(canonical(other), canonical(value))
      }),
    )
  })

  test('two spellings for what differs', () => {
    fc.assert(
      fc.property(told, told, (a, b) => {
        assert.equal(canonical(a) === canonical(b), isDeepStrictEqual(a, b))
      }),
    )
    // Values that resemble each other are seldom drawn.
    const close = [0, '0', null, 'null', [], {}, [[]], [{}], '', ' ', false, 'false', [1, 2], [12], ['1,2'], { a: 1 }]
    for (const a of close) for (const b of close) assert.equal(canonical(a) === canonical(b), a === b)
  })

  test('and one can be read back', () => {
    fc.assert(fc.property(told, (value) => assert.deepEqual(JSON.parse(canonical(value)), value)))
  })

  test('numbers that readers round differently have none', () => {
    for (const text of ['9007199254740993', '-9007199254740993', '1e400', '12345678901234567890'])
      assert.throws(() => canonical(JSON.parse(text)), Unclear)
    assert.equal(canonical(JSON.parse('[1.0, 1e0, 10e-1]')), '[1,1,1]')
  })

  test('the order of fields stays where models write in it', () => {
    const [one, other] = [
      { a: { type: 'string' }, b: {} },
      { b: {}, a: { type: 'string' } },
    ]
    for (const field of orderedFields) {
      assert.notEqual(canonical({ [field]: one }), canonical({ [field]: other }), field)
      assert.notEqual(canonical({ [field]: { deep: one } }), canonical({ [field]: { deep: other } }), field)
    }
    // Which of these came first cannot be known any more.
    assert.throws(() => canonical({ properties: { b: 1, 2: 1 } }), Unclear)
  })
})

describe('the meaning of a call', () => {
  test('is the same with any field of the table, in any language that has it', () => {
    fc.assert(
      fc.property(route, fc.constantFrom(...fieldRules), fc.nat(9), told, (route, rule, turn, value) => {
        if (rule.routes && !rule.routes.includes(route)) return
        const field = rule.names[turn % rule.names.length] as string
        if (field === 'stream' || field in needs[route]) return // a boolean, or what the call cannot do without
        const idle: unknown = rule.values ? JSON.parse(rule.values[turn % rule.values.length] as string) : value
        assert.equal(textOf({ [field]: idle }, route), textOf({}, route), field)
      }),
      { numRuns: 500 },
    )
  })

  test('is another one with any field that is not in it', () => {
    const known = new Set(fieldRules.flatMap(({ names }) => names))
    fc.assert(
      fc.property(route, name, told, told, (route, field, one, other) => {
        if (known.has(field) || field in needs[route] || field === 'model') return
        const [a, b] = [look({ [field]: one }, route), look({ [field]: other }, route)]
        if (typeof a === 'string' || typeof b === 'string') return // it has none, and no key
        assert.equal(a.text === b.text, isDeepStrictEqual(one, other))
        assert.notEqual(a.text, textOf({}, route))
      }),
    )
  })

  test('is another one with each value that is no default', () => {
    const cases: [string, unknown][] = [
      ...[0, 0.5, 1].map((value): [string, unknown] => ['temperature', value]),
      ...[2, 3].map((value): [string, unknown] => ['n', value]),
      ['top_p', 1],
      ['seed', 0],
      ['max_tokens', 5],
      ['stop', ['x']],
      ['stop', 'x'],
      ['presence_penalty', 0.1],
      ['logit_bias', { 5: 1 }],
      ['logprobs', true],
      ['response_format', { type: 'json_object' }],
      ['cache_salt', 'mine'],
      ['reasoning_effort', null],
      ['messages', [{ role: 'user', content: 'hi ' }]],
      ['messages', [{ role: 'system', content: 'hi' }]],
      ['model', 'n'],
    ]
    const texts = [textOf({}), ...cases.map(([field, value]) => textOf({ [field]: value }))]
    assert.equal(new Set(texts).size, texts.length)
  })

  test('is of its language: of the path, and of the headers that belong to it', () => {
    const messages = needs.messages
    const texts = [
      textOf(messages, 'chat'),
      textOf(messages, 'messages'),
      textOf(messages, 'messages', { 'anthropic-version': '2023-06-01' }),
      textOf(messages, 'messages', { 'anthropic-beta': 'x' }),
    ]
    assert.equal(new Set(texts).size, texts.length)
  })

  test('is not there for what changes between two askings, or acts', () => {
    const own = { type: 'function', function: { name: 'f', parameters: { type: 'object' } } }
    const url = 'https://example.com/a.png'
    const shown = (part: object): object => ({ messages: [{ role: 'user', content: [part] }] })
    assert.equal(look({ tools: [own] }), 'tools')
    assert.equal(typeof look({ tools: [own] }, 'chat', {}, true), 'object')
    assert.equal(look({ tools: [own, { type: 'web_search_preview' }] }, 'responses', {}, true), 'acts')
    assert.equal(look({ tools: [{ type: 'bash_20250124', name: 'bash' }] }, 'messages', {}, true), 'acts')
    assert.equal(look({ web_search_options: {} }), 'acts')
    for (const field of ['previous_response_id', 'conversation', 'prompt'])
      assert.equal(look({ [field]: 'x' }, 'responses'), 'state', field)
    assert.equal(look({ input: [{ type: 'item_reference', id: 'msg_1' }] }, 'responses'), 'address')
    assert.equal(look(shown({ type: 'image_url', image_url: { url } })), 'address')
    assert.equal(look(shown({ type: 'image', source: { type: 'url', url } }), 'messages'), 'address')
    assert.equal(typeof look(shown({ type: 'image_url', image_url: { url: 'data:image/png;base64,AA==' } })), 'object')
    assert.equal(look('{"model":"m","messages":[{"role":"user","content":"hi"}],"seed":9007199254740993}'), 'number')
  })

  test('is sure where nothing is left to chance', () => {
    const isSure = (...given: Parameters<typeof look>): boolean => (look(...given) as Meaning).isSure
    assert.deepEqual([isSure({}), isSure({ temperature: 1 }), isSure({ seed: 1 })], [false, false, false])
    assert.deepEqual([isSure({ temperature: 0 }), isSure({ temperature: 0 }, 'messages')], [true, true])
    assert.deepEqual([isSure({}, 'embeddings'), isSure({}, 'count_tokens')], [true, true])
  })

  test('has forms that are told apart, and some that can be made of others', () => {
    const forms = (...given: Parameters<typeof look>): unknown => {
      const { form, otherForms } = look(...given) as Meaning
      return [form, ...otherForms]
    }
    const counted = { stream: true, stream_options: { include_usage: true } }
    assert.deepEqual(forms({}), ['whole', 'usage'])
    assert.deepEqual(forms({ stream: true }), ['stream'])
    assert.deepEqual(forms({ stream: true, stream_options: { include_usage: false } }), ['stream'])
    assert.deepEqual(forms(counted), ['usage'])
    assert.deepEqual(forms({ ...counted, stream_options: { include_usage: true, continuous_usage_stats: true } }), [
      'stream {"continuous_usage_stats":true,"include_usage":true}',
    ])
    assert.deepEqual(forms({}, 'messages'), ['whole', 'stream'])
    assert.deepEqual(forms({}, 'embeddings'), ['whole'])
  })

  test('is found in time whatever is asked', () => {
    fc.assert(
      fc.property(route, fc.dictionary(fc.string(), fc.jsonValue(), { maxKeys: 20 }), (route, body) => {
        let call: ReturnType<typeof readCall>
        try {
          call = readCall(route, Buffer.from(JSON.stringify({ model: 'm', ...needs[route], ...body })), {})
        } catch {
          return // refused at the door
        }
        assert.ok(meaningOf(call, true, true))
      }),
    )
  })
})
