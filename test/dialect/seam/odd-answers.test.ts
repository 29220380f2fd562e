/** Answers that are not only words: thoughts that come out otherwise, half calls, counts that cross the seam. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { eventData } from '../../../src/dialect/sse-splitter.ts'
import type { Call, Route } from '../../../src/dialect/call.ts'
import { readCall } from '../../../src/dialect/read-call.ts'
import { closingEvents, openLeg } from '../../../src/dialect/seam/leg.ts'
import { readPartial, type KeptEvent } from '../../../src/dialect/seam/partial-answer.ts'
import type { Rung } from '../../../src/dialect/seam/rung.ts'
import { answerOfEvents, checkShape } from './answer-shape.ts'
import { callOf, factsOf, goOn, rungsOf, tell, unbroken, type Server } from './lab-leg.ts'
import { script } from './script.ts'

type Json = Record<string, unknown>

const again: Rung = { name: 'ask-again', isApproximate: false, leavesSchema: false }
const prefill: Rung = { name: 'prefill', isApproximate: false, leavesSchema: false }

function askOf(route: Route, content: string, more: object = {}): Call {
  if (route === 'responses') return callOf(route, { input: content, ...more })
  return callOf(route, {
    messages: [{ role: 'user', content }],
    ...(route === 'messages' && { max_tokens: 99 }),
    ...more,
  })
}

function kept(value: unknown): KeptEvent {
  return { event: Buffer.from(typeof value === 'string' ? value : `data: ${JSON.stringify(value)}\n\n`), aside: null }
}

function chunk(delta: object, more: object = {}): KeptEvent {
  const frame = { id: 'c1', object: 'chat.completion.chunk', created: 1, model: 'm' }
  return kept({ ...frame, choices: [{ index: 0, delta, finish_reason: null, ...more }] })
}

test('a second leg that finishes another answer than was begun is a misfit, not an end', () => {
  const call = callOf('chat', { stream: true, messages: [{ role: 'user', content: 'x' }] })
  const partial = readPartial('chat', [chunk({ role: 'assistant', content: 'a' })])
  const leg = openLeg(call, partial, prefill, factsOf({ profile: 'vllm' }, 'chat'))
  const reader = leg?.streamReader(() => {})
  assert.ok(reader)
  const done = { id: 'c2', choices: [{ index: 0, text: 'b', finish_reason: null }] }
  for (const each of [done, { id: 'c2', choices: [{ index: 1, delta: {}, finish_reason: 'stop' }] }])
    reader.read(Buffer.from(`data: ${JSON.stringify(each)}`))
  reader.end()
  assert.ok(!reader.isComplete || reader.failure?.code === 'HF_SEAM_MISFIT')
})

describe('a thought that was cut', () => {
  const question = 'think:4 tokens:3'
  /** Events up to the middle of the thought. */
  const cuts = { chat: 3, messages: 4, responses: 6 } as const

  for (const route of ['chat', 'messages', 'responses'] as const) {
    test(`${route}: and comes out the same is gone on with in the same place`, () => {
      const server: Server = { profile: 'vllm' }
      const whole = unbroken(askOf(route, question), server).events
      const before = whole.slice(0, cuts[route])
      const told = goOn({ call: askOf(route, question), server }, before, again)
      assert.deepEqual([...before, ...told.events].length, whole.length)
    })

    test(`${route}: and comes out otherwise is begun anew, and both are told apart`, () => {
      const whole = unbroken(askOf(route, question), { profile: 'vllm', salt: 5 }).events
      const before = whole.slice(0, cuts[route])
      const server: Server = { profile: 'vllm', salt: 6 }
      const { events, reader } = goOn({ call: askOf(route, question), server }, before, again)
      assert.equal(reader.failure, null)
      const joined = [...before, ...events]
      checkShape(route, joined)
      const half = readPartial(route, before).parts[0]?.text ?? 'none'
      const fresh = readPartial(route, unbroken(askOf(route, question), server).events)
      const parts = readPartial(route, joined).parts.map(({ kind, text }) => [kind, text])
      const [thought, text] = fresh.parts.map((part) => part.text)
      const thoughts =
        route === 'chat'
          ? [['reasoning', `${half}\n\n${thought}`]]
          : [
              ['reasoning', half],
              ['reasoning', thought],
            ]
      assert.deepEqual(parts, [...thoughts, ['text', text]])
    })

    test(`${route}: and was whole is not told twice when another comes before the words`, () => {
      const whole = unbroken(askOf(route, question), { profile: 'vllm', salt: 5 }).events
      const firstText = whole.findIndex((_, at) => readPartial(route, whole.slice(0, at)).parts.at(-1)?.kind === 'text')
      const before = whole.slice(0, firstText)
      // The same words after another thought: the lab's words depend on the salt, so they are said by script.
      const text = readPartial(route, whole).parts[1]?.text ?? ''
      const { events } = goOn(
        { call: askOf(route, question), server: { profile: 'vllm', script: script([text], '') } },
        before,
        again,
      )
      const joined = [...before, ...events]
      checkShape(route, joined)
      assert.deepEqual(
        readPartial(route, joined).parts.map(({ kind }) => kind),
        ['reasoning', 'text'],
      )
    })
  }
})

