/**
 * Reading an answer again: from the beginning or behind the last event that was received, as often and from as many
 * places as one likes; cancelling and deleting it. An answer is found by its ray or by the id it bears, with the key
 * that asked for it.
 *
 * A browser's EventSource gives up for good at the first 5xx and comes back after a broken connection; so where this
 * gateway cannot serve a stream right now it breaks the connection instead.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Route } from '../dialect/call.ts'
import { isErrorEvent, readErrorEvent } from '../dialect/error-event.ts'
import { assemble } from '../dialect/seam/assemble.ts'
import { Fault, toFault } from '../fault/fault.ts'
import type { Ray } from '../fault/ray.ts'
import type { Clock } from '../ground/clock.ts'
import type { ExchangeFact } from '../observe/exchange-fact.ts'
import { type Observer, refusalFact } from '../observe/observer.ts'
import type { RelayPlane } from '../relay/relay.ts'
import type { JournalCursor } from '../store/journal.ts'
import { type AnswerPath, readCursor } from './answer-path.ts'
import { HttpReply } from './http-reply.ts'
import { responseInProgress, responseStopped } from './response-object.ts'

/** How often an answer that somebody waits for is looked at. */
const waitMs = 50
/** Before the connection of an EventSource is broken: so that it does not come back in a hot loop. */
const holdMs = 1000
const noEvents: readonly Buffer[] = []

export interface AnswerDoorParts {
  readonly clock: Clock
  readonly relay: RelayPlane
  readonly observer: Observer
  readonly stalledReaderMs: number
}

export interface AnswerVisit {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly ray: Ray
  readonly beganMs: number
  /** Names and values in turn, for every answer. */
  readonly headers: readonly string[]
  readonly caller: string
  readonly path: AnswerPath
  readonly query: URLSearchParams
  /** Writes the answer for a fault. */
  readonly answerFault: (fault: Fault) => void
}

/** Serves one such request to its end. */
export async function serveAnswer(parts: AnswerDoorParts, visit: AnswerVisit): Promise<void> {
  try {
    await new AnswerServing(parts, visit).serve()
  } catch (thrown) {
    const fault = toFault(thrown)
    const { observer, clock } = parts
    const { request, response, ray, beganMs, answerFault } = visit
    if (fault.status >= 500 && isEventSource(request)) clock.after(holdMs, () => response.destroy())
    else answerFault(fault)
    observer.settled(refusalFact(fault, ray, 'answers', clock.nowMs(), clock.monotonicMs() - beganMs))
  }
}

function isEventSource({ headers }: IncomingMessage): boolean {
  return headers.accept?.includes('text/event-stream') ?? false
}

class AnswerServing {
  #parts: AnswerDoorParts
  #visit: AnswerVisit

  constructor(parts: AnswerDoorParts, visit: AnswerVisit) {
    this.#parts = parts
    this.#visit = visit
  }

  async serve(): Promise<void> {
    const { method } = this.#visit.request
    const { isCancel } = this.#visit.path
    if (isCancel && method !== 'POST') throw new Fault('HF_METHOD_UNKNOWN', { param: 'POST' })
    if (!isCancel && method !== 'GET' && method !== 'HEAD' && method !== 'DELETE')
      throw new Fault('HF_METHOD_UNKNOWN', { param: 'GET, HEAD, DELETE' })
    const cursor = await this.#look()
    if (isCancel) return await this.#cancel(cursor)
    if (method === 'DELETE') return await this.#remove(cursor)
    const { query, request } = this.#visit
    const after = readCursor(query, request.headers['last-event-id'] as string | undefined)
    const wantsStream = query.get('stream') === 'true' || isEventSource(request) || after !== null
    if (wantsStream && query.get('stream') !== 'false') this.#stream(cursor, after ?? -1)
    else await this.#whole(cursor)
  }

