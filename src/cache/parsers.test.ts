// Everything of the cache that reads what strangers write: by example, and by property on whatever comes.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { readContentRange, readRanges } from './byte-range.ts'
import { readDictionary } from './dictionary.ts'
import { readDirectives } from './directives.ts'
import { splitList, unquote } from './field-list.ts'
import { hopByHop, without } from './header-list.ts'
import { httpDate, parseHttpDate } from './http-date.ts'
import { tagsOf } from './tags.ts'
import { policyOf } from './targeted.ts'
import { isKnown, isUnmet, meetsIfRange } from './validators.ts'
import { matchesVary, varyNames, varyValues } from './vary.ts'

const nowMs = Date.UTC(2026, 10, 28)

test('dates: the three forms, and what is none', () => {
  const ms = Date.UTC(1994, 10, 6, 8, 49, 37)
  for (const text of [
    'Sun, 06 Nov 1994 08:49:37 GMT',
    'Sunday, 06-Nov-94 08:49:37 GMT',
    'Sun Nov  6 08:49:37 1994',
    'SUN, 06 nov 1994 08:49:37 gmt',
  ])
    assert.equal(parseHttpDate(text, nowMs), ms, text)
  assert.equal(parseHttpDate('Thursday, 18-Aug-50 02:01:18 GMT', nowMs), Date.UTC(2050, 7, 18, 2, 1, 18))
  for (const text of [
    ...['', '0', '-1', 'now', 'Sun, 06 Nov 1994 08:49:37 UTC', 'Sun, 06 Nov 94 08:49:37 GMT'],
    ...['Sun 06 Nov 1994 08:49:37 GMT', 'Sun, 06  Nov 1994 08:49:37 GMT', 'Sun, 6 Nov 1994 08:49:37 GMT'],
    ...['Sun, 31 Feb 1994 08:49:37 GMT', 'Sun, 06 Nov 1994 24:49:37 GMT', 'Sun, 06 Nov 1994 08:49:37 GMT '],
  ])
    assert.equal(parseHttpDate(text, nowMs), null, text)
})

test('dates: what we write we read', () => {
  fc.assert(
    fc.property(fc.integer({ min: -10_000_000_000, max: 10_000_000_000 }), (seconds) => {
      fc.pre(seconds > -62_135_596_800)
      assert.equal(parseHttpDate(httpDate(seconds * 1000), nowMs), seconds * 1000)
    }),
  )
})

test('directives: values, quotes, twice, nonsense', () => {
  assert.deepEqual(readDirectives(['max-age=60, Public']), { maxAge: 60, isPublic: true })
  assert.deepEqual(readDirectives(['MAX-AGE="60"', 's-maxage=5']), { maxAge: 60, sMaxAge: 5 })
  assert.deepEqual(readDirectives(['max-age=60, max-age=5']), { maxAge: 5 })
  for (const bad of ["max-age='60'", 'max-age=6.5', 'max-age=-1', 'max-age=', 'max-age', 'max-age= 60'])
    assert.deepEqual(readDirectives([bad]), { maxAge: 0 }, bad)
  assert.deepEqual(readDirectives(['max-age =60']), {})
  assert.deepEqual(readDirectives(['x="max-age=60, no-store", max-age=1']), { maxAge: 1 })
  assert.deepEqual(readDirectives(['max-age=99999999999999999999']), { maxAge: 2 ** 31 })
  assert.deepEqual(readDirectives(['no-cache="A, b", private']), { noCache: ['a', 'b'], isPrivate: true })
  assert.deepEqual(readDirectives(['no-cache="a"', 'no-cache']), { noCache: true })
  assert.deepEqual(readDirectives(['max-stale']), { maxStale: Number.POSITIVE_INFINITY })
})

test('dictionaries are read strictly', () => {
  const names = (text: string): string[] | null => {
    const members = readDictionary(text)
    return members && [...members.keys()]
  }
  assert.deepEqual(names('a=1, b;x=2, c=?0,d="x\\"y", e=tok/en, f=:YWJj:, g=(1 "a" b);q, h=1.5, i=@12'), [
    ...'abcdefghi',
  ])
  assert.deepEqual(names(''), [])
  for (const bad of [
    'A=1',
    'a=',
    'a=1,',
    ',a',
    'a=1 b',
    'a="x',
    'a=(1',
    'a=1.',
    'a=&&&',
    'a==1',
    'a=?2',
    'a=(1"b")',
    'a=\u00e9',
  ])
    assert.equal(readDictionary(bad), null, bad)
  assert.deepEqual(readDictionary('a=1, a=2')?.get('a'), { type: 'integer', value: 2 })
})

