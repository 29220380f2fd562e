/**
 * What every client must find the same, whatever speaks behind the house: text, tools, images, reasons and counts.
 * The lab's answer depends on the question alone, so a story knows every byte that must come.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type Anthropic from '@anthropic-ai/sdk'
import type OpenAI from 'openai'
import { expectedAnswer, expectedToolArguments } from '../../lab/answer.ts'
import { encode } from '../../lab/vocabulary.ts'
import { assertRay, type LabStage } from './client-stage.ts'

const model = 'lab-model'
const question = 'Why is the sky blue? Grüße, 世界 🌊'
const toolQuestion = 'please call:lookup for me'
const answerTokens = (text: string): number => encode(text).length

/** One red pixel. */
const pixel = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC'
const schema = { type: 'object' as const, properties: { query: { type: 'string' }, limit: { type: 'integer' } } }

const chatTools: OpenAI.ChatCompletionTool[] = [
  {
    type: 'function',
    function: { name: 'weather', description: 'Tells the weather.', parameters: { type: 'object', properties: {} } },
  },
  { type: 'function', function: { name: 'lookup', description: 'Looks things up.', parameters: schema } },
]

type Chat = OpenAI.ChatCompletionMessageParam[]

export function openaiStories(stage: () => LabStage): void {
  const chat = (): OpenAI['chat']['completions'] => stage().openai().chat.completions
  const ask = (messages: Chat, more: Partial<OpenAI.ChatCompletionCreateParamsNonStreaming> = {}) =>
    chat().create({ model, messages, ...more })
  const user = (content: OpenAI.ChatCompletionUserMessageParam['content']): Chat => [
    { role: 'system', content: 'Be kind.' },
    { role: 'user', content },
  ]

  test('a whole answer, with its reason and its counts', async () => {
    const { data, request_id, response } = await ask(user(question)).withResponse()
    const [choice] = data.choices
    assert.deepEqual(
      [choice?.message.content, choice?.message.role, choice?.finish_reason],
      [expectedAnswer(question), 'assistant', 'stop'],
    )
    assert.ok((data.usage?.prompt_tokens ?? 0) > 0)
    assert.equal(data.usage?.completion_tokens, answerTokens(expectedAnswer(question)))
    assert.equal(data.usage?.total_tokens, (data.usage?.prompt_tokens ?? 0) + (data.usage?.completion_tokens ?? 0))
    assertRay(request_id)
    assert.equal(response.headers.get('holdfast-ray'), request_id)
  })

  test('a streamed answer, piece by piece, and no counts that nobody asked for', async () => {
    const texts: string[] = []
    const reasons: string[] = []
    for await (const chunk of await chat().create({ model, messages: user(question), stream: true })) {
      assert.equal(chunk.object, 'chat.completion.chunk')
      assert.equal(chunk.choices.length, 1)
      assert.equal(chunk.usage ?? null, null)
      const [choice] = chunk.choices
      if (choice?.delta.content) texts.push(choice.delta.content)
      if (choice?.finish_reason) reasons.push(choice.finish_reason)
    }
    assert.equal(texts.join(''), expectedAnswer(question))
    assert.ok(texts.length > 10, `${texts.length} pieces`)
    assert.deepEqual(reasons, ['stop'])
  })

  test('counts at the end of a stream, for whom asks', async () => {
    const usages: OpenAI.CompletionUsage[] = []
    for await (const chunk of await chat().create({
      model,
      messages: user(question),
      stream: true,
      stream_options: { include_usage: true },
    })) {
      if (chunk.usage) usages.push(chunk.usage)
    }
    assert.equal(usages.length, 1)
    assert.equal(usages[0]?.completion_tokens, answerTokens(expectedAnswer(question)))
    assert.ok((usages[0]?.prompt_tokens ?? 0) > 0)
  })

  test('an answer cut by its length says so', async () => {
    const { choices } = await ask(user(question), { max_tokens: 5 })
    assert.deepEqual([choices[0]?.message.content, choices[0]?.finish_reason], [expectedAnswer(question, 5), 'length'])
  })

  test('an answer ends before a stop string', async () => {
    const text = expectedAnswer(question)
    const stop = / w4-\S+/.exec(text)?.[0] ?? assert.fail('the answer has no fifth word')
    const { choices } = await ask(user(question), { stop: [stop] })
    assert.deepEqual(
      [choices[0]?.message.content, choices[0]?.finish_reason],
      [text.slice(0, text.indexOf(stop)), 'stop'],
    )
  })

  test('a tool is called, whole and in pieces, and its result answered', async () => {
    const messages = user(toolQuestion)
    const { choices } = await ask(messages, { tools: chatTools })
    const [call] = choices[0]?.message.tool_calls ?? []
    assert.equal(choices[0]?.finish_reason, 'tool_calls')
    assert.ok(call?.type === 'function')
    assert.equal(call.function.name, 'lookup')
    assert.deepEqual(JSON.parse(call.function.arguments), JSON.parse(expectedToolArguments(toolQuestion)))

    const streamed = await chat().stream({ model, messages, tools: chatTools }).finalChatCompletion()
    const [piecewise] = streamed.choices[0]?.message.tool_calls ?? []
    assert.equal(streamed.choices[0]?.finish_reason, 'tool_calls')
    assert.ok(piecewise?.type === 'function' && piecewise.id.length > 0)
    assert.deepEqual(
      [piecewise.function.name, piecewise.function.arguments],
      ['lookup', expectedToolArguments(toolQuestion)],
    )

    const told: Chat = [
      ...messages,
      { role: 'assistant', content: null, tool_calls: [call] },
      { role: 'tool', tool_call_id: call.id, content: 'Found.' },
    ]
    assert.equal((await ask(told, { tools: chatTools })).choices[0]?.message.content, expectedAnswer(toolQuestion))
  })

  test('a tool that must be called is called, and none where none may be', async () => {
    const forced = await ask(user('hello'), {
      tools: chatTools,
      tool_choice: { type: 'function', function: { name: 'lookup' } },
    })
    assert.equal(forced.choices[0]?.message.tool_calls?.length, 1)
    const none = await ask(user(toolQuestion), { tools: chatTools, tool_choice: 'none' })
    assert.equal(none.choices[0]?.message.content, expectedAnswer(toolQuestion))
  })

  test('an image among the text', async () => {
    const { choices } = await ask(
      user([
        { type: 'text', text: 'What is on ' },
        { type: 'image_url', image_url: { url: `data:image/png;base64,${pixel}` } },
        { type: 'text', text: ' here?' },
      ]),
    )
    assert.equal(choices[0]?.message.content, expectedAnswer('What is on <image> here?'))
  })

  test('a conversation of several turns', async () => {
    const messages: Chat = [
      ...user('first'),
      { role: 'assistant', content: 'Well.' },
      { role: 'user', content: 'tokens:7 and then?' },
    ]
    assert.equal((await ask(messages)).choices[0]?.message.content, expectedAnswer('tokens:7 and then?'))
  })
}

