/**
 * The chats, in memory and in one small JSON file. Of an answer under way only its ray is kept: the gateway has the
 * rest. Put your database in its place; what matters is that `settle` compares before it sets.
 */
// @ts-check
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

/** @typedef {import('ai').UIMessage<{ ray?: string, ending?: 'stopped' | 'broken', reason?: string }>} Message */

/**
 * An answer under way. Its `messageId` is chosen before the gateway is asked: it is the idempotency key as well, and
 * the same at every replay. `ray` is null until the gateway has named it.
 *
 * @typedef {{ messageId: string, model: string, ray: string | null }} Running
 */

/** @typedef {{ id: string, changedMs: number, messages: Message[], running: Running | null }} Chat */

/** The oldest chats that nobody is waiting on make room for new ones. */
const chatsMax = 100

/** A longer chat forgets its beginning, which models would not read either. */
const messagesMax = 200

const titleLengthMax = 60

export class Chats {
  /** @type {Map<string, Chat>} */
  #chats = new Map()
  /** @type {string | null} */
  #path

  /** @param {string | null} path The JSON file, made when it is not there; null keeps all in memory. */
  constructor(path) {
    this.#path = path
    for (const chat of path === null ? [] : read(path)) this.#chats.set(chat.id, chat)
  }

  /** @param {string} id */
  get(id) {
    return this.#chats.get(id) ?? null
  }

  /** The last changed first. */
  list() {
    return [...this.#chats.values()].sort((a, b) => b.changedMs - a.changedMs)
  }

  /**
   * An answer is to come, after these messages. The file is written before the gateway is asked, so that an answer
   * which was asked for is known of, whatever happens next.
   *
   * @param {string} id
   * @param {Message[]} messages
   * @param {Running} running
   * @returns {Chat}
   */
  begin(id, messages, running) {
    const chat = { id, changedMs: Date.now(), messages: messages.slice(-messagesMax), running }
    this.#chats.set(id, chat)
    const idle = this.list().filter((each) => each.running === null)
    for (const old of idle.toReversed().slice(0, Math.max(0, this.#chats.size - chatsMax))) this.#chats.delete(old.id)
    this.#write()
    return chat
  }

  /**
   * The gateway has named the ray of the running answer.
   *
   * @param {string} id
   * @param {string} messageId
   * @param {string} ray
   */
  name(id, messageId, ray) {
    const running = this.#running(id, messageId)
    if (!running) return
    running.ray = ray
    this.#write()
  }

  /**
   * The answer has ended: here is its message, or null where there is none. Every reader that reaches the end says so;
   * the first one is believed.
   *
   * @param {string} id
   * @param {string} messageId
   * @param {Message | null} message
   */
  settle(id, messageId, message) {
    const chat = this.#chats.get(id)
    if (!chat || !this.#running(id, messageId)) return
    if (message) chat.messages = [...chat.messages, message]
    chat.running = null
    chat.changedMs = Date.now()
    this.#write()
  }

  /**
   * @param {string} id
   * @param {string} messageId
   */
  #running(id, messageId) {
    const running = this.#chats.get(id)?.running
    return running?.messageId === messageId ? running : null
  }

  /** Renamed into its place: a crash leaves the old file or the new one. */
  #write() {
    if (this.#path === null) return
    mkdirSync(dirname(this.#path), { recursive: true })
    writeFileSync(`${this.#path}.new`, JSON.stringify([...this.#chats.values()], null, 1))
    renameSync(`${this.#path}.new`, this.#path)
  }
}

/** @param {Chat} chat Its first words. */
export function titleOf(chat) {
  const text = textOf(chat.messages[0]).replace(/\s+/g, ' ').trim()
  return text.length > titleLengthMax ? `${text.slice(0, titleLengthMax - 1)}…` : text
}

/** @param {Message | undefined} message */
export function textOf(message) {
  return (message?.parts ?? []).map((part) => (part.type === 'text' ? part.text : '')).join('')
}

/**
 * @param {string} path
 * @returns {Chat[]}
 */
function read(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code === 'ENOENT') return []
    throw error
  }
}