test('a model that begins to think anew has not gone on with the text', () => {
  const before = [chunk({ role: 'assistant', content: '' }), chunk({ content: 'Well' })]
  const leg = openLeg(askOf('chat', 'q'), readPartial('chat', before), prefill, factsOf({ profile: 'vllm' }, 'chat'))
  assert.ok(leg)
  const { events, reader } = tell(leg, chunk({ reasoning_content: 'Hm' }).event.toString())
  assert.deepEqual([reader.failure?.code, events.length], ['HF_SEAM_MISFIT', 0])
})

describe('a tool call of which half was told', () => {
  const tools = [{ type: 'function', function: { name: 'f', parameters: {} } }]
  const call = askOf('chat', 'q', { tools })
  const open = (args: string, id: string | null = null, name = 'f'): KeptEvent =>
    chunk({
      tool_calls: [
        { index: 0, ...(id && { id, type: 'function' }), function: { ...(id && { name }), arguments: args } },
      ],
    })
  const before = [chunk({ role: 'assistant', content: null }), open('', 'call_1'), open('{"a":')]
  const finish = chunk({}, { finish_reason: 'tool_calls' })

  function join(pieces: readonly KeptEvent[]): { reader: { failure: unknown }; parts: unknown } {
    const leg = openLeg(call, readPartial('chat', before), again, factsOf({ profile: 'openai' }, 'chat'))
    assert.ok(leg)
    const { events, reader } = tell(leg, [...pieces, finish].map(({ event }) => event.toString()).join(''))
    const { parts } = readPartial('chat', [...before, ...events])
    return { reader, parts: parts.map(({ callId, text }) => [callId, text]) }
  }

  test('is only ended if the same call comes again, under its first id', () => {
    const rungs = rungsOf({ call, server: { profile: 'vllm' } }, before).map(({ name }) => name)
    assert.deepEqual(rungs, ['ask-again'])
    const { reader, parts } = join([open('{"a', 'call_2'), open('":1}')])
    assert.deepEqual([reader.failure, parts], [null, [['call_1', '{"a":1}']]])
  })

  test('is left as it is if another comes', () => {
    assert.ok(join([open('{"b":1}', 'call_2')]).reader.failure)
    assert.ok(join([open('{"a":1}', 'call_2', 'g')]).reader.failure)
  })
})

