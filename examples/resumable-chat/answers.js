/**
 * Answers of the gateway as UI message streams, for as many browsers as care to read. The gateway keeps the answer;
 * here is only known under which ray. Read again by that ray, through the very same transformation, an answer gives the
 * very same stream: that is what `useChat({ resume: true })` wants to get after a reload.
 */
// @ts-check
import { setTimeout as wait } from 'node:timers/promises'
import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import { APICallError, convertToModelMessages, generateId, RetryError, streamText, toUIMessageStream } from 'ai'
import { textOf } from './chats.js'
import { AnswerLost, resumingFetch } from './resuming-fetch.js'

/** @typedef {import('./chats.js').Chats} Chats */
/** @typedef {import('./chats.js').Chat} Chat */
/** @typedef {import('./chats.js').Running} Running */
/** @typedef {import('./chats.js').Message} Message */
/** @typedef {import('ai').InferUIMessageChunk<Message>} Chunk */

/**
 * @typedef {object} Gateway
 * @property {string} url With `/v1`.
 * @property {string} [key]
 * @property {string} [model] Default: the first that the gateway offers.
 */

/** How often, and after how long, an answer is looked for at a gateway that is away: for ten minutes. */
const keepTriesMax = 60
const keepWaitMs = 10_000

export class Answers {
  #chats
  #gateway
  #log
  /** By message id: the rays that the gateway has yet to name; null where the call came to nothing. */
  #awaited = /** @type {Map<string, Promise<string | null>>} */ (new Map())

  /**
   * @param {Chats} chats
   * @param {Gateway} gateway
   * @param {(line: string) => void} log
   */
  constructor(chats, gateway, log) {
    this.#chats = chats
    this.#gateway = gateway
    this.#log = log
  }

  /** Goes on with what was under way when this server was stopped or killed. */
  async pickUp() {
    await Promise.all(this.#chats.list().map(async ({ id, running }) => running && this.#keep(id, running.messageId)))
  }

  /**
   * Asks for an answer to these messages. The stream may be left at any time: the answer goes on, and into the chat.
   *
   * @param {string} id
   * @param {Message[]} messages
   * @returns {Promise<ReadableStream<Chunk>>}
   */
  async ask(id, messages) {
    const model = this.#gateway.model ?? (await this.#firstModel())
    const chat = this.#chats.begin(id, messages, { messageId: generateId(), model, ray: null })
    return await this.#ask(chat)
  }

  /**
   * The running answer of this chat from its first event, or null where none is running.
   *
   * @param {string} id
   * @returns {Promise<ReadableStream<Chunk> | null>}
   * @throws {Error} When the gateway cannot be reached: the reader had better keep what it has, and come again.
   */
  async follow(id) {
    const chat = this.#chats.get(id)
    if (!chat?.running) return null
    const { messageId } = chat.running
    const awaited = this.#awaited.get(messageId)
    // Killed before the gateway had named the ray: the same call under the same key finds the same answer.
    if (chat.running.ray === null && !awaited) return await this.#ask(chat)
    const ray = chat.running.ray ?? (await awaited)
    if (!ray || chat.running?.messageId !== messageId) return null
    return await begun(await this.#read(chat, chat.running, resumingFetch({ ray })))
  }

  /**
   * Stops the running answer, for all who read it; what has come of it stays. No effect on any other answer than this.
   *
   * @param {string} id
   * @param {string} messageId
   */
  async stop(id, messageId) {
    const running = this.#chats.get(id)?.running
    if (running?.messageId !== messageId) return
    const ray = running.ray ?? (await this.#awaited.get(messageId))
    if (!ray) return
    const response = await fetch(`${this.#gateway.url}/chat/completions/${ray}/cancel`, {
      method: 'POST',
      headers: this.#headers(),
    })
    // An answer that is not there any more is as good as stopped.
    if (!response.ok && response.status !== 404 && response.status !== 410)
      throw new Error(`The gateway answered ${response.status}.`)
  }

  /** @param {Chat} chat */
  async #ask(chat) {
    const running = /** @type {Running} */ (chat.running)
    /** @type {(ray: string | null) => void} */
    let tell = () => {}
    this.#awaited.set(running.messageId, new Promise((resolve) => (tell = resolve)))
    const onRay = (/** @type {string} */ ray) => {
      this.#chats.name(chat.id, running.messageId, ray)
      tell(ray)
    }
    const stream = await this.#read(chat, running, resumingFetch({ onRay }))
    const [forBrowser, forChat] = stream.tee()
    const isRead = this.#readToEnd(chat.id, forChat).finally(() => {
      tell(null)
      this.#awaited.delete(running.messageId)
    })
    void isRead.then(() => this.#keep(chat.id, running.messageId))
    return forBrowser
  }

  /**
   * @param {Chat} chat
   * @param {Running} running
   * @param {typeof globalThis.fetch} fetch
   * @returns {Promise<ReadableStream<Chunk>>}
   */
  async #read(chat, running, fetch) {
    const { messageId, model } = running
    const { url, key } = this.#gateway
    const holdfast = createOpenAICompatible({ name: 'holdfast', baseURL: url, fetch, ...(key ? { apiKey: key } : {}) })
    const result = streamText({
      model: holdfast.chatModel(model),
      messages: await convertToModelMessages(chat.messages),
      headers: { 'idempotency-key': messageId },
      // Heard of below as well, where it is told to the browser.
      onError: () => {},
    })
    /** @type {Ending | null} */
    let ending = whole
    /** @type {ReadableStream<Chunk>} */
    const stream = toUIMessageStream({
      stream: result.stream,
      originalMessages: chat.messages,
      generateMessageId: () => messageId,
      messageMetadata: ({ part }) => (part.type === 'start-step' && running.ray ? { ray: running.ray } : undefined),
      onError: (error) => {
        // The first cause; what follows is only its echo.
        if (ending === whole) ending = toEnding(error)
        return toWords(error)
      },
      onEnd: ({ responseMessage, isCancelled }) => {
        if (isCancelled || ending === null) return
        const message = { ...responseMessage, metadata: { ...responseMessage.metadata, ...ending } }
        this.#chats.settle(chat.id, messageId, textOf(message) === '' ? null : message)
      },
    })
    return stream.pipeThrough(withEnding(() => ending))
  }

