// What is done with a request, by what is kept: the rules of RFC 9111 one by one, and what must never happen.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { cacheStatus } from './cache-status.ts'
import { decide, type Decision } from './decide.ts'
import { freshen, isSame } from './freshen.ts'
import { ageMs, lifetimeMs } from './freshness.ts'
import { httpDate } from './http-date.ts'
import { invalidated } from './invalidates.ts'
import { whyNotStore } from './may-store.ts'
import type { Stored } from './stored.ts'
import { policyOf } from './targeted.ts'

const nowMs = Date.UTC(2026, 10, 28)
const rules = { heuristicShare: 0, staleOnErrorMs: 100_000 }

interface Entry {
  readonly stored: Stored
}

/** Kept so many seconds ago. */
function kept(control: string, agoSeconds = 0, more: Partial<Stored> = {}): Entry {
  const ms = nowMs - agoSeconds * 1000
  const { headers = [], ...rest } = more
  const fields = ['cache-control', control, 'date', httpDate(ms), ...headers]
  return { stored: { status: 200, requestMs: ms, responseMs: ms, vary: [], ...rest, headers: fields } }
}

const ask = (entries: readonly Entry[], headers: string[] = [], method = 'GET'): Decision<Entry> =>
  decide({ method, headers }, entries, nowMs, rules)

/** In short: what, why, and whether it is used stale. */
function short(decision: Decision<Entry>): string {
  if (decision.kind === 'use') return decision.isStale ? 'use stale' : 'use'
  return decision.kind === 'unkept' ? 'unkept' : `${decision.kind} ${decision.why}`
}

test('by what is kept and what is asked', () => {
  const cases: readonly (readonly [Entry[], string[], string])[] = [
    [[], [], 'forward uri-miss'],
    [[kept('max-age=60', 30)], [], 'use'],
    [[kept('max-age=60', 61)], [], 'validate stale'],
    [[kept('max-age=60, s-maxage=10', 30)], [], 'validate stale'],
    [[kept('no-cache, max-age=60')], [], 'validate stale'],
    [[kept('no-cache="a", max-age=60')], [], 'use'],
    [[kept('max-age=60', 0, { isDoubted: true })], [], 'validate stale'],
    [[kept('max-age=60', 0, { headers: ['age', '61'] })], [], 'validate stale'],
    [[kept('max-age=60', 0, { headers: ['age', 'x'] })], [], 'use'],
    [[kept('max-age=60', 90)], ['cache-control', 'max-stale=40'], 'use'],
    [[kept('max-age=60, must-revalidate', 90)], ['cache-control', 'max-stale=40'], 'validate stale'],
    [[kept('max-age=60', 90)], ['cache-control', 'max-stale=20'], 'validate stale'],
    [[kept('max-age=60', 30)], ['cache-control', 'no-cache'], 'validate request'],
    [[kept('max-age=60', 30)], ['pragma', 'no-cache'], 'validate request'],
    [[kept('max-age=60', 30)], ['cache-control', 'max-age=9', 'pragma', 'x'], 'validate request'],
    [[kept('max-age=60', 30)], ['cache-control', 'min-fresh=40'], 'validate request'],
    [[kept('max-age=60', 30)], ['cache-control', 'no-store'], 'forward request'],
    [[kept('max-age=60', 30)], ['if-match', '"a"'], 'forward bypass'],
    [[kept('max-age=60, stale-while-revalidate=30', 80)], [], 'use stale'],
    [[kept('max-age=60, stale-while-revalidate=30', 95)], [], 'validate stale'],
    [[kept('max-age=60, stale-while-revalidate=30, must-revalidate', 80)], [], 'validate stale'],
    [[kept('s-maxage=60, stale-while-revalidate=30', 80)], [], 'use stale'],
    [[], ['cache-control', 'only-if-cached'], 'unkept'],
    [[kept('max-age=60', 90)], ['cache-control', 'only-if-cached'], 'unkept'],
    [[kept('max-age=60', 0, { vary: [['a', '1']] })], ['a', '2'], 'forward vary-miss'],
    [[kept('max-age=60', 0, { vary: [['a', '1']] }), kept('max-age=60', 9, { vary: [['a', '2']] })], ['a', '2'], 'use'],
    [[kept('max-age=60', 0, { part: { from: 2, to: 5, whole: 10 } })], [], 'forward partial'],
    [[kept('max-age=60', 0, { part: { from: 2, to: 5, whole: 10 } })], ['range', 'bytes=3-5'], 'use'],
    [[kept('max-age=60', 0, { part: { from: 2, to: 5, whole: 10 } })], ['range', 'bytes=3-6'], 'forward partial'],
  ]
  for (const [entries, headers, expected] of cases)
    assert.equal(short(ask(entries, headers)), expected, JSON.stringify([entries, headers]))
  assert.equal(short(ask([kept('max-age=60')], [], 'POST')), 'forward method')
  assert.equal(short(ask([kept('max-age=60')], [], 'HEAD')), 'use')
})

