/** The index over a JSON body: it judges as JSON.parse does, and changes a field without touching the rest. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { Fault } from '../fault/fault.ts'
import { JsonBody } from './json-body.ts'

const parse = (text: string): JsonBody => JsonBody.parse(Buffer.from(text))
const joined = (pieces: Buffer[]): string => Buffer.concat(pieces).toString()

function faultOf(run: () => unknown): Fault {
  try {
    run()
  } catch (thrown) {
    assert.ok(thrown instanceof Fault, String(thrown))
    return thrown
  }
  return assert.fail('nothing was thrown')
}

/** Any JSON object, keys from a small set too, so that repeats and our own fields come up. */
const jsonObject = fc.dictionary(
  fc.oneof(fc.string(), fc.constantFrom('model', 'stream', 'messages', 'é', 'a"b\\')),
  fc.jsonValue({ maxDepth: 6 }),
)

/** What JSON.parse thinks of it: an object, or not. */
function isObjectForPlatform(bytes: Buffer): boolean {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes))
    return typeof value === 'object' && value !== null && !Array.isArray(value)
  } catch {
    return false
  }
}

describe('JsonBody accepts what JSON.parse accepts', () => {
  test('any object, in any spelling of blanks', () => {
    fc.assert(
      fc.property(jsonObject, fc.constantFrom('', ' ', '\n\t', '\r\n  '), (object, blank) => {
        const text = blank + JSON.stringify(object, null, blank.trim() === '' ? blank : '') + blank
        const body = parse(text)
        assert.deepEqual(body.whole(), JSON.parse(text))
        for (const name of Object.keys(object)) {
          assert.ok(body.has(name))
          assert.deepEqual(body.value(name), JSON.parse(JSON.stringify(object[name])))
        }
      }),
    )
  })

  test('and refuses what it refuses, whatever byte is changed', () => {
    const spot = fc.record({
      at: fc.nat(),
      byte: fc.integer({ min: 0, max: 255 }),
      kind: fc.constantFrom('set', 'insert', 'cut'),
    })
    fc.assert(
      fc.property(jsonObject, fc.array(spot, { minLength: 1, maxLength: 3 }), (object, spots) => {
        let bytes = Buffer.from(JSON.stringify(object))
        for (const { at, byte, kind } of spots) {
          const place = at % bytes.length
          const skip = kind === 'insert' ? 0 : 1
          bytes = Buffer.concat([
            bytes.subarray(0, place),
            kind === 'cut' ? Buffer.alloc(0) : Buffer.of(byte),
            bytes.subarray(place + skip),
          ])
          if (bytes.length === 0) bytes = Buffer.from(' ')
        }
        let isTaken = true
        try {
          JsonBody.parse(bytes, { uniqueFields: [] })
        } catch (thrown) {
          assert.ok(thrown instanceof Fault && thrown.code === 'HF_BAD_JSON')
          isTaken = false
        }
        assert.equal(isTaken, isObjectForPlatform(bytes), JSON.stringify(bytes.toString('latin1')))
      }),
      { numRuns: 2000 },
    )
  })

  const numbers = [
    '0',
    '-0',
    '1e5',
    '1E+5',
    '1e-05',
    '0.10',
    '-1.5e3',
    '01',
    '-',
    '1.',
    '.5',
    '1e',
    '+1',
    '0x1',
    '1e+',
    '--1',
    'NaN',
    'Infinity',
    '-a',
    '00',
  ]
  const strings = [
    '"\\u00e9"',
    '"\\ud800"',
    '"\\x"',
    '"\\u12g4"',
    '"\\u12"',
    '"\t"',
    '"\\t"',
    '"\\',
    '"',
    '"\u007f"',
    '"\u2028"',
    "'a'",
  ]
  const others = [
    'true',
    'tru',
    'nul',
    'nulll',
    'falsey',
    '[',
    '[1,]',
    '[,1]',
    '[1 2]',
    '{"b":}',
    '{"b"}',
    '{b:1}',
    '{"b":1,}',
    '[[]]',
    '',
    '}',
    '\u00a0',
    '/**/1',
  ]
  for (const value of [...numbers, ...strings, ...others]) {
    test(`judges ${JSON.stringify(value)} as JSON.parse does`, () => {
      const bytes = Buffer.from(`{"a":${value}}`)
      const isTaken = isObjectForPlatform(bytes)
      if (isTaken) assert.equal(parse(bytes.toString()).raw('a')?.toString(), value)
      else assert.equal(faultOf(() => JsonBody.parse(bytes)).code, 'HF_BAD_JSON')
    })
  }
})

