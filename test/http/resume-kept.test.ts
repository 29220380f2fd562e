// What was promised holds across a restart of the gateway: the journal in SQLite has answers, names and keys.
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, test } from 'node:test'
import OpenAI from 'openai'
import type { ResponseStreamEvent } from 'openai/resources/responses/responses'
import { checkConfig } from '../../src/config.ts'
import { type House, openHouse } from '../../src/main.ts'
import { silentLog } from '../../src/observe/log.ts'
import { sayHello, ScriptedUpstream, until } from './harness.ts'
import { callStream, hi, rayIn, readAgain, sayWords, words } from './resume-rig.ts'

let stateDir: string
let upstream: ScriptedUpstream
let house: House
let url: string
let client: OpenAI

async function open(): Promise<void> {
  const only = { url: upstream.url, kind: 'llamacpp', models: ['m'], speaks: ['chat'] }
  const journal = { engine: 'sqlite', leaseMs: 400 }
  house = await openHouse(checkConfig({ listeners: [{ port: 0 }], stateDir, journal, upstreams: { only } }), silentLog)
  url = house.urls[0] ?? ''
  client = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'k', maxRetries: 0 })
}

/** The gateway goes without a farewell, and another one opens on what it kept. */
async function restart(): Promise<void> {
  await house[Symbol.asyncDispose]()
  await open()
}

before(async () => {
  stateDir = await mkdtemp(join(tmpdir(), 'holdfast-test-'))
  upstream = await ScriptedUpstream.open()
  await open()
})
after(async () => {
  await house[Symbol.asyncDispose]()
  await upstream[Symbol.asyncDispose]()
  await rm(stateDir, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
})
beforeEach(() => void (upstream.calls.length = 0))

/** Begins with two words; whoever is asked to go on says the rest. */
function sayInTwoParts(): void {
  upstream.script = (call) => {
    call.beginStream()
    sayWords(call, 0, 2)
    upstream.script = (next) => {
      next.beginStream()
      sayWords(next, 2, 5)
      next.endStream()
    }
  }
}

test('a run in the background ends under the id that was told before', async () => {
  sayInTwoParts()
  const { id } = await client.responses.create({ model: 'm', input: 'hi', background: true })
  await until('the first words', () => upstream.calls.length === 1)
  let soFar = await client.responses.retrieve(id)
  while (soFar.output_text !== words(2)) soFar = await client.responses.retrieve(id)
  await restart()
  const events: ResponseStreamEvent[] = []
  for await (const event of await client.responses.retrieve(id, { stream: true })) events.push(event)
  assert.deepEqual(
    events.map(({ sequence_number: number }) => number),
    [...events.keys()],
  )
  const ids = new Set(events.flatMap((event) => ('response' in event ? [event.response.id] : [])))
  assert.deepEqual([...ids], [id])
  const done = await client.responses.retrieve(id)
  assert.deepEqual([done.id, done.status, done.output_text], [id, 'completed', words(5)])
})

test('a cancel reaches what another gateway took over, and is remembered', async () => {
  sayInTwoParts()
  const { id } = await client.responses.create({ model: 'm', input: 'hi', background: true })
  await until('the call', () => upstream.calls.length === 1)
  upstream.script = (call) => call.beginStream()
  await restart()
  const cancelled = await client.responses.cancel(id)
  assert.deepEqual([cancelled.id, cancelled.status], [id, 'cancelled'])
  await restart()
  assert.equal((await client.responses.retrieve(id)).status, 'cancelled')
})

test('names, keys and owners are kept', async () => {
  upstream.script = sayHello
  const key = { 'idempotency-key': 'kept' }
  const first = await (await callStream(url, { messages: hi, store: true }, key)).ended()
  assert.equal((await client.chat.completions.retrieve('c')).choices[0]?.message.content, 'hello')
  await restart()
  assert.equal((await client.chat.completions.retrieve('c')).choices[0]?.message.content, 'hello')
  const again = await (await callStream(url, { messages: hi, store: true }, key)).ended()
  const read = await (await readAgain(url, `answers/${rayIn(first)}`)).ended()
  assert.deepEqual([again.bytes, read.bytes], [first.bytes, first.bytes])
  assert.equal(upstream.calls.length, 1)
})

test('calls with one key that come at the same moment are one', async () => {
  upstream.script = (call) => void setTimeout(() => sayHello(call), 30)
  const calls = Array.from({ length: 8 }, () => callStream(url, { messages: hi }, { 'idempotency-key': 'at-once' }))
  const readers = await Promise.all(calls)
  for (const reader of readers) await reader.ended()
  assert.equal(new Set(readers.map(({ bytes }) => bytes)).size, 1)
  assert.equal(upstream.calls.length, 1)
})

test('an answer is found by its id as soon as its first event has come', async () => {
  upstream.script = (call) => {
    call.beginStream()
    sayWords(call, 0, 1)
  }
  const stream = await client.responses.create({ model: 'm', input: 'hi', stream: true })
  for await (const event of stream) {
    if (event.type !== 'response.created') continue
    const { status } = await client.responses.retrieve(event.response.id)
    assert.equal(status, 'in_progress')
    await client.responses.cancel(event.response.id)
    break
  }
})