test('how long a stale answer may stand in', () => {
  const spare = (control: string): [number, number] => {
    const decision = ask([kept(control, 70)])
    assert.ok(decision.kind === 'validate')
    return [decision.spare.unreachableMs, decision.spare.failedMs]
  }
  assert.deepEqual(spare('max-age=60'), [90_000, 0])
  assert.deepEqual(spare('max-age=60, stale-if-error=50'), [40_000, 40_000])
  assert.deepEqual(spare('max-age=60, stale-if-error=5'), [0, 0])
  for (const never of ['must-revalidate', 'proxy-revalidate', 'no-cache', 's-maxage=60'])
    assert.deepEqual(spare(`max-age=60, ${never}`), [0, 0], never)
  assert.deepEqual(spare('s-maxage=60, stale-if-error=50'), [40_000, 40_000])
})

test('lifetimes: directives, then the date of expiry, then a guess where that is allowed', () => {
  const lasts = (headers: string[], share = 0, status = 200): number => {
    const stored = {
      status,
      headers: ['date', httpDate(nowMs), ...headers],
      requestMs: nowMs,
      responseMs: nowMs,
      vary: [],
    }
    return lifetimeMs(stored, policyOf(stored.headers), share) / 1000
  }
  assert.equal(lasts(['cache-control', 'max-age=5', 'expires', httpDate(nowMs + 9000)]), 5)
  assert.equal(lasts(['expires', httpDate(nowMs + 9000)]), 9)
  assert.equal(lasts(['expires', httpDate(nowMs - 9000)]), 0)
  assert.equal(lasts(['expires', '0']), 0)
  assert.equal(lasts(['expires', httpDate(nowMs + 9000), 'expires', httpDate(nowMs + 9000)]), 0)
  const old = ['last-modified', httpDate(nowMs - 100_000)]
  assert.equal(lasts(old), 0)
  assert.equal(lasts(old, 0.1), 10)
  assert.equal(lasts(old, 0.1, 500), 0)
  assert.equal(lasts([...old, 'cache-control', 'public'], 0.1, 599), 10)
  assert.equal(lasts(['last-modified', httpDate(0)], 1), 86_400)
})

test('what may be kept', () => {
  const why = (headers: string[], request: string[] = [], status = 200, method = 'GET'): string | null =>
    whyNotStore(method, request, { status, headers }, policyOf(headers), 0)
  const control = (text: string): string[] => ['cache-control', text]
  assert.equal(why(control('max-age=5')), null)
  assert.equal(why(control('max-age=5'), [], 200, 'POST'), 'method')
  assert.equal(why(control('max-age=5'), control('no-store')), 'request-no-store')
  assert.equal(why(control('no-store, max-age=5')), 'no-store')
  assert.equal(why(control('no-store, must-understand, max-age=5')), null)
  assert.equal(why(control('must-understand, max-age=5'), [], 599), 'no-store')
  assert.equal(why(control('private="a", max-age=5')), null)
  assert.equal(why(control('private, max-age=5')), 'private')
  for (const share of ['public', 'must-revalidate', 's-maxage=5'])
    assert.equal(why(control(`max-age=5, ${share}`), ['authorization', 'x']), null, share)
  assert.equal(why(control('max-age=5'), ['authorization', 'x']), 'authorization')
  assert.equal(why([...control('max-age=5'), 'vary', '*']), 'vary')
  assert.equal(why([]), 'nothing-to-go-by')
  assert.equal(why(['etag', '"a"']), null)
  assert.equal(why(control('max-age=5'), [], 304), 'status')
  assert.equal(why(control('max-age=5'), [], 206), 'status')
  assert.equal(why([...control('max-age=5'), 'content-range', 'bytes 0-1/9'], [], 206), null)
})

