// OpenAI's responses with the official client, unchanged: in the background, read again, cancelled, deleted; in front
// of a model server that speaks responses itself and of one that speaks only chat.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import OpenAI from 'openai'
import type { ResponseStreamEvent } from 'openai/resources/responses/responses'
import { expectedAnswer } from '../../lab/answer.ts'
import { openSimServer } from '../../lab/sim-server.ts'
import { errorOf, LabStage, openStage } from './client-stage.ts'
import { until } from './harness.ts'

const model = 'lab-model'
const input = 'tokens:40 tell me more'
const expected = expectedAnswer(input)
/** Slow enough that a test can come in between. */
const longInput = 'tokens:400 a long story'

type Terms = { readonly name: string; readonly upstream: object }
const ways: readonly Terms[] = [
  { name: 'that speaks responses', upstream: { kind: 'vllm' } },
  { name: 'that speaks only chat', upstream: { kind: 'compatible', speaks: ['chat'] } },
]

async function open({ upstream }: Terms): Promise<LabStage> {
  const sim = await openSimServer({ profile: 'vllm', engine: { speed: 5 } })
  const stage = await openStage({ url: `${sim.url}/v1`, ...upstream }, model)
  return new LabStage(stage.house, sim)
}

async function collect(stream: AsyncIterable<ResponseStreamEvent>): Promise<ResponseStreamEvent[]> {
  const events: ResponseStreamEvent[] = []
  for await (const event of stream) events.push(event)
  return events
}

function textOf(events: readonly ResponseStreamEvent[]): string {
  return events.map((event) => (event.type === 'response.output_text.delta' ? event.delta : '')).join('')
}

/** The id in every event that holds the response. */
function idsOf(events: readonly ResponseStreamEvent[]): string[] {
  return [...new Set(events.flatMap((event) => ('response' in event ? [event.response.id] : [])))]
}

function numbersOf(events: readonly ResponseStreamEvent[]): number[] {
  return events.map(({ sequence_number: number }) => number)
}

async function ended(client: OpenAI, id: string): Promise<OpenAI.Responses.Response> {
  let response = await client.responses.retrieve(id)
  while (response.status === 'queued' || response.status === 'in_progress') {
    await new Promise((resolve) => setTimeout(resolve, 20))
    response = await client.responses.retrieve(id)
  }
  return response
}

