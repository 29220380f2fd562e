// The semantic part of the answer cache: a question that means the same gets the same answer, told for what it is, and
// nothing that the embeddings model does or leaves undone is ever more than a miss.
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, test } from 'node:test'
import { embeddingOf } from '../../lab/sim/embedding.ts'
import type { ConfigInput } from '../../src/config.ts'
import { systemClock } from '../../src/ground/clock.ts'
import { purgeVectors } from '../../src/store/sqlite-vectors.ts'
import { SqliteKeptAnswers } from '../../src/store/sqlite-kept-answers.ts'
import {
  openTestHouse,
  patienceMs,
  pause,
  post,
  ScriptedUpstream,
  type TestHouse,
  until,
  type UpstreamCall,
} from './harness.ts'
import type { Answer } from './raw-client.ts'

const question = 'How do I reset the password of my account?'
const paraphrase = 'How can I reset my account password?'
const keys = [
  { name: 'ann', key: 'key-of-ann', cache: 'semantic' },
  { name: 'bob', key: 'key-of-bob', cache: 'semantic' },
  { name: 'tom', key: 'key-of-tom' },
] as const

let house: TestHouse
let embedder: ScriptedUpstream
let folder: string | null = null

const embed = (call: UpstreamCall): void => {
  const { input } = call.body as { input: string }
  call.answer({ object: 'list', data: [{ object: 'embedding', index: 0, embedding: embeddingOf(input, 64) }] })
}

async function openAgain(settings: Partial<ConfigInput> = {}, semantic = {}): Promise<void> {
  house = await openTestHouse({
    keys: [...keys],
    timeouts: { patienceMs: 0 },
    continuation: { enabled: false },
    cache: { semantic: { model: 'embed', waitMs: 5000, ...semantic } },
    ...settings,
  })
}

/** The upstreams of a house: its own one, and the embedder under a URL that is known before. */
function upstreams(model: ScriptedUpstream): ConfigInput['upstreams'] {
  return {
    only: { url: model.url, kind: 'llamacpp', models: ['m'] },
    embeds: { url: embedder.url, kind: 'llamacpp', models: ['embed'] },
  }
}

let model: ScriptedUpstream

async function start(settings: Partial<ConfigInput> = {}, semantic = {}): Promise<void> {
  model = await ScriptedUpstream.open()
  let n = 0
  model.script = (call) => say(call, `answer ${++n}`)
  embedder = await ScriptedUpstream.open()
  embedder.script = embed
  await openAgain({ upstreams: upstreams(model), ...settings }, semantic)
}

afterEach(async () => {
  await until('all calls to be over', () => house.house.callsLive() === 0)
  await house[Symbol.asyncDispose]()
  await embedder[Symbol.asyncDispose]()
  await model[Symbol.asyncDispose]()
  if (folder !== null) await rm(folder, { recursive: true, force: true })
  folder = null
})

function say(call: UpstreamCall, text: string): void {
  if (!call.body.stream) {
    const choice = { index: 0, message: { role: 'assistant', content: text }, finish_reason: 'stop' }
    const usage = { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 }
    return call.answer({ id: 'c', object: 'chat.completion', created: 1, model: 'm', choices: [choice], usage })
  }
  call.beginStream()
  for (const word of text.split(' ')) call.say(`${word} `)
  call.endStream()
}

interface Ask {
  readonly key?: string
  readonly headers?: readonly string[]
}

function ask(text: string, body: object = {}, { key = 'ann', headers = [] }: Ask = {}): Promise<Answer> {
  const messages = [{ role: 'user', content: text }]
  const all = ['content-type: application/json', `authorization: Bearer key-of-${key}`, ...headers]
  return house.ask(post(JSON.stringify({ model: 'm', messages, ...body }), { headers: all }))
}

const stateOf = ({ headers }: Answer): string | undefined => /^\w+/.exec(headers['holdfast-cache'] ?? '')?.[0]

async function looks(): Promise<Readonly<Record<string, number>>> {
  const metric = await house.house.metrics.registry.getSingleMetric('holdfast_semantic_questions_total')?.get()
  return Object.fromEntries((metric?.values ?? []).map(({ labels, value }) => [String(labels['look']), value]))
}

async function untilKept(count: number): Promise<void> {
  const endMs = performance.now() + patienceMs
  while (((await looks())['kept'] ?? 0) < count && performance.now() < endMs) await pause(5)
}