test('a word that it is still good renews its fields, but not those of its body', () => {
  const { stored } = kept('max-age=1', 9, {
    headers: ['ETag', '"a"', 'Content-Length', '4', 'X', '1', 'X', '2', 'Age', '7'],
    isDoubted: true,
  })
  const head = [
    'Cache-Control',
    'max-age=60',
    'etag',
    '"b"',
    'content-length',
    '0',
    'x',
    '3',
    'connection',
    'y',
    'y',
    '1',
  ]
  const renewed = freshen(stored, head, { requestMs: nowMs, responseMs: nowMs })
  const fields = renewed.headers.join(' ')
  assert.match(fields, /ETag "a" Content-Length 4/)
  assert.match(fields, /Cache-Control max-age=60 x 3$/)
  assert.doesNotMatch(fields, /X 1|Age 7|connection|y 1/)
  assert.deepEqual([renewed.isDoubted, renewed.responseMs], [undefined, nowMs])
  assert.ok(isSame(stored, ['etag', '"a"']) && !isSame(stored, ['etag', '"b"']))
})

test('a change invalidates what it names, of the same origin, unless it failed', () => {
  const url = 'http://a.test/x?y'
  assert.deepEqual(invalidated('POST', url, 201, ['Location', '/new', 'content-location', 'http://b.test/z']), [
    url,
    'http://a.test/new',
  ])
  assert.deepEqual(invalidated('PATCH', url, 500, ['Location', '/new']), [])
  assert.deepEqual(invalidated('GET', url, 200, ['Location', '/new']), [])
  assert.deepEqual(invalidated('DELETE', url, 204, ['location', 'http://[', 'content-location', '\u0000']), [url])
})

test('what was done is told in the words of RFC 9211', () => {
  assert.equal(cacheStatus({ isHit: true, ttlMs: -1500 }), 'holdfast; hit; ttl=-1')
  assert.equal(
    cacheStatus({ forward: 'stale', forwardStatus: 304, ttlMs: 9000, isStored: true, isCollapsed: true }),
    'holdfast; fwd=stale; fwd-status=304; ttl=9; stored; collapsed',
  )
})

const controls = [
  'max-age=60',
  'max-age=0',
  's-maxage=5',
  'no-cache',
  'must-revalidate',
  'proxy-revalidate',
  'stale-while-revalidate=60',
  'stale-if-error=60',
  'public',
  'immutable',
]
const wants = ['no-cache', 'max-age=0', 'max-stale', 'max-stale=5', 'min-fresh=5', 'only-if-cached', 'no-store']
const some = (from: string[]): fc.Arbitrary<string> => fc.subarray(from).map((each) => each.join(', '))

test('whatever is said: nothing stale is used where it must not be, nothing older than asked, and age never falls', () => {
  fc.assert(
    fc.property(some(controls), some(wants), fc.nat(200), (control, want, agoSeconds) => {
      const entry = kept(control, agoSeconds)
      const decision = ask([entry], want === '' ? [] : ['cache-control', want])
      const { directives } = policyOf(entry.stored.headers)
      assert.ok(ageMs(entry.stored, nowMs + 1) >= ageMs(entry.stored, nowMs))
      if (decision.kind !== 'use') return
      assert.ok(directives.noCache === undefined && !/no-cache|no-store/.test(want))
      const isStale = decision.ttlMs <= 0
      if (isStale) assert.ok(!directives.mustRevalidate && !directives.proxyRevalidate)
      if (/max-age=0/.test(want)) assert.equal(decision.ageMs, 0)
      if (isStale && !/max-stale/.test(want)) assert.ok(decision.isStale && -decision.ttlMs < 60_000)
    }),
    { numRuns: 2000 },
  )
})
