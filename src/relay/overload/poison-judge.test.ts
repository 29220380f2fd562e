// Who is condemned for the deaths of servers, and who is only suspected.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import type { ServerDeath, SuspectTrace } from '../../store/quarantine.ts'
import { joinDeaths, judge } from './poison-judge.ts'

const trace = (more: Partial<SuspectTrace> = {}): SuspectTrace => ({
  ...{ place: 0, ageMs: 20, isStream: true, ray: 'r' },
  ...more,
})

function death(upstream: string, atMs: number, keys: readonly string[], more: Partial<SuspectTrace> = {}): ServerDeath {
  const suspects = new Map(keys.map((key) => [key, trace(more)]))
  return { id: `${upstream}-${atMs}`, upstream, atMs, isExplained: false, suspects }
}

test('two servers that died of it alone condemn a request, one does not, nor the same server twice', () => {
  assert.equal(judge('a', [], 0), 'free')
  assert.equal(judge('a', [death('s1', 0, ['a'])], 10), 'suspect')
  assert.equal(judge('a', [death('s1', 0, ['a']), death('s1', 60_000, ['a'])], 60_010), 'suspect')
  assert.equal(judge('a', [death('s1', 0, ['a']), death('s2', 40, ['a'])], 50), 'poison')
})

test('of crowds only the one that was at both', () => {
  const deaths = [death('s1', 0, ['a', 'b', 'c', 'd']), death('s2', 40, ['x', 'a', 'y'])]
  assert.deepEqual(
    ['a', 'b', 'x'].map((key) => judge(key, deaths, 50)),
    ['poison', 'suspect', 'suspect'],
  )
  const both = [death('s1', 0, ['a', 'b']), death('s2', 40, ['a', 'b'])]
  assert.deepEqual([judge('a', both, 50), judge('b', both, 50)], ['suspect', 'suspect'])
})

test('who got further at the second server is no rival of the one that did not', () => {
  const second = {
    ...death('s2', 40, ['a']),
    suspects: new Map([
      ['a', trace()],
      ['b', trace({ place: 30 })],
    ]),
  }
  const deaths = [death('s1', 0, ['a', 'b']), second]
  assert.deepEqual([judge('a', deaths, 50), judge('b', deaths, 50)], ['poison', 'suspect'])
})

test('when servers die all around, it is not the request', () => {
  const deaths = [death('s1', 0, ['a']), death('s2', 40, ['a']), death('s3', 50, ['x']), death('s4', 60, ['y'])]
  assert.equal(judge('a', deaths, 70), 'suspect')
  const explained = deaths.map((each) => ({ ...each, isExplained: true }))
  assert.equal(judge('a', explained, 70), 'poison')
})

test('what two workers tell of one death is one', () => {
  const joined = joinDeaths([death('s1', 0, ['a']), death('s1', 900, ['b']), death('s1', 9000, ['a'])])
  assert.deepEqual(
    joined.map(({ suspects }) => [...suspects.keys()]),
    [['a', 'b'], ['a']],
  )
})

test('never more than one of those that were at the same deaths is condemned', () => {
  const keys = fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd', 'e'), { minLength: 1 })
  const deaths = fc.array(fc.record({ at: fc.nat(3), keys }), { maxLength: 6 })
  fc.assert(
    fc.property(deaths, (told) => {
      const all = told.map(({ at, keys: there }, i) => death(`s${at}`, i * 5000, there))
      const poison = ['a', 'b', 'c', 'd', 'e'].filter((key) => judge(key, all, 30_000) === 'poison')
      for (const key of poison) {
        const mine = all.filter(({ suspects }) => suspects.has(key))
        assert.ok(new Set(mine.map(({ upstream }) => upstream)).size >= 2)
        for (const other of poison) assert.ok(other === key || !mine.every(({ suspects }) => suspects.has(other)))
      }
    }),
  )
})
