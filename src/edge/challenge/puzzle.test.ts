// Puzzles and passes: what was earned is taken, and nothing else, whatever is changed about it.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'
import { checkPass, checkSolution, makePass, makePuzzle, type Puzzle, Signer } from './puzzle.ts'
import { passedFields } from '../web/app-request.ts'
import { readCookie } from './read-cookie.ts'

const nowS = 1_800_000_000
const network = '192.0.2.0/24'
const signer = new Signer(Buffer.alloc(32, 7))
const nonce = fc.stringMatching(/^[\da-f]{24}$/)

/** As a browser finds it. */
function solve({ salt, goal, numberMax, signature }: Puzzle): string {
  for (let n = 0; n <= numberMax; n++)
    if (createHash('sha256').update(`${salt}.${n}`).digest('hex') === goal) return `${salt}.${n}.${signature}`
  return assert.fail('there is no number')
}

/** The same text with one place changed. */
const tampered = (text: string): fc.Arbitrary<string> =>
  fc
    .record({
      at: fc.nat(text.length - 1),
      by: fc.constantFrom(...'0123456789abcdefXYZ_-. '),
      how: fc.constantFrom('put', 'cut', 'add'),
    })
    .map(({ at, by, how }) => text.slice(0, at) + (how === 'cut' ? '' : by) + text.slice(how === 'add' ? at : at + 1))
    .filter((changed) => changed !== text)

describe('a puzzle', () => {
  test('is solved by its number alone, for its network, until its end, and by the same secret', () => {
    fc.assert(
      fc.property(nonce, fc.nat(300), (nonce, number) => {
        const puzzle = makePuzzle(signer, network, { nonce, number, numberMax: 300, untilS: nowS + 300 })
        const solution = solve(puzzle)
        assert.equal(solution, `${puzzle.salt}.${number}.${puzzle.signature}`)
        assert.equal(checkSolution(signer, network, solution, nowS), nowS + 300)
        assert.equal(checkSolution(signer, network, solution, nowS + 301), null, 'too late')
        assert.equal(checkSolution(signer, '198.51.100.0/24', solution, nowS), null, 'elsewhere')
        assert.equal(checkSolution(new Signer(Buffer.alloc(32, 8)), network, solution, nowS), null, 'another secret')
        const wrong = `${puzzle.salt}.${number + 1}.${puzzle.signature}`
        assert.equal(checkSolution(signer, network, wrong, nowS), null, 'another number')
      }),
      { numRuns: 30 },
    )
  })

  test('takes no solution with anything changed, and no nonsense', () => {
    const solution = solve(
      makePuzzle(signer, network, { nonce: 'a1'.repeat(12), number: 42, numberMax: 99, untilS: nowS + 300 }),
    )
    fc.assert(fc.property(tampered(solution), (text) => checkSolution(signer, network, text, nowS) === null))
    fc.assert(fc.property(fc.string(), (text) => checkSolution(signer, network, text, nowS) === null))
  })
})

describe('a pass', () => {
  const pass = makePass(signer, network, nowS + 86_400)

  test('is good for its network until its end', () => {
    assert.ok(checkPass(signer, network, pass, nowS))
    assert.ok(!checkPass(signer, network, pass, nowS + 86_401))
    assert.ok(!checkPass(signer, '192.0.3.0/24', pass, nowS))
    assert.ok(!checkPass(new Signer(Buffer.alloc(32)), network, pass, nowS))
  })

  test('is not good with anything changed, and neither is nonsense or the signature of a puzzle', () => {
    fc.assert(fc.property(tampered(pass), (text) => !checkPass(signer, network, text, nowS)))
    fc.assert(fc.property(fc.string(), (text) => !checkPass(signer, network, text, nowS)))
    const { signature } = makePuzzle(signer, network, {
      ...{ nonce: 'a1'.repeat(12), number: 1, numberMax: 9, untilS: nowS + 86_400 },
    })
    assert.ok(!checkPass(signer, network, `${nowS + 86_400}.${signature}`, nowS))
  })

  test('is signed with another key each day', () => {
    assert.notEqual(signer.sign('x', nowS), signer.sign('x', nowS + 86_400))
    assert.equal(new Signer(Buffer.alloc(32, 7)).sign('x', nowS), signer.sign('x', nowS))
  })
})

test('a cookie is found by its whole name, among others', () => {
  assert.equal(readCookie('a=1; holdfast-pass=x.y ;b=2', 'holdfast-pass'), 'x.y')
  assert.equal(readCookie('my-holdfast-pass=1; b', 'holdfast-pass'), null)
  assert.equal(readCookie(undefined, 'holdfast-pass'), null)
  fc.assert(fc.property(fc.string(), (text) => typeof readCookie(text, 'a') !== 'undefined'))
})

test('no application gets the pass, which would make each visitor another one to a cache', () => {
  const passed = (cookie: string): string[] => passedFields(['Cookie', cookie, 'x-a', 'holdfast-pass=1'])
  const rest = ['x-a', 'holdfast-pass=1']
  assert.deepEqual(passed('a=1; holdfast-pass=x.y; b=2'), ['Cookie', 'a=1; b=2', ...rest])
  assert.deepEqual(passed('holdfast-pass=x.y; b=2'), ['Cookie', 'b=2', ...rest])
  assert.deepEqual(passed('holdfast-pass=x.y'), rest)
  assert.deepEqual(passed('my-holdfast-pass=1; b'), ['Cookie', 'my-holdfast-pass=1; b', ...rest])
})