test('every control character must be escaped inside a string, and no other', () => {
  for (let code = 0; code < 0x300; code++) {
    const bytes = Buffer.from(`{"a":"x${code === 0x22 || code === 0x5c ? '\\' : ''}${String.fromCharCode(code)}"}`)
    if (code < 0x20) assert.equal(faultOf(() => JsonBody.parse(bytes)).code, 'HF_BAD_JSON')
    else assert.equal(JsonBody.parse(bytes).string('a'), `x${String.fromCharCode(code)}`)
  }
})

describe('JsonBody names what is wrong', () => {
  const cases: [text: string, detail: string][] = [
    ['', 'line 1, column 1, byte 0 (the end): expected an object'],
    ['[1]', 'line 1, column 1, byte 0: expected an object'],
    ['{\n  "a": 1\n  "b": 2\n}', 'line 3, column 3, byte 13: expected a comma or }'],
    ['{"a": tru}', 'line 1, column 7, byte 6: expected a value'],
    ['{"a": "x', 'line 1, column 9, byte 8 (the end): expected the closing quote of a string'],
    ['{} {}', 'line 1, column 4, byte 3: expected nothing more after the object'],
    ['\ufeff{}', 'line 1, column 1, byte 0: expected an object, without a byte order mark before it'],
    [
      '{"model":"a","stream":true,"mod\\u0065l":"b"}',
      'line 1, column 28, byte 27: expected the field "model" only once',
    ],
  ]
  for (const [text, detail] of cases) {
    test(`in ${JSON.stringify(text)}`, () => {
      assert.equal(faultOf(() => parse(text)).detail, detail)
    })
  }

  test('and the place of a byte that is not UTF-8', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), fc.string({ maxLength: 60 }), (before, after) => {
        const head = Buffer.from(`{"a":"${before.toWellFormed()}`)
        const bytes = Buffer.concat([head, Buffer.of(0xff), Buffer.from(`${after.toWellFormed()}"}`)])
        assert.match(
          faultOf(() => JsonBody.parse(bytes)).detail,
          new RegExp(`byte ${head.length}: expected valid UTF-8`),
        )
      }),
    )
  })

  test('nesting deeper than the limit, and never by a stack overflow', () => {
    const nested = (depth: number): string => `{"a":${'['.repeat(depth - 1)}${']'.repeat(depth - 1)}}`
    assert.ok(parse(nested(128)).has('a'))
    assert.match(faultOf(() => parse(nested(129))).detail, /too deep/)
    assert.match(faultOf(() => parse(nested(1_000_000))).detail, /too deep/)
    assert.match(faultOf(() => parse('{"a":'.repeat(1_000_000))).detail, /too deep/)
  })

  test('more fields than the limit', () => {
    const many = (count: number): string => `{${Array.from({ length: count }, (_, i) => `"f${i}":${i}`).join(',')}}`
    assert.equal(parse(many(1024)).number('f1023'), 1023)
    assert.match(faultOf(() => parse(many(1025))).detail, /at most 1024 fields/)
  })
})