/** Its question is kept, and can be found: that is done behind the answer. */
async function kept(text: string, body: object = {}, how: Ask = {}): Promise<Answer> {
  const before = (await looks())['kept'] ?? 0
  const answer = await ask(text, body, how)
  assert.equal(stateOf(answer), 'miss')
  await untilKept(before + 1)
  return answer
}

describe('a question that means the same', () => {
  test('gets the answer, marked with how near it is and with the ray of the original', async () => {
    await start()
    const first = await kept(question)
    const second = await ask(paraphrase)
    assert.deepEqual([stateOf(second), second.body], ['semantic', first.body])
    assert.match(second.headers['holdfast-cache'] ?? '', /^semantic; similarity=0\.9\d\d; age=\d+; usage=recorded$/)
    assert.match(second.headers['cache-status'] ?? '', /^holdfast; hit; ttl=\d+; detail=semantic; similarity=0\.9\d\d$/)
    assert.equal(second.headers['holdfast-ray'], first.headers['holdfast-ray'])
    const account = await house.account(second.headers['x-request-id'])
    assert.deepEqual(
      [account.cache, account.answerRay, account.attempts],
      ['semantic', first.headers['holdfast-ray'], []],
    )
    assert.ok((account.similarity ?? 0) >= 0.95)
    assert.equal(model.calls.length, 1)
    // The same question is found without asking for a vector.
    const asked = embedder.calls.length
    assert.equal(stateOf(await ask(question)), 'hit')
    assert.equal(embedder.calls.length, asked)
  })

  test('gets it as a stream, and a whole body is made of one', async () => {
    await start()
    const streamed = { stream: true, stream_options: { include_usage: true } }
    const first = await kept(question, streamed)
    const second = await ask(paraphrase, streamed)
    assert.deepEqual([stateOf(second), second.body], ['semantic', first.body])
    const whole = await ask(paraphrase)
    assert.equal(stateOf(whole), 'semantic')
    assert.match(whole.body, /"content":"answer 1 "/)
    assert.equal(model.calls.length, 1)
  })

  test('is looked for only where that is asked for', async () => {
    await start()
    await kept(question, {}, { key: 'tom', headers: ['holdfast-cache: semantic'] })
    assert.equal(stateOf(await ask(paraphrase, {}, { key: 'tom', headers: ['holdfast-cache: use'] })), 'miss')
    const other = 'How might I reset the account password?'
    assert.equal(stateOf(await ask(other, {}, { key: 'tom', headers: ['holdfast-cache: semantic'] })), 'semantic')
  })

  test('is asked of nobody else: keys, models and contexts are apart', async () => {
    await start()
    await kept(question)
    assert.equal(stateOf(await ask(paraphrase, {}, { key: 'bob' })), 'miss')
    const user = { role: 'user', content: paraphrase }
    const system = { role: 'system', content: 'Be brief.' }
    assert.equal(stateOf(await ask('', { messages: [system, user] })), 'miss')
    assert.equal(stateOf(await ask(paraphrase, { temperature: 0.2 })), 'miss')
    assert.equal(stateOf(await ask(paraphrase, { max_tokens: 5 })), 'miss')
    assert.equal(stateOf(await ask(paraphrase, { temperature: 1.5 })), 'miss')
  })

  test('is another where a number, a name or a negation differs', async () => {
    await start()
    await kept('How do I move 10 files to the server Berlin?')
    for (const other of [
      'How do I move 11 files to the server Berlin?',
      'How do I move 10 files to the server Bonn?',
      'How do I not move 10 files to the server Berlin?',
    ])
      assert.equal(stateOf(await ask(other)), 'miss', other)
    assert.equal(stateOf(await ask('How can I move 10 files to the server Berlin?')), 'semantic')
  })

  test('is another where the same words stand in another order', async () => {
    await start()
    await kept('how do i move files of the phone to the cloud')
    assert.equal(stateOf(await ask('how do i move files of the cloud to the phone')), 'miss')
  })

  test('is none of another key, also where all keys share their answers', async () => {
    await start({ cache: { shared: true, semantic: { model: 'embed', waitMs: 5000 } } })
    await kept(question)
    assert.equal(stateOf(await ask(question, {}, { key: 'bob' })), 'hit')
    assert.equal(stateOf(await ask(paraphrase, {}, { key: 'bob' })), 'miss')
    assert.equal(stateOf(await ask(paraphrase, {}, { key: 'bob' })), 'hit')
  })

  test('is not where it is less near than the threshold', async () => {
    await start({}, { threshold: 0.999 })
    await kept(question)
    assert.equal(stateOf(await ask(paraphrase)), 'miss')
    assert.equal((await looks())['far'], 1)
  })

  test('gets an answer from the cache or none, where that is what it wants', async () => {
    await start()
    await kept(question)
    assert.equal(stateOf(await ask(paraphrase, {}, { headers: ['cache-control: only-if-cached'] })), 'semantic')
    const none = await ask('What is this about?', {}, { headers: ['cache-control: only-if-cached'] })
    assert.equal(none.status, 504)
  })
})