test('a call that came whole is the same, however its JSON is spelled; the next one is told with an id of its own', () => {
  const tools = [{ type: 'function', function: { name: 'f', parameters: {} } }]
  const call = askOf('chat', 'q', { tools })
  const one = (args: string, index: number, id: string): KeptEvent =>
    chunk({ tool_calls: [{ index, id, type: 'function', function: { name: 'f', arguments: args } }] })
  const before = [chunk({ role: 'assistant', content: null }), one('{"a":1,"b":2}', 0, 'call_0')]
  const leg = openLeg(call, readPartial('chat', before), again, factsOf({ profile: 'openai' }, 'chat'))
  assert.ok(leg)
  const stream = [
    one('{ "b": 2, "a": 1 }', 0, 'x'),
    one('{"c":3}', 1, 'call_0'),
    chunk({}, { finish_reason: 'tool_calls' }),
  ]
  const { events, reader } = tell(leg, stream.map(({ event }) => event.toString()).join(''))
  assert.equal(reader.failure, null)
  checkShape('chat', [...before, ...events])
  assert.deepEqual(
    readPartial('chat', [...before, ...events]).parts.map(({ callId, text }) => [callId, text]),
    [
      ['call_0', '{"a":1,"b":2}'],
      ['call_0_1', '{"c":3}'],
    ],
  )
})

test('the second half of a character follows the first', () => {
  const fox = '🦊'
  const before = [chunk({ role: 'assistant', content: '' }), chunk({ content: `a ${fox.slice(0, 1)}` })]
  const server: Server = { profile: 'vllm', script: script(['a', ` ${fox}`, ' b'], 'q') }
  const call = askOf('chat', 'q')
  const { events } = goOn({ call, server }, before, prefill)
  const texts = [...before, ...events].map(({ event }) => {
    const data = eventData(event).toString()
    const [choice] = data === '[DONE]' ? [] : ((JSON.parse(data) as Json)['choices'] as Json[])
    return (choice?.['delta'] as { content?: string } | undefined)?.content ?? ''
  })
  assert.equal(texts.join(''), `a ${fox} b`)
})

test('numbers of the caller keep their spelling', () => {
  const text =
    '{"model":"m","stream":true,"seed":12345678901234567890,"temperature":1.0,"messages":[{"role":"user","content":"q"}]}'
  const spelled = readCall('chat', Buffer.from(text), {})
  const before = [chunk({ role: 'assistant', content: '' }), chunk({ content: 'a' })]
  const leg = openLeg(spelled, readPartial('chat', before), prefill, factsOf({ profile: 'vllm' }, 'chat'))
  assert.match(Buffer.concat(leg?.body ?? []).toString(), /"seed":12345678901234567890,"temperature":1\.0,/)
})

test('log probabilities of completions count on from what was said', () => {
  const call = callOf('completions', { prompt: 'q', logprobs: 1 })
  const piece = (text: string, offset: number): KeptEvent =>
    kept({
      id: 'c',
      choices: [{ index: 0, text, logprobs: { tokens: [text], text_offset: [offset] }, finish_reason: null }],
    })
  const before = [piece('one', 0), piece(' two', 3)]
  const leg = openLeg(call, readPartial('completions', before), prefill, factsOf({ profile: 'vllm' }, 'completions'))
  assert.ok(leg)
  const end = kept({ id: 'd', choices: [{ index: 0, text: '', finish_reason: 'stop' }] })
  const { events } = tell(
    leg,
    [piece(' three', 0), piece(' four', 6), end].map(({ event }) => event.toString()).join(''),
  )
  const [choice] = answerOfEvents('completions', [...before, ...events])['choices'] as Json[]
  assert.deepEqual(choice?.['logprobs'], { tokens: ['one', ' two', ' three', ' four'], text_offset: [0, 3, 7, 13] })
})

