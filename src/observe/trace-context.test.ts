/** Trace context: what is well-formed is taken over whole, anything else as if it had not been sent. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { seededRandom } from '../ground/random.ts'
import { newSpanId, openTrace, traceParent } from './trace-context.ts'

const on = { isOn: true, sampleRatio: 1 }
const off = { isOn: false, sampleRatio: 1 }
const hex = (digits: number): fc.Arbitrary<string> =>
  fc.stringMatching(new RegExp(`^[0-9a-f]{${digits}}$`)).filter((id) => !/^0+$/.test(id))
const parts = fc.record({ traceId: hex(32), parentId: hex(16), flags: fc.constantFrom('00', '01', '02', '03') })

test('a good parent goes through untouched where nothing is recorded here', () => {
  fc.assert(
    fc.property(parts, fc.boolean(), ({ traceId, parentId, flags }, isOn) => {
      const traceparent = `00-${traceId}-${parentId}-${flags}`
      const trace = openTrace({ traceparent }, { isOn, sampleRatio: 1 }, seededRandom(1))
      assert.ok(trace)
      assert.equal(trace.isRecorded, isOn && (flags === '01' || flags === '03'))
      if (!trace.isRecorded) assert.equal(traceParent(trace, null), traceparent)
      else assert.equal(traceParent(trace, 'b7ad6b7169203331'), `00-${traceId}-b7ad6b7169203331-${flags}`)
    }),
  )
})

test('a later version is read as far as it is known, and flags that are not known are not passed on', () => {
  const traceparent = `cc-${'a'.repeat(32)}-${'b'.repeat(16)}-ff-what-the-future-holds`
  const trace = openTrace({ traceparent }, off, seededRandom(1))
  assert.equal(trace && traceParent(trace, null), `00-${'a'.repeat(32)}-${'b'.repeat(16)}-03`)
})

test('anything else is no trace, whatever it is', () => {
  const mangled = fc.tuple(parts, fc.nat(54), fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }))
  const texts = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom('', '00', `00-${'0'.repeat(32)}-${'b'.repeat(16)}-01`, `00-${'a'.repeat(32)}-${'0'.repeat(16)}-01`),
    mangled.map(([{ traceId, parentId }, at, letter]) => {
      const good = `00-${traceId}-${parentId}-01`
      return good.slice(0, at) + (/[0-9a-f-]/.test(letter) ? 'x' : letter) + good.slice(at + 1)
    }),
  )
  fc.assert(
    fc.property(texts, fc.option(fc.string({ unit: 'binary' })), (traceparent, state) => {
      const headers = { traceparent, ...(state !== null && { tracestate: state }) }
      assert.equal(openTrace(headers, off, seededRandom(1)), null)
      const own = openTrace(headers, on, seededRandom(1))
      assert.deepEqual([own?.parentId, own?.state], [null, ''])
    }),
  )
})

test('tracestate is passed on whole or not at all', () => {
  const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`
  const stateOf = (tracestate: string): string =>
    openTrace({ traceparent, tracestate }, on, seededRandom(1))?.state ?? ''
  assert.equal(
    stateOf('rojo=00f067aa0ba902b7 ,\tcongo=t61rcWkgMzE,,tenant@system=1'),
    'rojo=00f067aa0ba902b7,congo=t61rcWkgMzE,tenant@system=1',
  )
  for (const bad of [
    'a',
    'A=1',
    'a=1;b\r\nx: y',
    'a=,',
    'a=1=2',
    `a=${'1'.repeat(300)}`,
    `${'a=1,'.repeat(40)}a=1`,
    'é=1',
  ])
    assert.equal(stateOf(bad), '', bad)
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => assert.match(stateOf(text), /^[\x20-\x7e]{0,512}$/)))
})

test('of the traces that begin here, the share that was asked for is recorded, and every gateway picks the same', () => {
  const random = seededRandom(7)
  const traces = Array.from({ length: 4000 }, () => openTrace({}, { isOn: true, sampleRatio: 0.25 }, random))
  const recorded = traces.filter((trace) => trace?.isRecorded)
  assert.ok(Math.abs(recorded.length - 1000) < 120, `${recorded.length} of 4000`)
  for (const trace of traces) assert.equal((trace?.flags ?? 0) & 1, trace?.isRecorded ? 1 : 0)
  assert.equal(openTrace({}, off, random), null)
})

test('ids are 16 hexadecimal digits and never nothing', () => {
  const zeros = { unit: () => 0, bits: () => [0, 0, 0, 5][calls++ % 4] ?? 0 }
  let calls = 0
  assert.equal(newSpanId(zeros), '0000000000000005')
})
