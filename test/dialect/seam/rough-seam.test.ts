/** Whatever events are kept and whatever a leg sends, the seam ends in events or a typed fault, never in a crash. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { assemble } from '../../../src/dialect/seam/assemble.ts'
import { readAside } from '../../../src/dialect/seam/aside.ts'
import { ladder } from '../../../src/dialect/seam/ladder.ts'
import { closingEvents, openLeg } from '../../../src/dialect/seam/leg.ts'
import { idOf, readPartial, type KeptEvent } from '../../../src/dialect/seam/partial-answer.ts'
import { rungNames } from '../../../src/dialect/seam/rung.ts'
import { SseSplitter } from '../../../src/dialect/sse-splitter.ts'
import { Fault } from '../../../src/fault/fault.ts'
import { seededRandom, type Random } from '../../../src/ground/random.ts'
import { callOf, factsOf, unbroken } from './lab-leg.ts'

const junk: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  '',
  'x',
  [],
  {},
  [[]],
  [null],
  { type: 'text' },
  '[DONE]',
  'tool_use',
]

/** A copy of `value` in which some places hold something else, or nothing. */
function disturb(value: unknown, random: Random): unknown {
  if (random.unit() < 0.04) return junk[Math.floor(random.unit() * junk.length)]
  if (Array.isArray(value)) return value.map((item) => disturb(item, random))
  if (typeof value !== 'object' || value === null) return value
  const fields = Object.entries(value).filter(() => random.unit() > 0.02)
  return Object.fromEntries(fields.map(([name, field]) => [name, disturb(field, random)]))
}

function disturbEvent({ event, aside }: KeptEvent, random: Random): KeptEvent {
  const text = event.toString().replace(/^data: (\{.*\})$/m, (_, json: string) => {
    return `data: ${JSON.stringify(disturb(JSON.parse(json), random))}`
  })
  return { event: Buffer.from(text), aside: random.unit() < 0.1 ? Buffer.from('{"tokens":[1,"x"],"seam":7}') : aside }
}

const question = 'think:2 words:3 call:f'
const tool = { name: 'f', description: 'd', parameters: { type: 'object' } }
const calls = [
  callOf('chat', { messages: [{ role: 'user', content: question }], tools: [{ type: 'function', function: tool }] }),
  callOf('responses', { input: question, tools: [{ type: 'function', ...tool }] }),
  callOf('messages', {
    messages: [{ role: 'user', content: question }],
    max_tokens: 99,
    tools: [{ name: 'f', input_schema: { type: 'object' } }],
  }),
  callOf('completions', { prompt: 'tokens:8', stop: ['END'] }),
]

for (const call of calls) {
  test(`${call.route}: with wrong things in any place`, () => {
    const { events } = unbroken(call, { profile: 'vllm' })
    fc.assert(
      fc.property(fc.nat(), fc.nat(events.length), fc.constantFrom(...rungNames), (seed, cut, name) => {
        const random = seededRandom(seed)
        const rough = events.map((event) => disturbEvent(event, random))
        const before = rough.slice(0, cut)
        try {
          const partial = readPartial(call.route, before)
          assemble(
            call.route,
            before.map(({ event }) => event),
          )
          for (const { event, aside } of before) {
            idOf(call.route, event)
            readAside(aside)
          }
          const facts = factsOf({ profile: 'vllm' }, call.route)
          ladder(call, partial, facts)
          closingEvents(call, partial)
          const told: Buffer[] = []
          const rung = { name, isApproximate: false, leavesSchema: seed % 2 === 0 }
          const reader = openLeg(call, partial, rung, facts)?.streamReader((event) => told.push(event))
          const splitter = new SseSplitter((event) => reader?.read(event))
          for (const { event } of rough) splitter.push(event)
          if (reader && !reader.failure) reader.end()
          for (const event of told) assert.ok(event.toString().endsWith('\n\n'))
        } catch (thrown) {
          if (!(thrown instanceof Fault)) throw thrown
          assert.notEqual(thrown.code, 'HF_INTERNAL')
        }
      }),
      { numRuns: 200 },
    )
  })
}
