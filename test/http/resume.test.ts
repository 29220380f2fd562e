// An answer is read again by its ray: from any place, as often as one likes, whatever became of it.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, beforeEach, describe, test } from 'node:test'
import { openFaultProxy } from '../../lab/fault-proxy.ts'
import { assertRefused, openTestHouse, request, type TestHouse, until } from './harness.ts'
import { callStream, codeOf, type EventReader, hi, rayIn, readAgain, sayWords, urlOf, words } from './resume-rig.ts'

const keys = [
  { name: 'ann', key: 'sk-ann-0123456789' },
  { name: 'bob', key: 'sk-bob-0123456789' },
]
const ann = { authorization: 'Bearer sk-ann-0123456789' }
const bob = { authorization: 'Bearer sk-bob-0123456789' }
const settings = { continuation: { enabled: false }, timeouts: { patienceMs: 0 } }

/** Five words, the finish and the end mark. */
const eventCount = 7

async function finished(house: TestHouse): Promise<EventReader> {
  house.upstream.script = (call) => {
    call.beginStream()
    sayWords(call, 0, 5)
    call.endStream()
  }
  return (await callStream(urlOf(house), { messages: hi })).ended()
}

/** A stream of which two words have come; the third waits for the test. */
async function running(house: TestHouse): Promise<EventReader> {
  house.upstream.script = (call) => {
    call.beginStream()
    sayWords(call, 0, 2)
  }
  const reader = await callStream(urlOf(house), { messages: hi })
  await reader.heard(2)
  return reader
}

describe('an answer that has ended', () => {
  let house: TestHouse
  let first: EventReader
  let path = ''
  before(async () => {
    house = await openTestHouse(settings)
    first = await finished(house)
    path = `answers/${rayIn(first)}`
  })
  after(async () => {
    await house.isWell()
    await house[Symbol.asyncDispose]()
  })

  test('came with a number on every event, from 0 on', () => {
    assert.equal(first.ending, 'end')
    assert.deepEqual(first.ids, [0, 1, 2, 3, 4, 5, 6])
    assert.equal(first.text, words(5))
    assert.equal(first.datas.at(-1), '[DONE]')
  })

  test('comes again, byte for byte, and says whose it is', async () => {
    for (const query of ['', '?after=-1', '?starting_after=-1']) {
      const again = await (await readAgain(urlOf(house), path + query)).ended()
      assert.equal(again.answer.status, 200)
      assert.match(again.answer.headers.get('content-type') ?? '', /^text\/event-stream/)
      assert.match(again.answer.headers.get('cache-control') ?? '', /no-cache/)
      assert.equal(again.bytes, first.bytes)
      assert.equal(again.ending, 'end')
      assert.equal(rayIn(again), rayIn(first))
    }
  })

  test('comes from behind any event, by header or by query; the header is the newer', async () => {
    for (const after of [0, 3, 5]) {
      const expected = first.events.slice(after + 1)
      for (const ask of [
        { path, headers: { 'last-event-id': String(after) } },
        { path: `${path}?after=${after}`, headers: {} },
        { path: `${path}?starting_after=${after}&stream=true`, headers: { accept: 'application/json' } },
        { path: `${path}?after=1`, headers: { 'last-event-id': String(after) } },
      ]) {
        const again = await (await readAgain(urlOf(house), ask.path, { headers: ask.headers })).ended()
        assert.deepEqual(again.events, expected, ask.path)
      }
    }
  })

  test('is told to be over behind its last event, which ends an EventSource for good', async () => {
    const again = await readAgain(urlOf(house), path, { headers: { 'last-event-id': String(eventCount - 1) } })
    assert.equal(again.answer.status, 204)
    assert.equal(await again.answer.text(), '')
  })

  test('has nothing behind its end', async () => {
    for (const cursor of [eventCount, 999, 999_999_999_999_999]) {
      const { answer } = await readAgain(urlOf(house), `${path}?after=${cursor}`)
      assert.deepEqual([answer.status, await codeOf(answer)], [400, 'HF_CURSOR_INVALID'])
    }
  })

  test('says by HEAD whether it is there and over, without its words', async () => {
    const options = { method: 'HEAD' }
    const there = (await readAgain(urlOf(house), path, options)).answer
    assert.deepEqual([there.status, await there.text()], [200, ''])
    assert.match(there.headers.get('content-type') ?? '', /^text\/event-stream/)
    assert.equal((await readAgain(urlOf(house), `${path}?after=6`, options)).answer.status, 204)
    assert.equal((await readAgain(urlOf(house), 'answers/nobody', options)).answer.status, 404)
  })

  test('comes whole for who does not want a stream', async () => {
    const answer = await fetch(`${urlOf(house)}/v1/${path}`)
    const { object, choices } = (await answer.json()) as {
      object: string
      choices: { message: { content: string }; finish_reason: string }[]
    }
    assert.deepEqual([answer.status, object], [200, 'chat.completion'])
    assert.deepEqual([choices[0]?.message.content, choices[0]?.finish_reason], [words(5), 'stop'])
  })

  test('lives under the path of its API too, and under no other', async () => {
    const ray = rayIn(first)
    const again = await (await readAgain(urlOf(house), `chat/completions/${ray}`)).ended()
    assert.equal(again.bytes, first.bytes)
    for (const other of ['responses', 'messages', 'completions'])
      assert.equal((await readAgain(urlOf(house), `${other}/${ray}`)).answer.status, 404)
  })

  test('can be forgotten, and then is like one that never was', async () => {
    const gone = await finished(house)
    const goneUrl = `${urlOf(house)}/v1/answers/${rayIn(gone)}`
    const deleted = await fetch(goneUrl, { method: 'DELETE' })
    assert.deepEqual([deleted.status, ((await deleted.json()) as { deleted: boolean }).deleted], [200, true])
    for (const method of ['GET', 'DELETE']) assert.equal((await fetch(goneUrl, { method })).status, 404)
  })
})

