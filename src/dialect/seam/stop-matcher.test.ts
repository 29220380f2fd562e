/** Stop strings are found wherever they lie over the pieces and the seam, and nothing is lost that is none. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { StopMatcher } from './stop-matcher.ts'

/** What is told of `pieces`, and the string that stopped it. */
function play(
  stops: readonly string[],
  said: string,
  pieces: readonly string[],
  keepsStop = false,
): [string, string | null] {
  const matcher = new StopMatcher(stops, said, keepsStop)
  let told = ''
  for (const piece of pieces) {
    const { text, stop } = matcher.push(piece)
    told += text
    if (stop !== null) return [told, stop]
  }
  return [told + matcher.flush(), null]
}

describe('a stop string', () => {
  test('within a piece, over pieces, and over the seam', () => {
    assert.deepEqual(play(['END'], '', ['one END two']), ['one ', 'END'])
    assert.deepEqual(play(['END'], '', ['one E', 'N', 'D two']), ['one ', 'END'])
    assert.deepEqual(play(['END'], 'said EN', ['D two']), ['', 'END'])
    assert.deepEqual(play(['END'], 'said EN', ['T', ' two']), ['T two', null])
  })

  test('that lies whole before the seam has stopped nothing', () => {
    assert.deepEqual(play(['a', 'long one'], 'said a', ['bc']), ['bc', null])
  })

  test('is kept where the caller wants it', () => {
    assert.deepEqual(play(['END'], '', ['one E', 'ND two'], true), ['one END', 'END'])
  })

  test('that is begun and not ended is told at the end', () => {
    assert.deepEqual(play(['END'], '', ['one EN']), ['one EN', null])
  })

  const letters = fc.string({ unit: fc.constantFrom('a', 'b', '🦊'), maxLength: 12 })
  const stops = fc.array(fc.string({ unit: fc.constantFrom('a', 'b', '🦊'), minLength: 1, maxLength: 4 }), {
    maxLength: 3,
  })

  test('is found the same, however the text is cut', () => {
    fc.assert(
      fc.property(stops, letters, fc.array(letters, { maxLength: 6 }), (list, said, pieces) => {
        assert.deepEqual(play(list, said, pieces), play(list, said, [...pieces.join('')]))
      }),
      { numRuns: 500 },
    )
  })

  test('is never told, and everything before it is', () => {
    fc.assert(
      fc.property(stops, fc.array(letters, { maxLength: 6 }), (list, pieces) => {
        const text = pieces.join('')
        const [told, stop] = play(list, '', pieces)
        if (stop === null) {
          assert.equal(told, text)
          assert.ok(list.every((each) => !text.includes(each)))
        } else assert.ok(text.startsWith(told + stop))
        assert.ok(list.every((each) => !told.includes(each)))
      }),
      { numRuns: 500 },
    )
  })
})
