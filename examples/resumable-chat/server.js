/**
 * The server of the example: chats and their answers over HTTP, and the page. Settings come from the environment:
 * HOLDFAST_URL, HOLDFAST_KEY, MODEL, HOST, PORT, CHATS_FILE; see the README.
 */
// @ts-check
import { createServer } from 'node:http'
import { fileURLToPath } from 'node:url'
import { pipeUIMessageStreamToResponse } from 'ai'
import { Answers } from './answers.js'
import { Chats, titleOf } from './chats.js'
import { openPage } from './page.js'

/** @typedef {import('node:http').IncomingMessage} Request */
/** @typedef {import('node:http').ServerResponse} Response */
/** @typedef {import('./chats.js').Message} Message */

const bodyBytesMax = 1024 * 1024
/** So that proxies between do not take a model that thinks for a dead connection. */
const keepAliveMs = 15_000

const { env } = process
const chats = new Chats(env['CHATS_FILE'] ?? fileURLToPath(new URL('.holdfast/chats.json', import.meta.url)))
const gateway = {
  url: (env['HOLDFAST_URL'] ?? 'http://127.0.0.1:5020/v1').replace(/\/+$/, ''),
  ...(env['HOLDFAST_KEY'] ? { key: env['HOLDFAST_KEY'] } : {}),
  ...(env['MODEL'] ? { model: env['MODEL'] } : {}),
}
const answers = new Answers(chats, gateway, (line) => void process.stderr.write(`${line}\n`))
const page = await openPage()

/** An error that is the caller's affair. */
class Refusal extends Error {
  /**
   * @param {number} status
   * @param {string} message
   */
  constructor(status, message) {
    super(message)
    this.status = status
  }
}

/** @type {[method: string, path: RegExp, serve: (request: Request, response: Response, id: string) => unknown][]} */
const routes = [
  ['GET', /^\/api\/chats$/, listChats],
  ['GET', /^\/api\/chats\/([\w-]{1,64})$/, showChat],
  ['POST', /^\/api\/chat$/, ask],
  ['GET', /^\/api\/chat\/([\w-]{1,64})\/stream$/, resume],
  ['POST', /^\/api\/chat\/([\w-]{1,64})\/stop$/, stop],
]

/**
 * @param {Request} _
 * @param {Response} response
 */
function listChats(_, response) {
  const list = chats.list().map((chat) => ({ id: chat.id, title: titleOf(chat), isRunning: chat.running !== null }))
  sendJson(response, 200, list)
}

/**
 * @param {Request} _
 * @param {Response} response
 * @param {string} id
 */
function showChat(_, response, id) {
  const chat = chats.get(id)
  sendJson(response, 200, { messages: chat?.messages ?? [], running: chat?.running?.messageId ?? null })
}

/**
 * A new message, or another try at one that is there: the chat ends with that message, and an answer to it is begun.
 * Nothing else is taken from the browser; the chat is ours.
 *
 * @param {Request} request
 * @param {Response} response
 */
async function ask(request, response) {
  const { id, message } = await readJson(request)
  if (!/^[\w-]{1,64}$/.test(String(id))) throw new Refusal(400, 'This is no id of a chat.')
  const asked = toUserMessage(message)
  const chat = chats.get(id)
  if (chat?.running) throw new Refusal(409, 'An answer is being written in this chat already.')
  const known = chat?.messages ?? []
  const at = known.findIndex((each) => each.id === asked.id)
  await sendStream(response, await answers.ask(id, [...(at === -1 ? known : known.slice(0, at)), asked]))
}

/**
 * What useChat asks for when a page opens: the running answer from its beginning, or 204.
 *
 * @param {Request} _
 * @param {Response} response
 * @param {string} id
 */
async function resume(_, response, id) {
  const stream = await answers.follow(id)
  if (stream) await sendStream(response, stream)
  else response.writeHead(204).end()
}

/**
 * Names the answer that is to be stopped, so that a click which comes late does not stop the next one.
 *
 * @param {Request} request
 * @param {Response} response
 * @param {string} id
 */
async function stop(request, response, id) {
  const { messageId } = await readJson(request)
  await answers.stop(id, String(messageId))
  sendJson(response, 200, {})
}

/**
 * @param {any} message
 * @returns {Message}
 */
function toUserMessage(message) {
  const text = message?.parts?.find?.((/** @type {any} */ part) => part?.type === 'text')?.text
  if (typeof text !== 'string' || text.trim() === '' || !/^[\w-]{1,64}$/.test(String(message.id)))
    throw new Refusal(400, 'A message with some text is needed.')
  return { id: message.id, role: 'user', parts: [{ type: 'text', text }] }
}

/**
 * @param {Request} request
 * @returns {Promise<any>}
 */
async function readJson(request) {
  // What another site's form could send is not taken.
  if (!request.headers['content-type']?.startsWith('application/json')) throw new Refusal(415, 'Send JSON.')
  let text = ''
  for await (const piece of request.setEncoding('utf8')) {
    text += piece
    if (text.length > bodyBytesMax) throw new Refusal(413, 'That is too long.')
  }
  try {
    return JSON.parse(text) ?? {}
  } catch {
    throw new Refusal(400, 'That is not JSON.')
  }
}

/**
 * @param {Response} response
 * @param {number} status
 * @param {unknown} value
 */
function sendJson(response, status, value) {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' })
  response.end(JSON.stringify(value))
}

/**
 * @param {Response} response
 * @param {ReadableStream<import('ai').UIMessageChunk>} stream
 */
async function sendStream(response, stream) {
  await pipeUIMessageStreamToResponse({ response, stream, keepAliveMs })
}

/**
 * @param {Request} request
 * @param {Response} response
 */
async function serve(request, response) {
  const path = new URL(request.url ?? '/', 'http://localhost').pathname
  try {
    for (const [method, pattern, run] of routes) {
      const match = pattern.exec(path)
      if (match && request.method === method) return await run(request, response, match[1] ?? '')
    }
    if (request.method !== 'GET' || !page.send(path, response)) throw new Refusal(404, 'There is nothing here.')
  } catch (error) {
    if (response.headersSent) return response.destroy()
    const status = error instanceof Refusal ? error.status : 502
    const message = error instanceof Refusal ? error.message : 'The gateway could not be reached.'
    if (status === 502) process.stderr.write(`${request.method} ${path}: ${String(error)}\n`)
    sendJson(response, status, { message })
  }
}

const server = createServer((request, response) => void serve(request, response))
server.listen(Number(env['PORT'] ?? 3000), env['HOST'] ?? '127.0.0.1', () => {
  const { address, port } = /** @type {import('node:net').AddressInfo} */ (server.address())
  process.stdout.write(`The chat is at http://${address}:${port}, and asks the gateway at ${gateway.url}.\n`)
  void answers.pickUp()
})