describe('nothing is asked', () => {
  test('when the tokens are used up: the finish is told by us', () => {
    for (const route of ['chat', 'messages', 'responses'] as const) {
      const limit = route === 'responses' ? { max_output_tokens: 5 } : { max_tokens: 5 }
      const call = askOf(route, 'tokens:9', limit)
      const whole = unbroken(call, { profile: 'vllm' }).events
      const lastText = whole.findLastIndex(({ event }) => event.includes('w4-'))
      const cut = whole.findIndex(({ event }) => event.includes('w4-')) + 1
      assert.ok(cut > 0 && lastText >= cut - 1)
      const before = whole.slice(0, cut)
      const closing = closingEvents(call, readPartial(route, before))
      assert.ok(closing)
      const joined = [...before, ...closing.map((event) => ({ event, aside: null }))]
      checkShape(route, joined)
      const { usage: _, ...answer } = answerOfEvents(route, joined)
      const { usage: __, ...expected } = answerOfEvents(route, whole)
      assert.deepEqual(answer, expected)
    }
  })

  test('when only the end mark is missing', () => {
    const whole = unbroken(askOf('chat', 'tokens:3'), { profile: 'vllm' }).events
    const closing = closingEvents(askOf('chat', 'tokens:3'), readPartial('chat', whole.slice(0, -1)))
    assert.deepEqual(closing?.map(String), ['data: [DONE]\n\n'])
    assert.deepEqual(closingEvents(askOf('chat', 'tokens:3'), readPartial('chat', whole)), [])
  })

  test('but not while there is more to come', () => {
    const whole = unbroken(askOf('chat', 'tokens:3'), { profile: 'vllm' }).events
    assert.equal(closingEvents(askOf('chat', 'tokens:3'), readPartial('chat', whole.slice(0, 3))), null)
  })
})

test('what pieces do not tell is not taken for nothing: such answers are not begun again', () => {
  const before = [chunk({ role: 'assistant', audio: { id: 'a', data: 'AAAA' } })]
  const names = (more: object): string[] =>
    rungsOf({ call: askOf('chat', 'q', more), server: { profile: 'vllm' } }, before).map(({ name }) => name)
  assert.deepEqual(names({ modalities: ['text', 'audio'], audio: { voice: 'x' } }), [])
  assert.deepEqual(names({ functions: [{ name: 'f' }] }), [])
})

test('blanks around a tool call, which each server puts as it likes, are no other answer', () => {
  const tools = [{ type: 'function', function: { name: 'f', parameters: {} } }]
  const call = askOf('chat', 'q', { tools })
  const one = chunk({ tool_calls: [{ index: 0, id: 'a', type: 'function', function: { name: 'f', arguments: '{}' } }] })
  const finish = chunk({}, { finish_reason: 'tool_calls' })
  const start = chunk({ role: 'assistant', content: '' })
  const variants = [[one], [chunk({ content: '\n\n' }), one]]
  for (const first of variants) {
    for (const second of variants) {
      const before = [start, ...first]
      const leg = openLeg(call, readPartial('chat', before), again, factsOf({ profile: 'openai' }, 'chat'))
      assert.ok(leg)
      const { events, reader } = tell(leg, [start, ...second, finish].map(({ event }) => event.toString()).join(''))
      assert.equal(reader.failure, null)
      assert.equal(readPartial('chat', [...before, ...events]).parts.filter(({ kind }) => kind === 'call').length, 1)
    }
  }
})

describe('a beginning that the caller gave itself', () => {
  const given = 'The answer to all of it'
  const call = callOf('chat', {
    messages: [
      { role: 'user', content: 'q' },
      { role: 'assistant', content: given },
    ],
  })
  const lastOf = (said: string): unknown => {
    const before = [chunk({ role: 'assistant', content: '' }), chunk({ content: said })]
    const leg = openLeg(call, readPartial('chat', before), prefill, factsOf({ profile: 'llamacpp' }, 'chat'))
    return (JSON.parse(Buffer.concat(leg?.body ?? []).toString()) as { messages: Json[] }).messages.at(-1)?.['content']
  }

  test('stands before what was said', () => assert.equal(lastOf(' is 42'), `${given} is 42`))
  test('is not given twice where the engine has told it again', () => {
    assert.equal(lastOf(`${given} is 42`), `${given} is 42`)
  })
})