for (const way of ways) {
  describe(`responses in front of a server ${way.name}`, () => {
    let stage: LabStage
    let client: OpenAI
    before(async () => {
      stage = await open(way)
      client = stage.openai()
    })
    after(async () => await stage[Symbol.asyncDispose]())

    test('in the background: an id at once, and the answer when it is done', async () => {
      const queued = await client.responses.create({ model, input, background: true, metadata: { for: 'a test' } })
      assert.deepEqual([queued.status, queued.background, queued.output_text], ['queued', true, ''])
      assert.deepEqual(queued.metadata, { for: 'a test' })
      const done = await ended(client, queued.id)
      assert.deepEqual([done.status, done.id, done.output_text], ['completed', queued.id, expected])
      assert.equal(done.background, true)
      assert.ok((done.usage?.output_tokens ?? 0) > 0)
      assert.equal((await client.responses.retrieve(queued.id)).output_text, expected)
    })

    test('in the background: how it stands, with what there is so far', async () => {
      const { id } = await client.responses.create({ model, input: longInput, background: true })
      let soFar = await client.responses.retrieve(id)
      while (soFar.output_text.length < 20) soFar = await client.responses.retrieve(id)
      assert.deepEqual([soFar.status, soFar.id], ['in_progress', id])
      assert.ok(expectedAnswer(longInput).startsWith(soFar.output_text))
      await client.responses.cancel(id)
    })

    test('its stream, from the beginning and from behind any event, under the same id', async () => {
      const { id } = await client.responses.create({ model, input, background: true })
      const all = await collect(await client.responses.retrieve(id, { stream: true }))
      assert.equal(textOf(all), expected)
      assert.deepEqual(numbersOf(all), [...all.keys()])
      assert.deepEqual(idsOf(all), [id])
      assert.equal(all.at(-1)?.type, 'response.completed')
      for (const cursor of [0, 7, all.length - 2]) {
        const rest = await collect(await client.responses.retrieve(id, { stream: true, starting_after: cursor }))
        assert.deepEqual(rest, all.slice(cursor + 1))
      }
    })

    test('a stream in the background that loses its link is read on by its id', async () => {
      const stream = await client.responses.create({ model, input: longInput, background: true, stream: true })
      const heard: ResponseStreamEvent[] = []
      for await (const event of stream) {
        heard.push(event)
        if (heard.length === 12) break
      }
      const [id = ''] = idsOf(heard)
      const cursor = heard.at(-1)?.sequence_number ?? 0
      const rest = await collect(await client.responses.retrieve(id, { stream: true, starting_after: cursor }))
      const whole = [...heard, ...rest]
      assert.equal(textOf(whole), expectedAnswer(longInput))
      assert.deepEqual(numbersOf(whole), [...whole.keys()])
    })

    test('the client’s own helper resumes and puts the whole together', async () => {
      const { id } = await client.responses.create({ model, input, background: true })
      const helper = client.responses.stream({ response_id: id, starting_after: 9 })
      const numbers: number[] = []
      helper.on('event', ({ sequence_number: number }) => void numbers.push(number))
      const final = await helper.finalResponse()
      assert.deepEqual([final.id, final.status, final.output_text], [id, 'completed', expected])
      assert.equal(numbers[0], 10)
    })

    test('an answer that is not streamed is stored under its id', async () => {
      const created = await client.responses.create({ model, input })
      const again = await client.responses.retrieve(created.id)
      assert.deepEqual(again, created)
      const error = await errorOf(OpenAI.BadRequestError, () => client.responses.retrieve(created.id, { stream: true }))
      assert.equal(error.param, 'stream')
    })

    test('store: false is not found by its id, and yet its stream goes on by the ray', async () => {
      const { data, response } = await client.responses
        .create({ model, input: 'for nobody else', stream: true, store: false })
        .withResponse()
      const [first] = [await data[Symbol.asyncIterator]().next()]
      const [id = ''] = idsOf([first?.value as ResponseStreamEvent])
      await errorOf(OpenAI.NotFoundError, () => client.responses.retrieve(id))
      const ray = response.headers.get('holdfast-ray') ?? ''
      const all = await collect(await client.responses.retrieve(ray, { stream: true }))
      assert.equal(textOf(all), expectedAnswer('for nobody else'))
      const refused = await errorOf(OpenAI.BadRequestError, () =>
        client.responses.create({ model, input, background: true, store: false }),
      )
      assert.equal(refused.param, 'store')
    })

    test('cancel stops the upstream and is idempotent', async () => {
      const { id } = await client.responses.create({ model, input: longInput, background: true })
      await until('the call at the model server', () => stage.sim.engine.runningCount > 0)
      const cancelled = await client.responses.cancel(id)
      assert.deepEqual([cancelled.id, cancelled.status, cancelled.error], [id, 'cancelled', null])
      await until('the model server to be idle', () => stage.sim.engine.runningCount === 0)
      assert.deepEqual(await client.responses.cancel(id), cancelled)
      const { output_text: text, ...told } = await client.responses.retrieve(id)
      assert.deepEqual(told, cancelled)
      assert.ok(expectedAnswer(longInput).startsWith(text))
    })

    test('cancelling what has ended changes nothing', async () => {
      const { id } = await client.responses.create({ model, input, background: true })
      const { output_text: text, ...done } = await ended(client, id)
      assert.equal(text, expected)
      assert.deepEqual(await client.responses.cancel(id), done)
    })

    test('delete forgets it', async () => {
      const { id } = await client.responses.create({ model, input, background: true })
      await ended(client, id)
      await client.responses.delete(id)
      await errorOf(OpenAI.NotFoundError, () => client.responses.retrieve(id))
      await errorOf(OpenAI.NotFoundError, () => client.responses.delete(id))
    })

    test('an answer that reaches its limit is incomplete', async () => {
      const { id } = await client.responses.create({ model, input: longInput, background: true, max_output_tokens: 16 })
      const done = await ended(client, id)
      assert.deepEqual([done.status, done.incomplete_details?.reason], ['incomplete', 'max_output_tokens'])
      assert.ok(done.output_text.length > 0 && expectedAnswer(longInput).startsWith(done.output_text))
    })

    test('what cannot be answered is failed, and says why', async () => {
      stage.sim.order({ kind: 'context-length', count: 1 })
      const { id } = await client.responses.create({ model, input, background: true })
      const done = await ended(client, id)
      assert.equal(done.status, 'failed')
      assert.equal((done.error as unknown as { cause: string }).cause, 'HF_CALL_REFUSED')
    })

    test('a model that nobody has is refused at once', async () => {
      await errorOf(OpenAI.NotFoundError, () =>
        client.responses.create({ model: 'no-such-model', input, background: true }),
      )
    })
  })
}
