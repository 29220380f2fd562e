/** What must not break at a seam, one rule a test: blanks, stop strings, limits, schemas, ids, counts, marks. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Call, Route } from '../../../src/dialect/call.ts'
import { readAside } from '../../../src/dialect/seam/aside.ts'
import { ladder } from '../../../src/dialect/seam/ladder.ts'
import { openLeg } from '../../../src/dialect/seam/leg.ts'
import { readPartial, type KeptEvent } from '../../../src/dialect/seam/partial-answer.ts'
import type { Rung, RungName } from '../../../src/dialect/seam/rung.ts'
import { answerOfEvents, checkShape } from './answer-shape.ts'
import { callOf, factsOf, goOn, rungsOf, tell, unbroken, type Server } from './lab-leg.ts'
import { script } from './script.ts'

type Json = Record<string, unknown>

function rung(name: RungName, leavesSchema = false): Rung {
  return { name, leavesSchema, isApproximate: leavesSchema }
}

function textOf(route: Route, events: readonly KeptEvent[]): string {
  const answer = answerOfEvents(route, events) as Record<string, Json[]>
  const [choice] = answer['choices'] ?? []
  if (choice) return String(choice['text'] ?? (choice['message'] as Json)['content'])
  const [block] = (answer['content'] ?? answer['output']) as Json[]
  const [part] = (block?.['content'] ?? []) as Json[]
  return String(block?.['text'] ?? part?.['text'])
}

function chatCall(more: object = {}): Call {
  return callOf('chat', { messages: [{ role: 'user', content: 'q' }], ...more })
}

function bodyOf(call: Call, events: readonly KeptEvent[], by: Rung, server: Server): Json {
  const leg = openLeg(call, readPartial(call.route, events), by, factsOf(server, call.route))
  return JSON.parse(Buffer.concat(leg?.body ?? []).toString()) as Json
}

const texts: Readonly<Record<string, readonly string[]>> = {
  'blanks at every place': ['One', ' ', 'two', '\n', '\n', '  three', ' \n', ' four', '\t', 'five'],
  'blanks in tokens': ['Well \n', '\n- item ', 'one\n', ' - item', ' two \n\n', 'end'],
  'characters of many units': ['👩‍🚀', ' 🏔️', '海', '風', 'た', 'そ', ' naïve', '🦊'],
  'words of many tokens': ['wor', 'ld', 'wide', ' in', 'ter', 'net'],
  'an answer that repeats itself': ['ha', ' ha', ' ha', ' ha', ' ha', '!'],
}

for (const route of ['chat', 'completions', 'messages', 'responses'] as const) {
  const body = {
    chat: { messages: [{ role: 'user', content: 'q' }] },
    completions: { prompt: 'q' },
    messages: { messages: [{ role: 'user', content: 'q' }], max_tokens: 99 },
    responses: { input: 'q' },
  }[route]
  describe(`${route}: a text is gone on with`, () => {
    for (const [name, tokens] of Object.entries(texts)) {
      test(name, () => {
        for (const profile of ['vllm', 'llamacpp', 'ollama'] as const) {
          if (profile === 'ollama' && route !== 'chat') continue
          for (const echoes of [false, true]) {
            const server = { profile, echoes: echoes && profile === 'llamacpp', script: script(tokens, 'q') }
            const call = callOf(route, body)
            const { events } = unbroken(call, { ...server, echoes: false })
            for (let cut = 1; cut < events.length; cut++) {
              const before = events.slice(0, cut)
              const first = rungsOf({ call, server }, before).find(({ name: by }) => by !== 'token-exact')
              if (!first || readPartial(route, before).finish) continue
              const told = goOn({ call, server }, before, first)
              assert.equal(told.reader.failure, null)
              checkShape(route, [...before, ...told.events])
              assert.equal(textOf(route, [...before, ...told.events]), tokens.join(''), `${profile}, cut ${cut}`)
            }
          }
        }
      })
    }

    test('after two cuts, at every pair of places', () => {
      const call = callOf(route, body)
      const server: Server = { profile: 'vllm', script: script(texts['blanks in tokens'] ?? [], 'q') }
      const { events } = unbroken(call, server)
      for (let cut = 1; cut < events.length; cut++) {
        const before = events.slice(0, cut)
        for (const first of rungsOf({ call, server }, before).filter(
          ({ name }) => name === 'prefill' || name === 'ask-again',
        )) {
          const second = goOn({ call, server }, before, first).events
          for (let at = 1; at < second.length; at++) {
            const joined = [...before, ...second.slice(0, at)]
            if (readPartial(route, joined).finish) continue
            for (const by of rungsOf({ call, server }, joined).filter(
              ({ name }) => name === 'prefill' || name === 'ask-again',
            )) {
              const third = goOn({ call, server }, joined, by).events
              checkShape(route, [...joined, ...third])
              assert.equal(textOf(route, [...joined, ...third]), (texts['blanks in tokens'] ?? []).join(''))
            }
          }
        }
      }
    })
  })
}

describe('stop strings', () => {
  const tokens = ['one', ' two', ' EN', 'D', ' three']

  test('that are cut in two by the seam stop the answer there', () => {
    const call = chatCall({ stop: ['END'] })
    // An engine that holds nothing back had told the half of it.
    const { events } = unbroken(chatCall(), { profile: 'vllm', script: script(tokens, 'q') })
    const before = events.slice(0, 4)
    assert.equal(textOf('chat', before), 'one two EN')
    const told = goOn({ call, server: { profile: 'vllm', script: script(tokens, 'q') } }, before, rung('prefill'))
    assert.equal(textOf('chat', [...before, ...told.events]), 'one two EN')
    assert.equal(told.reader.finishReason, 'stop')
    checkShape('chat', [...before, ...told.events])
  })

  test('that the upstream finds itself give the same answer, named in messages', () => {
    const call = callOf('messages', {
      messages: [{ role: 'user', content: 'q' }],
      max_tokens: 99,
      stop_sequences: ['END'],
    })
    const server: Server = { profile: 'vllm', script: script(tokens, 'q', ['END']) }
    const whole = unbroken(call, server)
    for (let cut = 4; cut < 6; cut++) {
      const before = whole.events.slice(0, cut)
      const told = goOn({ call, server }, before, rung('prefill'))
      assert.deepEqual(answerOfEvents('messages', [...before, ...told.events])['stop_sequence'], 'END')
      assert.deepEqual(textOf('messages', [...before, ...told.events]), 'one two ')
    }
  })
})

describe('limits', () => {
  const server: Server = { profile: 'vllm', script: script([' a', ' b', ' c', ' d', ' e'], 'q') }

  test('are what is left of them', () => {
    const call = chatCall({ max_tokens: 10, min_tokens: 4, seed: 7, temperature: 0.5 })
    const before = unbroken(call, server).events.slice(0, 4)
    const body = bodyOf(call, before, rung('prefill'), server)
    assert.deepEqual([body['max_tokens'], body['min_tokens'], body['seed'], body['temperature']], [7, 1, 7, 0.5])
    const again = bodyOf(call, before, rung('ask-again'), server)
    assert.deepEqual([again['max_tokens'], again['min_tokens']], [10, 4])
  })

  test('hold where the upstream is asked for some words again', () => {
    const call = chatCall({ max_tokens: 4 })
    const before = unbroken(chatCall(), server).events.slice(0, 3)
    const rest: Server = {
      profile: 'openai',
      script: () => script([' a', ' b', ' c', ' d', ' e', ' f'], 'q')({ messages: [] }),
    }
    const told = goOn({ call, server: rest }, before, rung('ask-rest'))
    assert.deepEqual([told.reader.failure, textOf('chat', [...before, ...told.events])], [null, ' a b c d'])
    assert.equal(told.reader.finishReason, 'length')
    checkShape('chat', [...before, ...told.events])
  })
})

describe('answers that must be JSON', () => {
  const call = callOf('chat', {
    messages: [{ role: 'user', content: 'answer:json' }],
    response_format: { type: 'json_schema', json_schema: { name: 'x', schema: { type: 'object' } } },
  })
  const server: Server = { profile: 'vllm' }
  const whole = unbroken(call, server).events

  test('are asked for again first, and gone on with only without the schema', () => {
    const rungs = rungsOf({ call, server }, whole.slice(0, 5))
    assert.deepEqual(
      rungs.map(({ name, leavesSchema }) => [name, leavesSchema]),
      [
        ['ask-again', false],
        ['token-exact', true],
        ['prefill', true],
      ],
    )
    assert.equal(bodyOf(call, whole.slice(0, 5), rung('prefill', true), server)['response_format'], undefined)
  })

  test('come out the same, cut after every event', () => {
    for (let cut = 2; cut < whole.length - 2; cut++) {
      const before = whole.slice(0, cut)
      for (const by of rungsOf({ call, server }, before)) {
        const told = goOn({ call, server }, before, by)
        assert.equal(told.reader.failure, null, by.name)
        assert.equal(textOf('chat', [...before, ...told.events]), textOf('chat', whole))
      }
    }
  })

  test('that do not become JSON are given up before anything of them is told', () => {
    const before = whole.slice(0, 5)
    const told = goOn(
      { call, server: { ...server, script: script(['no', ' json'], 'q') } },
      before,
      rung('prefill', true),
    )
    assert.equal(told.reader.failure?.code, 'HF_SEAM_MISFIT')
    assert.equal(told.events.length, 0)
  })

  test('of another grammar are only asked for again', () => {
    const regex = callOf('chat', { messages: [{ role: 'user', content: 'q' }], guided_regex: 'a+' })
    const before = unbroken(regex, server).events.slice(0, 4)
    assert.deepEqual(
      rungsOf({ call: regex, server }, before).map(({ name }) => name),
      ['ask-again'],
    )
  })
})

describe('a model that says something else', () => {
  const call = callOf('chat', { messages: [{ role: 'user', content: 'tokens:9' }] })
  const before = unbroken(call, { profile: 'openai', salt: 7 }).events.slice(0, 6)

  test('when it is asked again is found out before anything is told', () => {
    for (const name of ['ask-again', 'ask-rest'] as const) {
      const told = goOn({ call, server: { profile: 'openai', salt: 8 } }, before, rung(name))
      if (name === 'ask-again') assert.equal(told.reader.failure?.code, 'HF_SEAM_MISFIT')
      if (told.reader.failure) assert.equal(told.events.length, 0)
    }
  })

  test('goes on with a prefill all the same, piece by piece', () => {
    const told = goOn({ call, server: { profile: 'vllm', salt: 8 } }, before, rung('prefill'))
    const numbers = [...textOf('chat', [...before, ...told.events]).matchAll(/w(\d+)-/g)].map(([, number]) =>
      Number(number),
    )
    assert.deepEqual(numbers, [0, 1, 2, 3, 4, 5, 6, 7, 8])
  })

  test('in a tool call is not believed', () => {
    const tools = [{ type: 'function', function: { name: 'f', parameters: {} } }]
    const asked = (content: string): Call => callOf('chat', { messages: [{ role: 'user', content }], tools })
    const first = unbroken(asked('call:f one'), { profile: 'openai' }).events
    const told = goOn(
      { call: asked('call:f two'), server: { profile: 'openai' } },
      first.slice(0, -2),
      rung('ask-again'),
    )
    assert.equal(told.reader.failure?.code, 'HF_SEAM_MISFIT')
    assert.equal(told.events.length, 0)
  })
})

describe('token ids', () => {
  const call = callOf('chat', { messages: [{ role: 'user', content: 'tokens:8' }] })
  const server: Server = { profile: 'vllm' }
  const whole = unbroken(call, server).events

  test('are kept beside the events and seen by nobody', () => {
    assert.ok(whole.every(({ event }) => !event.includes('token_ids')))
    const { tokens, tokenCount } = readPartial('chat', whole.slice(0, 6))
    assert.equal(tokens?.model, 'lab-model')
    assert.deepEqual([tokens.answer.length, tokenCount], [5, 5])
  })

  test('are the prompt of the next leg, and of the one after it', () => {
    const before = whole.slice(0, 4)
    const body = bodyOf(call, before, rung('token-exact'), server)
    const { tokens } = readPartial('chat', before)
    assert.deepEqual(body['prompt'], [...(tokens?.prompt ?? []), ...(tokens?.answer ?? [])])
    assert.equal(body['max_tokens'], null)
    const second = goOn({ call, server }, before, rung('token-exact')).events
    const joined = [...before, ...second.slice(0, 3)]
    assert.equal(readPartial('chat', joined).tokens?.prompt.length, (tokens?.prompt.length ?? 0) + 3)
    assert.equal(rungsOf({ call, server }, joined)[0]?.name, 'token-exact')
    const third = goOn({ call, server }, joined, rung('token-exact')).events
    assert.equal(textOf('chat', [...joined, ...third]), textOf('chat', whole))
  })

  test('of a leg that did not tell them are of no use', () => {
    const before = whole.slice(0, 4)
    const second = goOn({ call, server: { profile: 'openai' } }, before, rung('ask-again')).events
    assert.equal(readPartial('chat', [...before, ...second.slice(0, 2)]).tokens, null)
  })

  test('are not used with stop strings, images, tools, or another model', () => {
    const asked = { messages: [{ role: 'user', content: 'tokens:8' }] }
    const image = { type: 'image_url', image_url: { url: 'data:image/png;base64,AA' } }
    const tools = [{ type: 'function', function: { name: 'f' } }]
    const first = (body: object, facts = {}): string | undefined =>
      rungsOf({ call: callOf('chat', body), server, facts }, whole.slice(0, 4))[0]?.name
    assert.equal(first(asked), 'token-exact')
    assert.equal(first({ ...asked, stop: 'x' }), 'prefill')
    assert.equal(first({ ...asked, tools }), 'prefill')
    assert.equal(first({ messages: [{ role: 'user', content: [image] }] }), 'prefill')
    assert.equal(first(asked, { model: 'other' }), 'prefill')
    assert.equal(first(asked, { isSameModel: false }), 'prefill')
  })
})

test('usage: the prompt is counted once, and every token of the answer', () => {
  const call = chatCall({ stream_options: { include_usage: true } })
  const server: Server = { profile: 'vllm', script: script([' a', ' b', ' c', ' d'], 'q') }
  const whole = unbroken(call, server).events
  const before = whole.slice(0, 3)
  const usage = (by: RungName): unknown => {
    const { events, reader } = goOn({ call, server }, before, rung(by))
    assert.deepEqual([reader.usage?.inputTokens, reader.usage?.outputTokens], [3, 4])
    return answerOfEvents('chat', [...before, ...events])['usage']
  }
  assert.deepEqual(usage('ask-again'), answerOfEvents('chat', whole)['usage'])
  assert.deepEqual(usage('prefill'), answerOfEvents('chat', whole)['usage'])
})

test('usage after two seams by token ids is still that of one answer', () => {
  const more = { stream_options: { include_usage: true } }
  const calls = [
    callOf('chat', { messages: [{ role: 'user', content: 'tokens:8' }], ...more }),
    callOf('completions', { prompt: 'tokens:8', ...more }),
  ]
  const ways = [
    ['token-exact', 'token-exact'],
    ['prefill', 'token-exact'],
    ['ask-again', 'prefill'],
  ] as const
  const server: Server = { profile: 'vllm' }
  for (const call of calls) {
    const { route } = call
    const whole = unbroken(call, server).events
    for (const [first, second] of ways) {
      const before = whole.slice(0, 4)
      const joined = [...before, ...goOn({ call, server }, before, rung(first)).events.slice(0, 2)]
      const { tokenCount, promptTokens } = readPartial(route, joined)
      assert.deepEqual(
        [tokenCount, promptTokens],
        [route === 'chat' ? 5 : 6, readPartial(route, whole).tokens?.prompt.length],
      )
      const { events } = goOn({ call, server }, joined, rung(second))
      assert.deepEqual(
        answerOfEvents(route, [...joined, ...events]),
        answerOfEvents(route, whole),
        `${first}, ${second}`,
      )
    }
  }
})

test('the seams are told in messages and responses too', () => {
  for (const route of ['messages', 'responses'] as const) {
    const body = route === 'responses' ? { input: 'q' } : { messages: [{ role: 'user', content: 'q' }], max_tokens: 9 }
    const call = callOf(route, body)
    const server: Server = { profile: 'vllm', script: script([' a', ' b', ' c'], 'q') }
    const before = unbroken(call, server).events.slice(0, 5)
    const { events } = goOn({ call, server, options: { marksSeams: true } }, before, rung('prefill'))
    const marked = events.filter(({ event }) => event.includes('"holdfast":{"continued":1,'))
    assert.equal(marked.length, 1)
    assert.match(
      String(marked[0]?.event),
      route === 'responses' ? /^event: response\.completed/ : /^event: message_delta/,
    )
  }
})

test('the caller who asks is told of the seams, in the event of the finish', () => {
  const server: Server = { profile: 'vllm', script: script([' a', ' b', ' c', ' d'], 'q') }
  const call = chatCall()
  const before = unbroken(call, server).events.slice(0, 3)
  const options = { marksSeams: true, upstreams: ['first'] }
  const second = goOn({ call, server, options }, before, rung('prefill')).events
  const marked = second.filter(({ event }) => event.includes('"holdfast":'))
  assert.equal(marked.length, 1)
  assert.match(
    String(marked[0]?.event),
    /"finish_reason":"stop".*"holdfast":\{"continued":1,"approximate":false,"upstreams":\["first","vllm"\]\}/,
  )
  assert.deepEqual(readAside(second[0]?.aside).seam, { count: 1, isApproximate: false, upstreams: ['first', 'vllm'] })
  // Whoever adopts the answer knows of the first seam from its note.
  const joined = [...before, second[0] as KeptEvent]
  const third = goOn(
    { call, server: { profile: 'openai', script: server.script as never }, options: { marksSeams: true } },
    joined,
    rung('ask-again'),
  ).events
  assert.match(
    String(third.find(({ event }) => event.includes('"holdfast":'))?.event),
    /"continued":2,"approximate":false,"upstreams":\["first","vllm","openai"\]/,
  )
})

describe('the ladder is empty', () => {
  const server: Server = { profile: 'vllm' }
  const before = unbroken(chatCall(), server).events.slice(0, 4)
  const rungs = (call: Call, events = before, facts = {}, options = {}): string[] =>
    ladder(call, readPartial(call.route, events), factsOf(server, call.route, facts), options).map(({ name }) => name)

  test('for several answers at once', () => assert.deepEqual(rungs(chatCall({ n: 2 })), []))

  test('for another model where the caller forbids it', () => {
    assert.deepEqual(rungs(chatCall(), before, { isSameModel: false }, { mustSameModel: true }), [])
    assert.ok(rungs(chatCall(), before, { isSameModel: false }).length > 0)
  })

  test('for an upstream that does not speak the language at all', () => {
    assert.deepEqual(rungs(chatCall(), before, { speaks: new Set(['embeddings']) }), [])
  })

  test('but for asking again where the upstream knows no other way', () => {
    assert.deepEqual(rungs(chatCall(), before, { rungs: new Set(['ask-again', 'ask-rest']) }), [
      'ask-again',
      'ask-rest',
    ])
  })
})

test('what was told is not told again by a stream that is broken itself', () => {
  const call = chatCall()
  const server: Server = { profile: 'vllm', script: script([' a', ' b', ' c', ' d'], 'q') }
  const before = unbroken(call, server).events.slice(0, 3)
  const leg = openLeg(call, readPartial('chat', before), rung('ask-again'), factsOf(server, 'chat'))
  assert.ok(leg)
  const { events, reader } = tell(
    leg,
    'data: {"choices":[{"index":0,"delta":{"content":" a b c"},"finish_reason":null}]}\n\n',
  )
  assert.equal(textOf('chat', [...before, ...events]), ' a b c')
  assert.deepEqual([reader.isComplete, events.some(({ event }) => event.includes('[DONE]'))], [false, false])
})