test('a field that is aimed at us stands in the place of the others, if it is well formed', () => {
  const policy = (...headers: string[]) => policyOf(headers)
  assert.deepEqual(policy('CDN-Cache-Control', 'max-age=9', 'Cache-Control', 'no-store'), {
    directives: { maxAge: 9 },
    field: 'cdn-cache-control',
  })
  for (const bad of ['max-age="9"', 'max-age=9, &&&', 'max-age=-1', ''])
    assert.equal(policy('cdn-cache-control', bad, 'cache-control', 'no-store').field, 'cache-control', bad)
  assert.deepEqual(policy('surrogate-control', 'max-age=9;other, max-age=5;holdfast').directives, { maxAge: 5 })
  assert.equal(policy('surrogate-control', 'max-age=9;other').field, 'cache-control')
})

test('ranges', () => {
  const of = (text: string) => readRanges(text, 10)
  assert.deepEqual(of('bytes=0-3'), [{ from: 0, to: 3 }])
  assert.deepEqual(of('Bytes=2-'), [{ from: 2, to: 9 }])
  assert.deepEqual(of('bytes=-20'), [{ from: 0, to: 9 }])
  assert.deepEqual(of('bytes=0-1,8-99'), [
    { from: 0, to: 1 },
    { from: 8, to: 9 },
  ])
  for (const none of ['bytes=10-', 'bytes=-0', 'bytes=10-11,12-']) assert.equal(of(none), 'none', none)
  for (const odd of ['bytes=', 'bytes=3-2', 'x=0-1', 'bytes=0-9,0-9', 'bytes=0x0-1', `bytes=${'0-0,'.repeat(17)}0-0`])
    assert.equal(of(odd), null, odd)
  assert.deepEqual(readContentRange('bytes 4-9/10'), { from: 4, to: 9, whole: 10 })
  for (const bad of ['bytes 4-10/10', 'bytes 4-9/*', 'bytes */10', 'bytes 9-4/10', null])
    assert.equal(readContentRange(bad), null)
})

test('a range that is given lies within the whole', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...'0123456789-,= bytes') }), fc.nat(1000), (text, bytes) => {
      const ranges = readRanges(`bytes=${text}`, bytes)
      if (!Array.isArray(ranges)) return
      for (const { from, to } of ranges) assert.ok(from >= 0 && from <= to && to < bytes)
      if (ranges.length > 1) assert.ok(ranges.reduce((sum, { from, to }) => sum + to - from + 1, 0) <= bytes)
    }),
  )
})

test('tags of content: weak is like strong to know, and not to go on with', () => {
  const has = { etag: '"a"', changedMs: null }
  assert.ok(isKnown(['if-none-match', 'W/"a"'], has, nowMs))
  assert.ok(isKnown(['If-None-Match', '"x", "a"'], has, nowMs))
  assert.ok(isKnown(['if-none-match', '*'], has, nowMs))
  assert.ok(
    !isKnown(['if-none-match', '"b"', 'if-modified-since', httpDate(nowMs)], { etag: '"a"', changedMs: 0 }, nowMs),
  )
  assert.ok(isUnmet(['if-match', 'W/"a"'], has, nowMs))
  assert.ok(!isUnmet(['if-match', '"a"'], has, nowMs))
  assert.ok(!meetsIfRange(['if-range', 'W/"a"'], has, nowMs))
  assert.ok(meetsIfRange(['if-range', httpDate(5000)], { etag: null, changedMs: 5400 }, nowMs))
})