describe('an embeddings model that fails', () => {
  const answers: Readonly<Record<string, (call: UpstreamCall) => void>> = {
    failed: (call) => call.answer({ error: { message: 'no' } }, 500),
    invalid: (call) => call.answer({ data: [{ embedding: [Number.NaN, 1] }] }),
    dimensions: (call) => call.answer({ data: [{ embedding: [1, 0, 0] }] }),
  }
  for (const [look, script] of Object.entries(answers)) {
    test(`makes a miss that is counted as ${look}`, async () => {
      await start()
      await kept(question)
      embedder.script = script
      assert.equal(stateOf(await ask(paraphrase)), 'miss')
      assert.equal((await looks())[look], 1)
    })
  }

  test('by having one vector for all gives nobody the answer to another question', async () => {
    await start()
    const embedding = embeddingOf('the same for all', 64)
    embedder.script = (call) => call.answer({ object: 'list', data: [{ object: 'embedding', index: 0, embedding }] })
    await kept('how do i reset my password')
    assert.equal(stateOf(await ask('how do i order a sandwich')), 'miss')
    assert.equal((await looks())['blind'], 1)
    // Capitals and signs make no other question.
    assert.equal(stateOf(await ask('how do I order a sandwich?')), 'miss')
  })

  test('is not waited for longer than it may take, nor asked again and again', async () => {
    await start({}, { waitMs: 20 })
    await kept(question)
    embedder.script = () => {} // it has the question, and says nothing
    for (let i = 0; i < 8; i++) {
      const answer = await ask(`How ${'very '.repeat(i)}can I reset my account password?`)
      assert.equal(answer.status, 200)
    }
    const { late = 0, resting = 0 } = await looks()
    assert.ok(late + resting === 8 && late >= 1 && resting >= 3, `late ${late}, resting ${resting}`)
    for (const { response } of embedder.calls) response.destroy()
  })

  test('that is gone costs a miss, and none of those that ask the same word for word', async () => {
    await start()
    await kept(question)
    await embedder[Symbol.asyncDispose]()
    assert.equal(stateOf(await ask(paraphrase)), 'miss')
    assert.equal(stateOf(await ask(paraphrase)), 'hit')
    assert.equal(stateOf(await ask(question)), 'hit')
    model.script = (call) => call.answer({ error: { message: 'no' } }, 500)
    assert.equal(stateOf(await ask(question)), 'hit')
  })
})

test('Questions outlive a restart, and leave with the answers that are purged.', async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-semantic-'))
  const settings = { journal: { engine: 'sqlite' }, stateDir: folder } as const
  await start(settings)
  const first = await kept(question)
  await house[Symbol.asyncDispose]()
  await openAgain({ upstreams: upstreams(model), ...settings })
  assert.deepEqual([stateOf(await ask(paraphrase)), (await ask(paraphrase)).body], ['semantic', first.body])
  using answers = new SqliteKeptAnswers(join(folder, 'journal.db'), systemClock)
  await answers.purge({ key: 'ann', model: null })
  // Also before its vector is taken away: it leads nowhere.
  assert.equal(stateOf(await ask('How might I reset my account password?')), 'miss')
  await purgeVectors(join(folder, 'vectors.db'), systemClock, { key: 'ann', model: null })
})

test('Calls at the same moment are one call, whose question is found afterwards.', async () => {
  await start()
  const waiting: UpstreamCall[] = []
  model.script = (call) => void waiting.push(call)
  const crowd = Array.from({ length: 10 }, () => ask(question))
  await until('the call', () => waiting.length === 1)
  for (const call of waiting) say(call, 'one for all')
  const states = new Set((await Promise.all(crowd)).map(stateOf))
  assert.deepEqual([model.calls.length, states.has('collapsed')], [1, true])
  await untilKept(1)
  assert.equal(stateOf(await ask(paraphrase)), 'semantic')
})
