// Tests of the guess how large a call will be.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { CallSizes } from './call-size.ts'
import { Load } from './load.ts'

test('whatever limits callers set and servers tell, guesses are sane, and work that has ended is gone', () => {
  const limit = fc.oneof(
    fc.constant(null),
    fc.constantFrom(1, 1e15, 1e300, Infinity),
    fc.double({ min: 1e-9, noNaN: true }),
  )
  const told = fc.constantFrom(0, 1, 500, 1e300, Infinity)
  fc.assert(
    fc.property(fc.array(fc.tuple(limit, fc.nat(), told), { minLength: 1 }), (calls) => {
      const sizes = new CallSizes()
      const load = new Load()
      const usual = { promptTokens: 100, outputTokens: 200 }
      const first = load.begin(usual)
      for (const [outputTokensMax, bytes, tokens] of calls) {
        const size = sizes.guess('m', bytes, outputTokensMax)
        assert.ok(size.promptTokens >= 0 && size.promptTokens <= 1e6)
        assert.ok(size.outputTokens > 0 && size.outputTokens <= 1e6)
        load.begin(size).end()
        sizes.observe('m', bytes, outputTokensMax, { inputTokens: tokens, outputTokens: tokens })
      }
      assert.ok(Math.abs(load.decodeTokens - usual.outputTokens) < 1e-3, 'only the first one is left')
      first.end()
    }),
  )
})