describe('an answer that is under way', () => {
  let house: TestHouse
  before(async () => void (house = await openTestHouse(settings)))
  after(async () => await house[Symbol.asyncDispose]())
  beforeEach(async () => await house.isWell())

  test('goes on without its reader, and reaches the one who comes back', async () => {
    const first = await running(house)
    first.leave()
    const call = await house.upstream.call(0)
    call.say('w2 ')
    await using second = await readAgain(urlOf(house), `answers/${rayIn(first)}`, { headers: { 'last-event-id': '0' } })
    await second.heard(2)
    assert.deepEqual(second.ids, [1, 2])
    sayWords(call, 3, 5)
    call.endStream()
    await second.ended()
    assert.deepEqual([second.ending, second.ids], ['end', [1, 2, 3, 4, 5, 6]])
    assert.equal(first.text + second.text.replace('w1 ', ''), words(5))
    assert.equal(house.upstream.calls.length, 1)
  })

  test('a reader at its very end gets the head at once, and then what is new', async () => {
    const first = await running(house)
    await using second = await readAgain(urlOf(house), `answers/${rayIn(first)}?after=1`)
    assert.equal(second.answer.status, 200)
    await until('a first comment', () => second.comments.length > 0)
    assert.match(second.comments[0] ?? '', /\nretry: \d+\n/)
    const call = await house.upstream.call(0)
    sayWords(call, 2, 5)
    call.endStream()
    await second.ended()
    await first.ended()
    assert.deepEqual(second.events, first.events.slice(2))
  })

  test('a whole answer is waited for', async () => {
    const first = await running(house)
    const whole = fetch(`${urlOf(house)}/v1/answers/${rayIn(first)}`)
    const call = await house.upstream.call(0)
    sayWords(call, 2, 5)
    call.endStream()
    const { choices } = (await (await whole).json()) as { choices: { message: { content: string } }[] }
    assert.equal(choices[0]?.message.content, words(5))
    await first.ended()
  })

  test('HEAD does not wait for it', async () => {
    await using first = await running(house)
    const answer = await fetch(`${urlOf(house)}/v1/answers/${rayIn(first)}`, { method: 'HEAD' })
    assert.equal(answer.status, 200)
    first.leave()
    await fetch(`${urlOf(house)}/v1/answers/${rayIn(first)}/cancel`, { method: 'POST' })
  })

  test('that fails says so to every reader, breaks off, and says it again to who comes later', async () => {
    const first = await running(house)
    await using second = await readAgain(urlOf(house), `answers/${rayIn(first)}`)
    await second.heard(2)
    ;(await house.upstream.call(0)).response.destroy()
    await first.ended()
    await second.ended()
    const third = await (await readAgain(urlOf(house), `answers/${rayIn(first)}?after=0`)).ended()
    for (const reader of [first, second, third]) {
      assert.equal(reader.ending, 'broken')
      const { error } = JSON.parse(reader.datas.at(-1) ?? '') as { error: { cause: string } }
      assert.match(error.cause, /^HF_UPSTREAM_/)
    }
    assert.equal(second.bytes, first.bytes)
    assert.deepEqual(third.ids, [1, 2])
    assert.equal((await readAgain(urlOf(house), `answers/${rayIn(first)}?after=2`)).answer.status, 204)
    const whole = await fetch(`${urlOf(house)}/v1/answers/${rayIn(first)}`)
    assert.equal(whole.status, 502)
    assert.match(await codeOf(whole), /^HF_UPSTREAM_/)
  })

  test('and is not streamed: it is given whole, and not as a stream', async () => {
    house.upstream.script = () => {}
    const answer = fetch(`${urlOf(house)}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'm', messages: hi }),
    })
    const call = await house.upstream.call(0)
    const choice = { index: 0, message: { role: 'assistant', content: 'one' }, finish_reason: 'stop' }
    call.answer({ id: 'whole-1', object: 'chat.completion', created: 1, model: 'm', choices: [choice] })
    const text = await (await answer).text()
    const path = `answers/${rayIn({ answer: await answer })}`
    assert.equal(await (await fetch(`${urlOf(house)}/v1/${path}`)).text(), text)
    const stream = (await readAgain(urlOf(house), path)).answer
    assert.deepEqual([stream.status, await codeOf(stream)], [400, 'HF_NOT_RESUMABLE'])
  })
})

describe('whose answer it is', () => {
  let house: TestHouse
  before(
    async () =>
      void (house = await openTestHouse({ ...settings, keys, journal: { engine: 'memory', keepMs: 60_000 } })),
  )
  after(async () => await house[Symbol.asyncDispose]())

  test('the answers of others look exactly like none, whatever is tried on them', async () => {
    house.upstream.script = (call) => {
      call.beginStream()
      sayWords(call, 0, 5)
      call.endStream()
    }
    const first = await (await callStream(urlOf(house), { messages: hi, store: true }, ann)).ended()
    const ray = rayIn(first)
    const unknown = `${ray.slice(0, 21)}${ray[21] === '0' ? '1' : '0'}${ray.slice(22)}`
    const shape = async (path: string, method: string, headers: Record<string, string>): Promise<string> => {
      const answer = await fetch(`${urlOf(house)}/v1/${path}`, { method, headers: { ...bob, ...headers } })
      const told = [...answer.headers].filter(
        ([name]) => !['date', 'holdfast-ray', 'x-request-id', 'request-id'].includes(name),
      )
      const text = (await answer.text()).replaceAll(answer.headers.get('holdfast-ray') ?? '-', 'RAY')
      return JSON.stringify([answer.status, told, text])
    }
    for (const [method, suffix] of [
      ['GET', ''],
      ['GET', '?after=99'],
      ['GET', '?stream=true'],
      ['HEAD', ''],
      ['DELETE', ''],
      ['POST', '/cancel'],
    ] as const) {
      for (const headers of [{}, { accept: 'text/event-stream' }]) {
        for (const room of ['answers', 'chat/completions']) {
          const theirs = await shape(`${room}/${ray}${suffix}`, method, headers)
          assert.equal(theirs, await shape(`${room}/${unknown}${suffix}`, method, headers))
          assert.equal(theirs, await shape(`${room}/nobody${suffix}`, method, headers))
          assert.match(theirs, /^\[404/)
        }
      }
    }
    assert.equal((await shape('chat/completions/c', 'GET', {})).slice(0, 4), '[404')
    const mine = await (await readAgain(urlOf(house), `answers/${ray}`, { headers: ann })).ended()
    assert.equal(mine.bytes, first.bytes)
  })

  test('without a known key nothing is told', async () => {
    for (const headers of ['accept: text/event-stream', 'authorization: Bearer sk-nobody-00000']) {
      const answer = await house.ask(request('GET', '/v1/answers/nobody', headers))
      assertRefused(answer, 401, 'HF_KEY_UNKNOWN')
    }
  })

  test('an old ray is told to be expired', async () => {
    // A ray of the year 2004 in the shape of ours.
    const old = '0100000000000000000000-ams'
    const { answer } = await readAgain(urlOf(house), `answers/${old}`, { headers: ann })
    assert.deepEqual([answer.status, await codeOf(answer)], [410, 'HF_ANSWER_EXPIRED'])
  })
})

test('the reader that the guide shows reads on through one broken link after the other', async () => {
  const guide = await readFile(join(import.meta.dirname, '../../docs/guide/resume.md'), 'utf8')
  const code = /```js\n(async function\* readOn.*?)```/s.exec(guide)?.[1] ?? assert.fail('the guide shows no reader')
  const module = (await import(`data:text/javascript,${encodeURIComponent(`${code}\nexport { readOn }`)}`)) as {
    readOn: (url: string, ray: string, headers?: object) => AsyncIterable<string>
  }
  await using house = await openTestHouse(settings)
  await using proxy = await openFaultProxy({ target: urlOf(house) })
  const first = await running(house)
  const call = await house.upstream.call(0)
  const datas: string[] = []
  for await (const data of module.readOn(proxy.url, rayIn(first))) {
    datas.push(data)
    if (datas.length === 2 || datas.length === 4) {
      proxy.cut(datas.length === 2 ? 'rst' : 'fin')
      sayWords(call, datas.length, datas.length + 2)
    }
    if (datas.length === 6) call.endStream()
  }
  await first.ended()
  assert.equal(first.text, words(6))
  assert.deepEqual(datas, first.datas)
  await assert.rejects(async () => {
    for await (const _ of module.readOn(proxy.url, 'nobody')) assert.fail('nobody said something')
  }, /HF_ANSWER_UNKNOWN/)
})
