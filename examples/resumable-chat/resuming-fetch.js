/**
 * A `fetch` for AI SDK providers (and whatever else reads chat completions as a stream) whose answers do not break.
 *
 * Holdfast numbers the events of an answer (`id:`) and keeps them under the ray that the response header `holdfast-ray`
 * names. When the connection breaks, or the gateway process behind it dies, this fetch asks for the rest:
 *
 *     GET {same URL}/{ray}?stream=true
 *     Last-Event-ID: {number of the last event that came}
 *
 * and goes on in the same body. Whoever reads that body gets every event once and whole, and notices nothing.
 *
 *     const model = createOpenAICompatible({ name: 'holdfast', baseURL, fetch: resumingFetch() })('tiny')
 */
// @ts-check
import { setTimeout as wait } from 'node:timers/promises'

/**
 * @typedef {object} ResumingOptions
 * @property {string} [ray] Read this answer, which runs or is kept, from its first event: then whatever request the
 *   SDK makes is only a pretext, its body is not sent, and the model is not asked again.
 * @property {(ray: string) => void} [onRay] Is told the ray as soon as the gateway has named it.
 * @property {number} [triesMax] How often to ask for the rest before a new event comes. Default 12, which with
 *   the waits takes about 25 seconds.
 * @property {number} [waitMs] Before the second try; doubled each time. The first try is made at once. Default 100.
 * @property {number} [waitMsMax] Default 5000.
 * @property {number} [silenceMs] A connection that brings nothing for so long, not even a comment, counts as broken.
 *   Default 90000.
 * @property {typeof fetch} [fetch] Default: the global one.
 * @property {(ms: number, signal: AbortSignal) => Promise<void>} [pause] Waits; for tests.
 */

/** @typedef {{ triesMax: number, waitMs: number, waitMsMax: number, silenceMs: number }} Patience */
/** @typedef {{ text: string, id: number | null, isEnd: boolean, isError: boolean }} StreamEvent */
/** @typedef {(lastId: number | null) => Promise<Response>} Ask Asks for what comes after that event. */

/** The rest of an answer could not be had. What had come until then was right, but is not the whole answer. */
export class AnswerLost extends Error {
  /**
   * @param {string} message
   * @param {{ ray: string, isFinal: boolean, cause?: unknown }} about `isFinal`: the gateway does not have the answer.
   *   Otherwise the gateway could not be reached, and may still have it: ask again later.
   */
  constructor(message, { ray, isFinal, cause }) {
    super(message, { cause })
    this.name = 'AnswerLost'
    this.ray = ray
    this.isFinal = isFinal
  }
}

/** Longest event that is waited for, in characters. */
const eventLengthMax = 8 * 1024 * 1024

/**
 * @param {ResumingOptions} [options]
 * @returns {typeof fetch}
 */
export function resumingFetch(options = {}) {
  const { ray: knownRay, onRay, fetch: send = fetch, pause = defaultPause } = options
  const { triesMax = 12, waitMs = 100, waitMsMax = 5000, silenceMs = 90_000 } = options
  const patience = { triesMax, waitMs, waitMsMax, silenceMs }

  return async (input, init = {}) => {
    const url = input instanceof Request ? input.url : String(input)
    const reader = new AbortController()
    const signal = init.signal ? AbortSignal.any([init.signal, reader.signal]) : reader.signal

    /** @type {(ray: string) => Ask} */
    const askFor = (ray) => async (lastId) => {
      const headers = new Headers(init.headers)
      for (const name of ['content-type', 'content-length', 'idempotency-key']) headers.delete(name)
      headers.set('accept', 'text/event-stream')
      if (lastId !== null) headers.set('last-event-id', String(lastId))
      return await send(`${url}/${encodeURIComponent(ray)}?stream=true`, { headers, signal })
    }
    /** @type {(response: Response, ray: string) => Response} */
    const unbroken = (response, ray) => {
      const ask = withPatience(askFor(ray), { ray, patience, pause, signal })
      const events = eventsOf(response, ask, { ray, silenceMs, signal })
      return new Response(toBody(events, reader), { status: response.status, headers: response.headers })
    }

    if (knownRay !== undefined) {
      const ask = withPatience(askFor(knownRay), { ray: knownRay, patience, pause, signal })
      return unbroken(await ask(null), knownRay)
    }
    const response = await send(input, { ...init, signal })
    const ray = response.headers.get('holdfast-ray')
    const isStream = response.headers.get('content-type')?.startsWith('text/event-stream')
    if (ray === null || !response.ok || !isStream) return response
    onRay?.(ray)
    return unbroken(response, ray)
  }
}

/**
 * The answer's events, each whole and once, over as many connections as it takes.
 *
 * @param {Response} first
 * @param {Ask} ask
 * @param {{ ray: string, silenceMs: number, signal: AbortSignal }} about
 * @returns {AsyncGenerator<string, void>}
 */
