/** Two texts are joined without a letter lost or told twice, whatever pieces the second one comes in. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { EchoStrip, joinAt, OverlapStrip, type TextStrip } from './text-strip.ts'

function play(strip: TextStrip, pieces: readonly string[]): string | null {
  let told = ''
  for (const piece of pieces) told += strip.push(piece)
  const rest = strip.end()
  return rest === null ? null : told + rest
}

/** A text cut into pieces at these shares of its length. */
function cutUp(text: string, shares: readonly number[]): string[] {
  const places = [...new Set(shares.map((share) => Math.floor(share * text.length)))].sort((a, b) => a - b)
  return [0, ...places].map((from, at) => text.slice(from, places[at] ?? text.length))
}

const shares = fc.array(fc.double({ min: 0, max: 0.999, noNaN: true }), { maxLength: 6 })
const words = fc
  .array(fc.constantFrom('the ', 'cat ', 'sat\n', 'on ', '森林', '🦊 ', 'mat', '. '), { minLength: 4, maxLength: 30 })
  .map((parts) => parts.join(''))

describe('an engine that goes on', () => {
  test('is joined with and without an echo, at any place, blanks included', () => {
    fc.assert(
      fc.property(
        words,
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.boolean(),
        shares,
        (whole, share, echoes, cuts) => {
          const said = whole.slice(0, Math.floor(share * whole.length))
          const given = said.trimEnd()
          const rest = whole.slice(given.length)
          // Repeating itself from its first letter, an answer would look like an echo of it.
          fc.pre(given === '' || (!rest.startsWith(given) && !given.startsWith(rest)))
          const strip = new EchoStrip(given, said.slice(given.length))
          const told = play(strip, cutUp(echoes ? given + rest : rest, cuts))
          assert.equal(said + String(told), whole)
        },
      ),
      { numRuns: 500 },
    )
  })

  test('may leave out the blanks that the caller has already', () => {
    assert.equal(play(new EchoStrip('Hello', ' \n'), ['wor', 'ld']), 'world')
    assert.equal(play(new EchoStrip('Hello', '\n\n'), ['\n', 'world']), 'world')
  })

  test('that begins like what was said, and then goes another way, is told from its beginning', () => {
    assert.equal(play(new EchoStrip('ha ho', ''), ['ha', ' hi']), 'ha hi')
  })

  test('and stops within its echo has told nothing', () => {
    assert.equal(play(new EchoStrip('Hello world', ''), ['Hello', ' wo']), null)
  })

  test('is told at once when it is no echo', () => {
    const strip = new EchoStrip('Hello', '')
    assert.equal(strip.push(' world'), ' world')
    assert.equal(strip.isDone, true)
  })
})

describe('a model that was asked for the rest', () => {
  test('and repeats the last words, or all, or puts a word before them, is joined there', () => {
    const said = 'The quick brown fox jumps'
    for (const next of [
      'brown fox jumps over the lazy dog',
      'The quick brown fox jumps over the lazy dog',
      '…fox jumps over the lazy dog',
      'Sure! Here is the rest: fox jumps over the lazy dog',
    ]) {
      const strip = new OverlapStrip(said)
      assert.equal(play(strip, [...next]), ' over the lazy dog', next)
    }
  })

  test('and has nothing in common with it does not fit', () => {
    assert.equal(play(new OverlapStrip('The quick brown fox jumps'), ['over the ', 'lazy dog']), null)
    assert.equal(joinAt('', 'anything'), null)
  })

  test('is held back only until it is clear where it joins', () => {
    const strip = new OverlapStrip('Once upon a time')
    assert.equal(strip.push('Once upon a ti'), '')
    assert.equal(strip.push('me there'), ' there')
    assert.equal(strip.push(' was'), ' was')
  })

  test('is joined without a letter lost when it repeats any end of what was said', () => {
    fc.assert(
      fc.property(
        words,
        fc.double({ min: 0.3, max: 1, noNaN: true }),
        fc.nat(40),
        shares,
        (whole, share, back, cuts) => {
          const said = whole.slice(0, Math.floor(share * whole.length))
          const from = Math.max(0, said.length - 8 - back)
          const next = whole.slice(from)
          // What repeats itself can be joined in several places; only one of them is known to be right.
          fc.pre(said.trimEnd().length >= 8 && next.length < 240)
          fc.pre(whole.indexOf(said.slice(from).trim()) === whole.lastIndexOf(said.slice(from).trim()))
          const told = play(new OverlapStrip(said), cutUp(next, cuts))
          assert.equal(said + String(told), whole)
        },
      ),
      { numRuns: 500 },
    )
  })
})
