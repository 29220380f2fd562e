/**
 * An answer that is cut after any of its events, once or twice, and gone on with by any rung of the ladder, is the
 * answer that it would have been: the same text, thoughts and calls, in a stream that no client can tell from a whole
 * one.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Call, Route } from '../../../src/dialect/call.ts'
import { readPartial, type KeptEvent } from '../../../src/dialect/seam/partial-answer.ts'
import { closingEvents } from '../../../src/dialect/seam/leg.ts'
import type { RungName } from '../../../src/dialect/seam/rung.ts'
import { answerOfEvents, checkShape } from './answer-shape.ts'
import { callOf, goOn, rungsOf, unbroken, type Server } from './lab-leg.ts'

const f = { name: 'f', description: 'd', parameters: { type: 'object' } }
const g = { ...f, name: 'g' }

/** The same call in each language. */
function bodyOf(route: Route, question: string, more: { tools?: boolean; max?: number } = {}): object {
  const max = more.max ?? 500
  if (route === 'completions') return { prompt: question, max_tokens: max, stream_options: { include_usage: true } }
  if (route === 'responses') {
    const tools = more.tools ? { tools: [f, g].map((tool) => ({ type: 'function', ...tool })) } : {}
    return { input: question, max_output_tokens: max, ...tools }
  }
  const messages = [{ role: 'user', content: question }]
  if (route === 'messages') {
    const tools = [f, g].map(({ parameters, ...tool }) => ({ ...tool, input_schema: parameters }))
    return { messages, max_tokens: max, ...(more.tools && { tools }) }
  }
  const tools = more.tools ? { tools: [f, g].map((tool) => ({ type: 'function', function: tool })) } : {}
  return { messages, max_tokens: max, stream_options: { include_usage: true }, ...tools }
}

interface Story {
  readonly question: string
  readonly tools?: boolean
  readonly max?: number
}

const stories: Readonly<Record<string, Story>> = {
  'words of all scripts': { question: 'tokens:9' },
  'words cut by the limit': { question: 'tokens:30', max: 9 },
  'a thought, then words': { question: 'think:3 tokens:6' },
  'a tool call': { question: 'call:f', tools: true },
  'words and two tool calls': { question: 'words:4 call:g call:f', tools: true },
  'a thought and a tool call': { question: 'think:3 call:f', tools: true },
}

/** First and second upstream. */
const pairs: readonly (readonly [first: Server, second: Server])[] = [
  [{ profile: 'vllm' }, { profile: 'vllm' }],
  [{ profile: 'vllm' }, { profile: 'sglang' }],
  [{ profile: 'vllm' }, { profile: 'llamacpp', echoes: true }],
  [{ profile: 'llamacpp' }, { profile: 'ollama' }],
  [{ profile: 'sglang' }, { profile: 'mistral' }],
  [{ profile: 'openai' }, { profile: 'deepseek', echoes: true }],
  [{ profile: 'deepseek' }, { profile: 'openai' }],
  [{ profile: 'openai' }, { profile: 'anthropic' }],
  [{ profile: 'anthropic' }, { profile: 'tgi' }],
]

const routes = ['chat', 'completions', 'messages', 'responses'] as const

function canSpeak(route: Route, { profile }: Server): boolean {
  if (route === 'completions') return profile !== 'mistral' && profile !== 'anthropic'
  return profile !== 'anthropic' || route !== 'responses'
}

/** Which rungs were climbed with success, so that a ladder that offers none does not pass for one that works. */
const climbed = new Set<RungName>()

for (const route of routes) {
  for (const [name, story] of Object.entries(stories)) {
    if (route === 'completions' && (story.tools || story.question.includes('think'))) continue
    test(`${route}: ${name}, cut after every event`, () => {
      for (const [first, second] of pairs) {
        if (!canSpeak(route, first) || !canSpeak(route, second)) continue
        const call = callOf(route, bodyOf(route, story.question, story))
        const whole = unbroken(call, first)
        checkShape(route, whole.events)
        const expected = comparable(route, whole.events)
        for (let cut = 1; cut < whole.events.length; cut++) {
          const before = whole.events.slice(0, cut)
          const label = `${first.profile} → ${second.profile}, cut ${cut}`
          const closing = closingEvents(call, readPartial(route, before))
          if (closing) {
            const joined = [...before, ...closed(call, before)]
            checkShape(route, joined)
            assert.deepEqual(comparable(route, joined), expected, `${label}, closed`)
            continue
          }
          const rungs = rungsOf({ call, server: second }, before)
          assert.ok(rungs.length > 0, `${label}: no rung`)
          for (const rung of rungs) {
            // Where the turns of a user become one, the lab needs three words to see what is quoted.
            if (rung.name === 'ask-rest' && second.profile === 'anthropic' && said(route, before) < 3) continue
            const { events, reader } = goOn({ call, server: second }, before, rung)
            const joined = [...before, ...events]
            if (reader.failure?.detail.startsWith('it used up tokens')) joined.push(...closed(call, joined))
            else assert.equal(reader.failure, null, `${label}, ${rung.name}: ${reader.failure?.detail ?? ''}`)
            checkShape(route, joined)
            assert.deepEqual(comparable(route, joined), expected, `${label}, ${rung.name}`)
            climbed.add(rung.name)
          }
        }
      }
    })
  }
}

test('every rung has been climbed', () => {
  assert.deepEqual([...climbed].sort(), [
    'ask-again',
    'ask-rest',
    'prefill',
    'prefix-flag',
    'regenerate',
    'token-exact',
  ])
})

/** An echo may have cost tokens, so that its limit is not believed; but here all of them have been told. */
function closed(call: Call, events: readonly KeptEvent[]): KeptEvent[] {
  const closing = closingEvents(call, readPartial(call.route, events))
  assert.ok(closing)
  return closing.map((event) => ({ event, aside: null }))
}

/** Words said so far. */
function said(route: Route, events: readonly KeptEvent[]): number {
  return JSON.stringify(answerOfEvents(route, events)).split(/\bw\d{1,3}-/).length - 1
}

/** Counts of the prompt differ where the second leg's is another one; everything else must be equal. */
function comparable(route: Route, events: readonly KeptEvent[]): unknown {
  const { usage: _, ...answer } = answerOfEvents(route, events)
  return answer
}
