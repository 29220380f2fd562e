// What a call wants of the cache is read whatever stands in its headers, and never more than its key or it says.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { readCall } from '../dialect/read-call.ts'
import { Fault } from '../fault/fault.ts'
import { cacheSchema } from '../relay/cache-options.ts'
import type { CacheWish } from '../relay/cache-wish.ts'
import type { Caller } from './caller.ts'
import { type CacheAsk, readCacheWish } from './read-cache-wish.ts'

const rules = { ...cacheSchema.parse(undefined), outlastsJournal: false }
const call = readCall('chat', Buffer.from('{"model":"m","messages":[{"role":"user","content":"hi"}]}'), {})
const ann: Caller = {
  ...{ name: 'ann', models: null, tier: 'standard', onDisconnect: null, limits: null, isRevocable: false },
  cache: 'all',
}

function look(headers: CacheAsk['headers'], more: Partial<CacheAsk> = {}): ReturnType<typeof readCacheWish> {
  const timeLimits = { firstTokenMs: null, wholeMs: null }
  const own = { call, caller: ann, callerKey: 'secret', tier: 'standard', timeLimits, options: rules } as const
  return readCacheWish({ ...own, isStored: false, isBackground: false, headers, ...more })
}

function wishOf(...given: Parameters<typeof look>): CacheWish {
  const wish = look(...given)
  if (wish === null || typeof wish === 'string') assert.fail(`no wish: ${wish}`)
  return wish
}

describe('a wish for the cache', () => {
  test('is read from any header without harm, and is bounded by the settings', () => {
    const word = fc.constantFrom(
      'max-age',
      'stale-if-error',
      'no-cache',
      'only-if-cached',
      '=',
      ',',
      ' ',
      '"',
      '9',
      '-1',
    )
    const header = fc.oneof(
      fc.string(),
      fc.array(word).map((words) => words.join('')),
    )
    fc.assert(
      fc.property(header, (text) => {
        const wish = look({ 'cache-control': text })
        if (wish === 'no-store') return
        assert.ok(wish && typeof wish === 'object')
        assert.ok(wish.ageMsMax >= 0 && wish.ageMsMax <= rules.ttlMs)
        assert.ok(wish.staleMsMax >= 0 && wish.staleMsMax <= rules.staleIfErrorMs)
        assert.ok(wish.mayRead || wish.mayAsk)
      }),
    )
    fc.assert(
      fc.property(fc.string(), (text) => {
        if (['use', 'refresh', 'only', 'off'].includes(text)) return
        assert.throws(() => look({ 'holdfast-cache': text }), Fault)
      }),
    )
  })

  test('of a key that says nothing is there only if the call says so, whatever `cache-control` says', () => {
    const caller = { ...ann, cache: null }
    assert.equal(look({ 'cache-control': 'only-if-cached, max-age=9' }, { caller }), null)
    assert.equal(typeof look({ 'holdfast-cache': 'use' }, { caller }), 'object')
    const options = { ...rules, byHeader: false }
    assert.equal(look({ 'holdfast-cache': 'use' }, { caller, options }), null)
    assert.equal(typeof look({}, { options }), 'object')
  })

  test('has names that are apart for all that must be apart, and short enough for the journal', () => {
    const long = 'x'.repeat(64)
    const wishes = [
      wishOf({}),
      wishOf({}, { caller: { ...ann, name: 'bob' } }),
      wishOf({}, { caller: { ...ann, name: '' } }),
      wishOf({}, { caller: { ...ann, name: '' }, callerKey: 'other' }),
      wishOf({}, { caller: { ...ann, name: '' }, callerKey: null }),
      wishOf({}, { caller: { ...ann, name: `${long}:${long}` } }),
      wishOf({}, { options: { ...rules, shared: true } }),
      wishOf({}, { isStored: true }),
    ]
    const names = wishes.flatMap(({ keptName, liveName }) => [keptName, liveName])
    assert.equal(new Set(names).size, names.length)
    assert.ok(names.every((name) => name.length <= 256))
    const shared = { options: { ...rules, shared: true } }
    const [one, other] = [wishOf({}, shared), wishOf({}, { ...shared, caller: { ...ann, name: 'bob' } })]
    assert.deepEqual(one, other)
    assert.equal(wishOf({}, { tier: 'batch' }).keptName, wishOf({}).keptName)
    assert.notEqual(wishOf({}, { tier: 'batch' }).liveName, wishOf({}).liveName)
  })

  test('lets others wait for it only where it has time', () => {
    const mayLead = (wholeMs: number | null): boolean =>
      wishOf({}, { timeLimits: { firstTokenMs: null, wholeMs } }).mayLead
    assert.deepEqual([mayLead(null), mayLead(600_000), mayLead(20_000)], [true, true, false])
    assert.equal(wishOf({ 'holdfast-cache': 'refresh' }).mayLead, false)
  })
})
