// Tests of patterns over the names of streams.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { matchesGlob } from './glob.ts'

test('a star is one part, two are any number of parts', () => {
  for (const [pattern, name, isMatch] of [
    ['a/b', 'a/b', true],
    ['a/b', 'a/c', false],
    ['a/*', 'a/b', true],
    ['a/*', 'a', false],
    ['a/*', 'a/b/c', false],
    ['*/b', 'a/b', true],
    ['a/**', 'a', true],
    ['a/**', 'a/b/c', true],
    ['**/c', 'a/b/c', true],
    ['**/c', 'c', true],
    ['a/**/c', 'a/c', true],
    ['a/**/c', 'a/b/b/c', true],
    ['a/**/c', 'a/b/b/d', false],
    ['**', 'a/b', true],
    ['a*', 'ab', false],
  ] as const)
    assert.equal(matchesGlob(pattern, name), isMatch, `${pattern} ~ ${name}`)
})

test('agrees with a matcher that tries everything', () => {
  const tries = (pattern: string[], parts: string[]): boolean => {
    const [first, ...rest] = pattern
    if (first === undefined) return parts.length === 0
    if (first === '**') return tries(rest, parts) || (parts.length > 0 && tries(pattern, parts.slice(1)))
    return parts.length > 0 && (first === '*' || first === parts[0]) && tries(rest, parts.slice(1))
  }
  const part = fc.constantFrom('a', 'b')
  const name = fc.array(part, { minLength: 1, maxLength: 6 })
  const pattern = fc.array(fc.oneof(part, fc.constantFrom('*', '**')), { minLength: 1, maxLength: 6 })
  fc.assert(
    fc.property(pattern, name, (some, parts) => {
      assert.equal(matchesGlob(some.join('/'), parts.join('/')), tries(some, parts))
    }),
  )
})

test('a pattern made to be slow is not', () => {
  const beganMs = performance.now()
  assert.equal(matchesGlob(Array(60).fill('**/a').join('/'), `${Array(200).fill('a').join('/')}/b`), false)
  assert.ok(performance.now() - beganMs < 500)
})