async function* eventsOf(first, ask, { ray, silenceMs, signal }) {
  /** @type {number | null} */
  let lastId = null
  let hasBegun = false
  for (let response = first; ; response = await ask(lastId)) {
    /** @type {unknown} */
    let cause
    try {
      for await (const event of readEvents(response, silenceMs)) {
        // Whatever comes a second time is not passed on, should a gateway begin again at the first event.
        if (event.id !== null && lastId !== null && event.id <= lastId) continue
        // Among numbered events, an error without a number is the gateway's own: it has to leave, the answer has not.
        if (event.isError && event.id === null && (lastId !== null || !hasBegun)) break
        lastId = event.id ?? lastId
        hasBegun = true
        yield event.text
        if (event.isError || event.isEnd) return
      }
      // There is nothing behind the last event.
      if (response.status === 204) return
    } catch (error) {
      cause = error
    }
    signal.throwIfAborted()
    if (hasBegun && lastId === null) {
      throw new AnswerLost('The connection broke, and the events bore no numbers to go on from.', {
        ...{ ray, cause, isFinal: false },
      })
    }
  }
}

/**
 * Asks again while the gateway is not there, in growing intervals. Tries without a new event are counted over the whole
 * answer, so that a gateway which accepts and drops connections is left at some time as well.
 *
 * @param {Ask} ask
 * @param {{ ray: string, patience: Patience, pause: (ms: number, signal: AbortSignal) => Promise<void>,
 *   signal: AbortSignal }} about
 * @returns {Ask}
 */
function withPatience(ask, { ray, patience, pause, signal }) {
  const { triesMax, waitMs, waitMsMax } = patience
  let tries = 0
  /** @type {number | null | undefined} */
  let triedAfter
  return async (lastId) => {
    if (lastId !== triedAfter) tries = 0
    triedAfter = lastId
    /** @type {unknown} */
    let cause
    while (tries++ < triesMax) {
      // A part of the wait is left to chance, lest all readers of a gateway come back to it at the same moment.
      if (tries > 1) await pause(Math.min(waitMsMax, waitMs * 2 ** (tries - 2)) * (0.5 + Math.random() / 2), signal)
      try {
        const response = await ask(lastId)
        if (response.ok) return response
        const words = await wordsOf(response)
        if (!mayPass(response.status)) throw new AnswerLost(words, { ray, isFinal: true })
        cause = new Error(words)
      } catch (error) {
        signal.throwIfAborted()
        if (error instanceof AnswerLost) throw error
        cause = error
      }
    }
    throw new AnswerLost(`The gateway could not be reached in ${triesMax} tries.`, { ray, isFinal: false, cause })
  }
}

/** @param {number} status Whether a refusal may be another answer the next time. */
function mayPass(status) {
  return status >= 500 || status === 429 || status === 408
}

/** @param {Response} response What the gateway says of the error, in one sentence. */
async function wordsOf(response) {
  const text = (await response.text()).slice(0, 10_000)
  try {
    return String(JSON.parse(text).error.message)
  } catch {
    return `The gateway answered ${response.status}.`
  }
}

/**
 * The whole events of one connection. A piece of an event that the break left behind is dropped: it comes again.
 *
 * @param {Response} response
 * @param {number} silenceMs
 * @returns {AsyncGenerator<StreamEvent, void>}
 */
async function* readEvents(response, silenceMs) {
  if (!response.body) return
  const chunks = response.body.pipeThrough(new TextDecoderStream()).getReader()
  const watch = setTimeout(() => void chunks.cancel().catch(() => {}), silenceMs)
  let rest = ''
  try {
    for (;;) {
      const { done, value } = await chunks.read()
      if (done) return
      watch.refresh()
      rest += value
      for (let end = endOfEvent(rest); end > 0; end = endOfEvent(rest)) {
        yield toEvent(rest.slice(0, end))
        rest = rest.slice(end)
      }
      if (rest.length > eventLengthMax) throw new Error('an event without an end')
    }
  } finally {
    clearTimeout(watch)
    void chunks.cancel().catch(() => {})
  }
}

/** @param {string} text Where the first event ends, behind its empty line; 0 while its end has not come. */
function endOfEvent(text) {
  const match = /\n\n|\r\n\r\n/.exec(text)
  return match ? match.index + match[0].length : 0
}

/**
 * @param {string} text
 * @returns {StreamEvent}
 */
function toEvent(text) {
  const id = /^id: ?(\d+)\r?$/m.exec(text)?.[1]
  const data = /^data: ?(.*?)\r?$/m.exec(text)?.[1] ?? ''
  return { text, id: id === undefined ? null : Number(id), isEnd: data === '[DONE]', isError: isError(data) }
}

/** @param {string} data Whether it says that the answer has broken for good, and ends here. */
function isError(data) {
  // Most events need no look inside.
  if (!data.includes('"error"')) return false
  try {
    return Boolean(JSON.parse(data).error)
  } catch {
    return false
  }
}

/**
 * @param {AsyncGenerator<string, void>} events
 * @param {AbortController} reader Is told when the reader of the body leaves.
 * @returns {ReadableStream<Uint8Array>}
 */
function toBody(events, reader) {
  const encoder = new TextEncoder()
  return new ReadableStream({
    async pull(controller) {
      try {
        const { done, value } = await events.next()
        if (reader.signal.aborted) return
        if (done) controller.close()
        else controller.enqueue(encoder.encode(value))
      } catch (error) {
        controller.error(error)
      }
    },
    async cancel(reason) {
      reader.abort(reason)
      await events.return()
    },
  })
}

/** @type {(ms: number, signal: AbortSignal) => Promise<void>} */
async function defaultPause(ms, signal) {
  await wait(ms, undefined, { signal })
}