describe('JsonBody reads fields', () => {
  test('decoding escaped names, taking the last of repeated ones', () => {
    const body = parse('{"x":1,"mod\\u0065l":"caf\\u00e9","x":{"y":[2.50]},"\u00e9":true,"s":null}')
    assert.equal(body.string('model'), 'café')
    assert.deepEqual(body.value('x'), { y: [2.5] })
    assert.equal(body.raw('x')?.toString(), '{"y":[2.50]}')
    assert.equal(body.boolean('é'), true)
    assert.equal(body.boolean('s'), undefined)
    assert.equal(body.has('s'), true)
    assert.equal(body.has('mod'), false)
    assert.equal(body.string('nothing'), undefined)
    assert.equal(body.kind('x'), 'object')
  })

  test('refusing wrong types with the field named', () => {
    const body = parse('{"model":7,"stream":"yes","max_tokens":[1]}')
    for (const [run, param] of [
      [() => body.string('model'), 'model'],
      [() => body.boolean('stream'), 'stream'],
      [() => body.number('max_tokens'), 'max_tokens'],
    ] as const) {
      const fault = faultOf(run)
      assert.equal(fault.code, 'HF_BAD_CALL')
      assert.equal(fault.param, param)
    }
  })
})

describe('JsonBody.with', () => {
  test('changes, adds and removes fields and keeps every other byte', () => {
    const text = ' { "a" : 1.0 , "model":"old", "b":"\\u0041" }\n'
    assert.equal(joined(parse(text).with({ model: '"new"' })), text.replace('"old"', '"new"'))
    assert.equal(joined(parse(text).with({ c: '[1]' })), ' { "a" : 1.0 , "model":"old", "b":"\\u0041","c":[1] }\n')
    assert.equal(joined(parse(text).with({ model: undefined })), ' { "a" : 1.0, "b":"\\u0041" }\n')
    assert.equal(joined(parse(text).with({ a: undefined })), ' { "model":"old", "b":"\\u0041" }\n')
    assert.equal(joined(parse('{}').with({ a: '1' })), '{"a":1}')
    assert.equal(joined(parse('{"a":1,"a":2,"b":3}').with({ a: '9' })), '{"a":9,"b":3}')
    assert.equal(joined(parse(text).with({})), text)
  })

  test('gives what changing the parsed object gives', () => {
    const names = ['a', 'b', 'c', 'd', 'é']
    const small = fc.array(fc.tuple(fc.constantFrom(...names), fc.jsonValue({ maxDepth: 2 })), { maxLength: 6 })
    const changes = fc.dictionary(fc.constantFrom(...names), fc.option(fc.jsonValue({ maxDepth: 2 })), {
      maxKeys: 4,
      noNullPrototype: true,
    })
    fc.assert(
      fc.property(small, changes, fc.constantFrom('', ' '), (fields, changed, blank) => {
        const text = `{${blank}${fields.map(([name, value]) => `${JSON.stringify(name)}:${blank}${JSON.stringify(value)}`).join(`${blank},${blank}`)}${blank}}`
        const expected = JSON.parse(text) as Record<string, unknown>
        const texts: Record<string, string | undefined> = {}
        for (const [name, value] of Object.entries(changed)) {
          texts[name] = value === null ? undefined : JSON.stringify(value)
          if (value === null) delete expected[name]
          else expected[name] = JSON.parse(JSON.stringify(value))
        }
        const result = joined(parse(text).with(texts))
        assert.deepEqual(JSON.parse(result), expected, result)
        assert.ok(JsonBody.parse(Buffer.from(result)))
      }),
      { numRuns: 1000 },
    )
  })

  test('does not copy what stays', () => {
    const bytes = Buffer.from('{"model":"a","x":1}')
    const pieces = JsonBody.parse(bytes).with({ model: '"b"' })
    assert.equal(pieces.length, 3)
    assert.equal(pieces[0]?.buffer, bytes.buffer)
    assert.equal(pieces[2]?.buffer, bytes.buffer)
  })
})