const messageTools: Anthropic.Tool[] = [
  { name: 'weather', description: 'Tells the weather.', input_schema: { type: 'object', properties: {} } },
  { name: 'lookup', description: 'Looks things up.', input_schema: schema },
]

export function anthropicStories(stage: () => LabStage): void {
  type Params = Anthropic.MessageCreateParamsNonStreaming
  const messagesOf = (content: Anthropic.MessageParam['content']): Anthropic.MessageParam[] => [
    { role: 'user', content },
  ]
  const params = (content: Anthropic.MessageParam['content'], more: Partial<Params> = {}): Params => ({
    model,
    max_tokens: 300,
    system: 'Be kind.',
    messages: messagesOf(content),
    ...more,
  })
  const ask = (content: Anthropic.MessageParam['content'], more: Partial<Params> = {}) =>
    stage().anthropic().messages.create(params(content, more))
  const textOf = ({ content }: Anthropic.Message): string =>
    content.map((block) => (block.type === 'text' ? block.text : `<${block.type}>`)).join('')

  test('a whole answer, with its reason and its counts', async () => {
    const { data, request_id } = await ask(question).withResponse()
    assert.deepEqual(
      [textOf(data), data.role, data.stop_reason, data.type],
      [expectedAnswer(question), 'assistant', 'end_turn', 'message'],
    )
    assert.equal(data.usage.output_tokens, answerTokens(expectedAnswer(question)))
    assert.ok(data.usage.input_tokens + (data.usage.cache_read_input_tokens ?? 0) > 0)
    assertRay(request_id)
  })

  test('a streamed answer, every event in its place', async () => {
    const kinds: string[] = []
    let text = ''
    for await (const event of await stage()
      .anthropic()
      .messages.create({ ...params(question), stream: true })) {
      if (kinds.at(-1) !== event.type) kinds.push(event.type)
      if (event.type === 'content_block_delta' && event.delta.type === 'text_delta') text += event.delta.text
    }
    assert.equal(text, expectedAnswer(question))
    const order = [
      'message_start',
      'content_block_start',
      'content_block_delta',
      'content_block_stop',
      'message_delta',
      'message_stop',
    ]
    assert.deepEqual(kinds, order)
  })

  test('a streamed answer, put together by the client', async () => {
    const message = await stage().anthropic().messages.stream(params(question)).finalMessage()
    assert.deepEqual([textOf(message), message.stop_reason], [expectedAnswer(question), 'end_turn'])
    assert.equal(message.usage.output_tokens, answerTokens(expectedAnswer(question)))
  })

  test('an answer cut by its length says so', async () => {
    const message = await ask(question, { max_tokens: 5 })
    assert.deepEqual([textOf(message), message.stop_reason], [expectedAnswer(question, 5), 'max_tokens'])
  })

  test('an answer ends before a stop sequence', async () => {
    const text = expectedAnswer(question)
    const stop = / w4-\S+/.exec(text)?.[0] ?? assert.fail('the answer has no fifth word')
    assert.equal(textOf(await ask(question, { stop_sequences: [stop] })), text.slice(0, text.indexOf(stop)))
  })

  test('a tool is used, whole and in pieces, and its result answered', async () => {
    const input: unknown = JSON.parse(expectedToolArguments(toolQuestion))
    const message = await ask(toolQuestion, { tools: messageTools })
    const use = message.content.find((block) => block.type === 'tool_use') ?? assert.fail('no tool is used')
    assert.deepEqual([use.name, use.input, message.stop_reason], ['lookup', input, 'tool_use'])

    const streamed = await stage()
      .anthropic()
      .messages.stream(params(toolQuestion, { tools: messageTools }))
      .finalMessage()
    const piecewise = streamed.content.find((block) => block.type === 'tool_use')
    assert.deepEqual([piecewise?.name, piecewise?.input, streamed.stop_reason], ['lookup', input, 'tool_use'])

    const messages: Anthropic.MessageParam[] = [
      ...messagesOf(toolQuestion),
      { role: 'assistant', content: [{ type: 'tool_use', id: use.id, name: use.name, input: use.input }] },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: use.id, content: 'Found.' }] },
    ]
    assert.equal(textOf(await ask('', { messages, tools: messageTools })), expectedAnswer(toolQuestion))
  })

  test('a tool that must be used is used', async () => {
    const message = await ask('hello', { tools: messageTools, tool_choice: { type: 'tool', name: 'lookup' } })
    assert.deepEqual(
      message.content.map(({ type }) => type),
      ['tool_use'],
    )
  })

  test('an image among the text', async () => {
    const message = await ask([
      { type: 'text', text: 'What is on ' },
      { type: 'image', source: { type: 'base64', media_type: 'image/png', data: pixel } },
      { type: 'text', text: ' here?' },
    ])
    assert.equal(textOf(message), expectedAnswer('What is on <image> here?'))
  })

  test('a system prompt in blocks, and a conversation of several turns', async () => {
    const messages: Anthropic.MessageParam[] = [
      ...messagesOf('first'),
      { role: 'assistant', content: 'Well.' },
      ...messagesOf('tokens:7 and then?'),
    ]
    const system = [
      { type: 'text' as const, text: 'Be kind.' },
      { type: 'text' as const, text: 'Be brief.' },
    ]
    assert.equal(textOf(await ask('', { messages, system })), expectedAnswer('tokens:7 and then?'))
  })

  test('the models are listed in its own shape', async () => {
    const ids: string[] = []
    for await (const { id, type } of stage().anthropic().models.list()) ids.push(`${type} ${id}`)
    assert.deepEqual(ids, ['model lab-model'])
    assert.equal((await stage().anthropic().models.retrieve(model)).id, model)
  })
}