  /**
   * Reads to the end, so that the chat gets its answer even if no browser is there to see it. Comes back to a gateway
   * that is away for longer.
   *
   * @param {string} id
   * @param {string} messageId
   */
  async #keep(id, messageId) {
    const isRunning = () => this.#chats.get(id)?.running?.messageId === messageId
    for (let tries = 0; isRunning() && tries < keepTriesMax; tries++) {
      if (tries > 0) await wait(keepWaitMs)
      const stream = await this.follow(id).catch((error) => this.#log(`chat ${id}: ${toWords(error)}`))
      if (stream) await this.#readToEnd(id, stream)
    }
  }

  /**
   * @param {string} id
   * @param {ReadableStream<Chunk>} stream
   */
  async #readToEnd(id, stream) {
    try {
      for await (const chunk of stream) if (chunk.type === 'error') this.#log(`chat ${id}: ${chunk.errorText}`)
    } catch (error) {
      this.#log(`chat ${id}: ${toWords(error)}`)
    }
  }

  #headers() {
    const { key } = this.#gateway
    return key ? { authorization: `Bearer ${key}` } : {}
  }

  async #firstModel() {
    const response = await fetch(`${this.#gateway.url}/models`, { headers: this.#headers() })
    const { data } = /** @type {{ data?: { id: string }[] }} */ (await response.json())
    if (!data?.[0]) throw new Error('The gateway offers no model.')
    return data[0].id
  }
}

/** @typedef {NonNullable<Message['metadata']>} Ending How an answer ended, for people. */

/** There is nothing to say of a whole one. */
const whole = /** @type {Ending} */ ({})

/**
 * @param {unknown} error
 * @returns {Ending | null} Null when this is not the end: the gateway could not be reached, and may have the rest.
 */
function toEnding(error) {
  if (error instanceof AnswerLost && !error.isFinal) return null
  const { code } = /** @type {{ code?: unknown }} */ (error ?? {})
  return code === 'cancelled' ? { ending: 'stopped' } : { ending: 'broken', reason: toWords(error) }
}

/**
 * The stream once it has more to say than that it starts, which makes a browser forget what it has of the message.
 *
 * @param {ReadableStream<Chunk>} stream
 * @returns {Promise<ReadableStream<Chunk>>}
 */
async function begun(stream) {
  const reader = stream.getReader()
  /** @type {Chunk[]} */
  const first = []
  while (first.at(-1) === undefined || first.at(-1)?.type === 'start') {
    const { done, value } = await reader.read()
    if (done) break
    // An answer that has come to an end says so first.
    if (value.type === 'error') throw new Error(value.errorText)
    first.push(value)
  }
  return new ReadableStream({
    async pull(controller) {
      const next = first.shift() ?? (await reader.read()).value
      if (next === undefined) controller.close()
      else controller.enqueue(next)
    },
    cancel: (reason) => reader.cancel(reason),
  })
}

/**
 * Tells the browser how the answer ended before the stream does. To be stopped is no error: useChat calls it an abort.
 *
 * @param {() => Ending | null} toEnding
 * @returns {TransformStream<Chunk, Chunk>}
 */
function withEnding(toEnding) {
  return new TransformStream({
    transform(chunk, controller) {
      const ending = chunk.type === 'error' ? toEnding() : null
      if (ending) controller.enqueue({ type: 'message-metadata', messageMetadata: ending })
      controller.enqueue(ending?.ending === 'stopped' ? { type: 'abort', reason: 'stopped' } : chunk)
    },
  })
}

/** @param {unknown} error Of the SDK, of the gateway (an object with a message), or our own. */
function toWords(error) {
  if (RetryError.isInstance(error)) return toWords(error.lastError)
  if (APICallError.isInstance(error) && error.statusCode === undefined) return 'The gateway could not be reached.'
  const message = /** @type {{ message?: unknown } | null} */ (error)?.message
  return typeof message === 'string' ? message : 'Something went wrong.'
}
