/** Whatever comes in, the dialects end in a translation, an answer or a typed fault, never in a crash. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import { routeNames, type Route } from '../../src/dialect/call.ts'
import { readCall } from '../../src/dialect/read-call.ts'
import { translate } from '../../src/dialect/translate.ts'
import type { Translation } from '../../src/dialect/translation.ts'
import { Fault } from '../../src/fault/fault.ts'
import { seededRandom, type Random } from '../../src/ground/random.ts'

/** Every object and array, every text and number that stands in the golden cases, as a stock of plausible pieces. */
function collectPieces(): unknown[] {
  const folder = new URL('../cases/dialect/', import.meta.url)
  const pieces = new Map<string, unknown>()
  const collect = (value: unknown): void => {
    pieces.set(JSON.stringify(value), value)
    if (typeof value === 'object' && value !== null) Object.values(value).forEach(collect)
  }
  for (const name of readdirSync(folder)) {
    for (const line of readFileSync(new URL(name, folder), 'utf8').split('\n')) {
      const text = /^(?:data: | {2}"\w+": )?([{[].*?),?$/.exec(line)?.[1]
      try {
        if (text) collect(JSON.parse(text))
      } catch {
        // a broken line of a broken stream
      }
    }
  }
  return [...pieces.values()]
}

const pieces = collectPieces()
const junk: readonly unknown[] = [null, true, 0, -1, '', 'x', [], {}, [[]], [null], { type: 'text' }]

function oneOf<T>(random: Random, values: readonly T[]): T {
  return values[Math.floor(random.unit() * values.length)] as T
}

/** A copy of `value` in which some places hold something else that might stand in such JSON. */
function disturb(value: unknown, random: Random): unknown {
  if (random.unit() < 0.04) return oneOf(random, random.unit() < 0.5 ? junk : pieces)
  if (Array.isArray(value)) return value.map((item) => disturb(item, random))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, disturb(field, random)]))
}

/** By a seed and not by values of its own: a failing seed is told in a line, and drawing is fast. */
function disturbed(kind: (value: unknown) => boolean): fc.Arbitrary<unknown> {
  const stock = pieces.filter(kind)
  return fc.nat().map((seed) => {
    const random = seededRandom(seed)
    return disturb(oneOf(random, stock), random)
  })
}

const has =
  (...names: string[]) =>
  (value: unknown): boolean =>
    typeof value === 'object' && value !== null && names.some((name) => name in value)

const pairs: [caller: Route, spoken: Route][] = [
  ['chat', 'messages'],
  ['messages', 'chat'],
  ['responses', 'chat'],
  ...routeNames.map((route): [Route, Route] => [route, route]),
]
/** Enough for any route. */
const minimal = '{"model":"m","messages":[{"role":"user","content":"x"}],"input":"x","stream":true}'

function open(caller: Route, spoken: Route): Translation {
  const translation = translate(
    readCall(caller, Buffer.from(caller === 'completions' ? minimal.replace('input', 'prompt') : minimal), {}),
    new Set([spoken]),
    'up',
  )
  assert.ok(translation)
  return translation
}

/** Runs what may end in a fault; anything else that is thrown fails the test. */
function mayFault(run: () => void): void {
  try {
    run()
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown
    assert.notEqual(thrown.code, 'HF_INTERNAL')
  }
}

test('the stock of pieces is worth its name', () => assert.ok(pieces.length > 300, String(pieces.length)))

for (const [caller, spoken] of pairs) {
  test(`a ${caller} call to a server that speaks ${spoken}, with wrong things in any place`, () => {
    const message = disturbed(has('role', 'call_id'))
    const body = fc.record({
      messages: fc.array(message, { minLength: 1, maxLength: 3 }),
      more: fc.array(disturbed(has('tools', 'tool_choice', 'type', 'name', 'format')), { maxLength: 3 }),
    })
    fc.assert(
      fc.property(
        body,
        fc.array(
          disturbed(() => true),
          { minLength: 8, maxLength: 8 },
        ),
        ({ messages, more }, [system, choice, format, output, text, stop, n, options]) => {
          const fields = {
            model: 'm',
            messages,
            input: messages,
            prompt: 'x',
            system,
            instructions: system,
            tools: more,
            tool_choice: choice,
            response_format: format,
            output_config: output,
            text,
            stop,
            stop_sequences: stop,
            reasoning: text,
            stream: true,
            stream_options: options,
            metadata: format,
            n,
          }
          mayFault(() => {
            const translation = translate(
              readCall(caller, Buffer.from(JSON.stringify(fields)), {}),
              new Set([spoken]),
              'up',
            )
            if (translation) JSON.parse(Buffer.concat(translation.body).toString())
          })
        },
      ),
      { numRuns: 300 },
    )
  })

  test(`a stream of ${spoken} for a caller of ${caller}, with wrong things in any place`, () => {
    const translation = open(caller, spoken)
    const event = fc.oneof(
      {
        weight: 9,
        arbitrary: disturbed(has('choices', 'type', 'delta', 'message')).map(
          (value) => `event: x\ndata: ${JSON.stringify(value)}`,
        ),
      },
      { weight: 1, arbitrary: fc.string() },
    )
    fc.assert(
      fc.property(fc.array(event, { maxLength: 12 }), (events) => {
        const seen: string[] = []
        const reader = translation.streamReader((told) => seen.push(told.toString()))
        for (const text of events) reader.read(Buffer.from(text))
        const isWhole = reader.isComplete && !reader.failure
        const before = seen.length
        if (!reader.failure) reader.end()
        if (!isWhole) assert.equal(seen.length, before)
        for (const told of seen) assert.ok(told.endsWith('\n\n'))
      }),
      { numRuns: 300 },
    )
  })

  test(`a whole answer of ${spoken} for a caller of ${caller}, with wrong things in any place`, () => {
    const translation = open(caller, spoken)
    fc.assert(
      fc.property(disturbed(has('choices', 'content', 'output', 'data')), (value) => {
        mayFault(() => {
          const { body } = translation.readWhole(Buffer.from(JSON.stringify(value)))
          JSON.parse(body.toString())
        })
      }),
      { numRuns: 300 },
    )
  })
}