  /** @throws {Fault} HF_ANSWER_UNKNOWN, HF_ANSWER_EXPIRED */
  async #look(): Promise<JournalCursor> {
    const { path, caller } = this.#visit
    const cursor = await this.#parts.relay.look(rayIn(path.id), caller)
    if (path.route !== null && cursor.info.route !== path.route) throw new Fault('HF_ANSWER_UNKNOWN')
    return cursor
  }

  #stream(cursor: JournalCursor, after: number): void {
    const { info, count, outcome } = cursor
    const { request, response, headers, answerFault, ray, beganMs } = this.#visit
    const { clock, relay, observer, stalledReaderMs } = this.#parts
    if (!info.isStream) throw new Fault('HF_NOT_RESUMABLE', { param: 'stream' })
    if (after >= count && after >= 0)
      throw new Fault('HF_CURSOR_INVALID', { param: 'after', detail: `the answer has events up to ${count - 1}` })
    const isRead = outcome !== null && after === count - 1 && count > 0
    // To an EventSource 204 is the word for: all has been said, do not come back.
    if (isRead || request.method === 'HEAD') return this.#send(isRead ? 204 : 200, null)
    const reply = new HttpReply(response, clock, { stalledMs: stalledReaderMs, headers, fail: answerFault })
    const onEnded = (sentBytes: number, how: string): void =>
      observer.settled({
        ...refusalFact(new Fault('HF_CLIENT_GONE'), ray, 'answers', clock.nowMs(), clock.monotonicMs() - beganMs),
        ...readFact(cursor, sentBytes, how),
      })
    relay.read(cursor, { next: after + 1, isStream: true, reply, onEnded })
  }

  /** The answer as one object. One that is under way is waited for, but a response says how it stands. */
  async #whole(cursor: JournalCursor): Promise<void> {
    const { relay } = this.#parts
    const { info } = cursor
    const route = info.route as Route
    if (route !== 'responses') await this.#untilEnded(cursor)
    const events = await relay.events(cursor)
    const last = events.at(-1)
    if (route === 'responses') return this.#send(200, this.#responseObject(cursor, events))
    if (!last) throw new Fault('HF_INTERNAL', { detail: 'the answer ended without a word' })
    if (cursor.outcome !== 'complete') throw isErrorEvent(last) ? readErrorEvent(last) : new Fault('HF_UPSTREAM_CUT')
    this.#send(200, info.isStream ? assemble(route, events) : last)
  }

  #responseObject({ info, outcome }: JournalCursor, events: readonly Buffer[]): Buffer {
    const { id } = this.#visit.path
    const last = events.at(-1)
    if (outcome === 'complete' && last && !info.isStream) return last
    const begun = info.isStream ? assemble('responses', events) : null
    if (outcome === 'complete' && begun) return begun
    if (outcome === null) return responseInProgress(info, id, begun)
    return responseStopped(info, id, begun, last && isErrorEvent(last) ? readErrorEvent(last) : null)
  }

  async #untilEnded(cursor: JournalCursor): Promise<void> {
    const { clock } = this.#parts
    const { response } = this.#visit
    while (cursor.outcome === null && !response.destroyed) {
      const { promise, resolve } = Promise.withResolvers<void>()
      clock.after(waitMs, resolve)
      await promise
      if ((await cursor.read(cursor.count, 1)) === null) throw new Fault('HF_ANSWER_EXPIRED')
    }
  }

  async #cancel(cursor: JournalCursor): Promise<void> {
    const { relay } = this.#parts
    const { info } = cursor
    await relay.cancel(info.ray, info.caller)
    if (info.route === 'responses') {
      await this.#untilEnded(cursor)
      return this.#send(200, this.#responseObject(cursor, await relay.events(cursor)))
    }
    await cursor.read(cursor.count, 1)
    const status = cursor.outcome ?? 'cancelling'
    this.#send(200, Buffer.from(JSON.stringify({ id: this.#visit.path.id, object: 'answer', ray: info.ray, status })))
  }

  async #remove({ info }: JournalCursor): Promise<void> {
    await this.#parts.relay.remove(info.ray, info.caller)
    const object = { responses: 'response', chat: 'chat.completion.deleted' }[info.route] ?? 'answer.deleted'
    this.#send(200, Buffer.from(JSON.stringify({ id: this.#visit.path.id, object, deleted: true })))
  }

  #send(status: number, body: Buffer | null): void {
    const { response, headers, request } = this.#visit
    const { clock, observer } = this.#parts
    const type = body ? ['content-type', 'application/json', 'content-length', String(body.length)] : []
    response.writeHead(status, [...headers, ...type, 'cache-control', 'no-store'])
    response.end(request.method === 'HEAD' ? undefined : (body ?? undefined))
    const { ray, beganMs } = this.#visit
    observer.settled({
      ...refusalFact(new Fault('HF_CLIENT_GONE'), ray, 'answers', clock.nowMs(), clock.monotonicMs() - beganMs),
      ...{
        outcome: 'complete',
        status,
        code: null,
        detail: '',
        sentBytes: body?.length ?? 0,
        eventCount: noEvents.length,
      },
    })
  }
}

/** Response ids that we gave hold the ray. */
function rayIn(id: string): string {
  return id.startsWith('resp_') && id.includes('-') ? id.slice('resp_'.length) : id
}

function readFact(cursor: JournalCursor, sentBytes: number, how: string): Partial<ExchangeFact> {
  const { info, count } = cursor
  const isGone = how === 'gone'
  return {
    model: info.model,
    caller: info.caller,
    isStream: true,
    outcome: isGone ? 'cancelled' : 'complete',
    status: isGone ? 499 : 200,
    code: isGone ? 'HF_CLIENT_GONE' : null,
    detail: '',
    sentBytes,
    eventCount: count,
  }
}