test('variants: case and order where they mean nothing, nothing else', () => {
  const match = (name: string, kept: string | null, asked: string | null, ...headers: string[]): boolean => {
    const list = (value: string | null): string[] => (value === null ? [] : [name, value])
    return matchesVary({ vary: varyValues([name], list(kept)), headers }, list(asked))
  }
  assert.ok(match('accept-language', 'en, de', ' DE ,en'))
  assert.ok(match('foo', '1,2', ' 1 , 2'))
  assert.ok(!match('foo', '1, 2', '2, 1'))
  assert.ok(!match('foo', 'a', 'A'))
  assert.ok(!match('foo', null, ''))
  assert.ok(match('accept-language', 'en, de', 'fr;q=0.5, de', 'content-language', 'de'))
  assert.ok(!match('accept-language', 'en, de', 'fr, de', 'content-language', 'de'))
  assert.equal(varyNames(['vary', 'a, *']), null)
  assert.deepEqual(varyNames(['Vary', 'B, a', 'vary', ', a']), ['a', 'b'])
})

test('fields of one connection go with it', () => {
  const headers = ['Connection', 'close, X-Mine', 'X-Mine', '1', 'TE', 'x', 'A', '2']
  assert.deepEqual(without(headers, hopByHop(headers)), ['A', '2'])
})

test('lists: quotes hold commas together, whatever is missing', () => {
  assert.deepEqual(splitList(['a, "b,c" ,,d', 'e'], 10), ['a', '"b,c"', 'd', 'e'])
  assert.deepEqual(splitList(['a="x\\",y", b'], 10), ['a="x\\",y"', 'b'])
  assert.deepEqual(splitList(['a, "b, c'], 10), ['a', '"b, c'])
  assert.deepEqual(splitList(['a,b,c'], 2), ['a', 'b'])
  assert.equal(unquote('"a\\"b"'), 'a"b')
})

const pieces = [
  '"',
  '\\',
  ',',
  ';',
  '=',
  ' ',
  '\t',
  '(',
  ')',
  ':',
  '*',
  'W/',
  'max-age',
  'bytes=',
  '0-',
  '-',
  '9',
  '?1',
  'a',
]
const text = fc.oneof(
  fc.string({ unit: fc.constantFrom(...pieces), maxLength: 200 }),
  fc.string({ unit: 'binary', maxLength: 200 }),
)

/** All that reads a field of a stranger. */
function readAll(value: string): void {
  const names = [
    'cache-control',
    'cdn-cache-control',
    'surrogate-control',
    'vary',
    'cache-tag',
    'surrogate-key',
    'connection',
  ]
  const headers = names.flatMap((name) => [name, value])
  policyOf(headers)
  tagsOf(headers)
  hopByHop(headers)
  readDictionary(value)
  parseHttpDate(value, nowMs)
  readRanges(value, 1000)
  readRanges(`bytes=${value}`, 1000)
  readContentRange(value)
  unquote(value)
  const asked = ['if-none-match', 'if-match', 'if-range', 'if-modified-since', 'if-unmodified-since'].flatMap(
    (name) => [name, value],
  )
  const has = { etag: '"a"', changedMs: 0 }
  isKnown(asked, has, nowMs)
  isUnmet(asked, has, nowMs)
  meetsIfRange(asked, has, nowMs)
  matchesVary({ vary: varyValues(varyNames(headers) ?? [], headers), headers: ['content-language', 'de'] }, [
    'accept-language',
    value,
  ])
}

test('no field, however strange, is more than is expected', () => {
  fc.assert(fc.property(text, readAll), { numRuns: 2000 })
})

test('time grows with length only: 64 KiB of anything cost a small multiple of 8 KiB', () => {
  /** Of the processor, not of the clock on the wall: the machine may be busy. */
  const costMs = (value: string): number => {
    const times = Array.from({ length: 3 }, () => {
      const before = process.cpuUsage()
      readAll(value)
      return process.cpuUsage(before).user / 1000
    })
    return Math.min(...times)
  }
  const units = [...pieces, '"\\', 'a=(', 'a="', '(((', '0-0,', 'a;', '=,', '""', ' ,', '1;q=', 'no-cache="', '\u00ff']
  for (const unit of units) {
    const [short, long] = [8, 64].map((kib) => unit.repeat((kib * 1024) / unit.length)) as [string, string]
    readAll(short)
    const [shortMs, longMs] = [costMs(short), costMs(long)]
    // Eight times the length: a reader whose time grows by the square would need 64 times as long, and seconds.
    assert.ok(longMs < shortMs * 30 + 20, `${JSON.stringify(unit)}: ${shortMs} ms, then ${longMs} ms`)
  }
})
