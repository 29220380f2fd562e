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
import { type Observer, refusalFact } from '../observe/observer.ts'
import type { RelayPlane } from '../relay/relay.ts'
import type { JournalCursor } from '../store/journal.ts'
import { type AnswerPath, readCursor } from './answer-path.ts'
import { HttpReply } from './http-reply.ts'
import { rayIn, responseEnded, responseInProgress, responseStopped } from './response-object.ts'

/** How soon an answer that somebody waits for is looked at again: at first, and once it takes long. */
const waitMs = 50
const waitMsMax = 1000
/** Before the connection of an EventSource is broken: so that it does not come back in a hot loop. */
const holdMs = 1000
/** How long a cancel is waited for before the answer is told as it stands. */
const cancelMs = 5000
/** Longer ids are nobody's. */
const idLengthMax = 512

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
  readonly requestId: string | null
  readonly beganMs: number
  /** Names and values in turn, for every answer. */
  readonly headers: readonly string[]
  readonly caller: string
  readonly path: AnswerPath
  readonly query: URLSearchParams
  /** Writes the answer for a fault. `ray`: of the answer that failed, where that is not this reading. */
  readonly answerFault: (fault: Fault, ray?: Ray) => void
}

/** Serves one such request to its end. */
export async function serveAnswer(parts: AnswerDoorParts, visit: AnswerVisit): Promise<void> {
  const serving = new AnswerServing(parts, visit)
  try {
    await serving.serve()
  } catch (thrown) {
    const fault = toFault(thrown)
    const { observer, clock } = parts
    const { request, response, ray, requestId, beganMs, answerFault } = visit
    if (fault.status >= 500 && isEventSource(request)) clock.after(holdMs, () => response.destroy())
    else answerFault(fault, serving.failedRay ?? ray)
    const told = refusalFact(fault, ray, 'answers', clock.nowMs(), clock.monotonicMs() - beganMs)
    observer.settled({ ...told, requestId })
  }
}

function isEventSource({ headers }: IncomingMessage): boolean {
  return headers.accept?.includes('text/event-stream') ?? false
}

class AnswerServing {
  /** Of the answer that is read, once it is known that it failed: there stands why. */
  failedRay: Ray | null = null
  #parts: AnswerDoorParts
  #visit: AnswerVisit

  constructor(parts: AnswerDoorParts, visit: AnswerVisit) {
    this.#parts = parts
    this.#visit = visit
  }

  async serve(): Promise<void> {
    const { request, path, query } = this.#visit
    const { method = '' } = request
    const allowed = path.isCancel ? ['POST'] : ['GET', 'HEAD', 'DELETE']
    if (!allowed.includes(method)) throw new Fault('HF_METHOD_UNKNOWN', { param: allowed.join(', ') })
    const cursor = await this.#look()
    if (path.isCancel) return await this.#cancel(cursor)
    if (method === 'DELETE') return await this.#remove(cursor)
    const after = readCursor(query, request.headers['last-event-id'] as string | undefined)
    const wantsStream = query.get('stream') === 'true' || isEventSource(request) || after !== null
    if (wantsStream && query.get('stream') !== 'false') this.#stream(cursor, after ?? -1)
    else if (method === 'HEAD') this.#send(cursor, 200, null, 'application/json')
    else await this.#whole(cursor)
  }

  /** @throws {Fault} HF_ANSWER_UNKNOWN, HF_ANSWER_EXPIRED */
  async #look(): Promise<JournalCursor> {
    const { path, caller } = this.#visit
    if (path.id.length > idLengthMax) throw new Fault('HF_ANSWER_UNKNOWN')
    const cursor = await this.#parts.relay.look(rayIn(path.id), caller)
    if (path.route !== null && cursor.info.route !== path.route) throw new Fault('HF_ANSWER_UNKNOWN')
    return cursor
  }

  #stream(cursor: JournalCursor, after: number): void {
    const { info, count, outcome } = cursor
    const { request, response, headers, answerFault } = this.#visit
    const { clock, relay, observer, stalledReaderMs } = this.#parts
    if (!info.isStream) throw new Fault('HF_NOT_RESUMABLE', { param: 'stream' })
    if (after >= count && after >= 0)
      throw new Fault('HF_CURSOR_INVALID', { param: 'after', detail: `the answer has ${count} events so far` })
    // To an EventSource 204 is the word for: all has been said, do not come back.
    if (outcome !== null && after === count - 1) return this.#send(cursor, 204, null)
    if (request.method === 'HEAD') return this.#send(cursor, 200, null, 'text/event-stream; charset=utf-8')
    const { ray } = cursor.info
    const onStalled = (): void => observer.recorder.note({ kind: 'client', ray, state: 'stalled' })
    let failed: Fault | null = null
    const fail = (fault: Fault, answerRay?: Ray): void => {
      failed = fault
      answerFault(fault, answerRay)
    }
    const reply = new HttpReply(response, clock, { stalledMs: stalledReaderMs, headers, fail, onStalled })
    const onEnded = (sentBytes: number, how: string): void =>
      this.#account(cursor, sentBytes, how === 'gone' ? 499 : 200, failed)
    relay.read(cursor, { next: after + 1, isStream: true, reply, onEnded })
  }

  /** The answer as one object. One that is under way is waited for, but a response says how it stands. */
  async #whole(cursor: JournalCursor): Promise<void> {
    const { relay } = this.#parts
    const { info } = cursor
    const route = info.route as Route
    if (route === 'responses') return this.#send(cursor, 200, await this.#responseObject(cursor))
    await this.#untilEnded(cursor, Number.POSITIVE_INFINITY)
    const events = await relay.events(cursor)
    const last = events.at(-1)
    if (!last) throw new Fault('HF_INTERNAL', { detail: 'the answer ended without a word' })
    if (cursor.outcome !== 'complete') {
      this.failedRay = info.ray
      throw isErrorEvent(last) ? readErrorEvent(last) : new Fault('HF_UPSTREAM_CUT')
    }
    this.#send(cursor, 200, info.isStream ? assemble(route, events) : last)
  }

  async #responseObject(cursor: JournalCursor): Promise<Buffer> {
    const events = await this.#parts.relay.events(cursor)
    const { info, outcome } = cursor
    const last = events.at(-1)
    if (outcome === 'complete' && last && !info.isStream) return last
    const fault = last && isErrorEvent(last) ? readErrorEvent(last) : null
    const said = fault ? events.slice(0, -1) : events
    const begun = info.isStream && said.length > 0 ? assemble('responses', said) : null
    if (outcome === 'complete' && begun) return responseEnded(info, begun)
    const { id } = this.#visit.path
    return outcome === null ? responseInProgress(info, id, begun) : responseStopped(info, id, outcome, begun, fault)
  }

  /** Looks now and then until the answer has ended, the caller has left, or the time is over. */
  async #untilEnded(cursor: JournalCursor, limitMs: number): Promise<void> {
    const { clock } = this.#parts
    const { response } = this.#visit
    const endMs = clock.monotonicMs() + limitMs
    let pauseMs = waitMs
    while (!response.destroyed) {
      if ((await cursor.read(cursor.count, 1)) === null) throw new Fault('HF_ANSWER_EXPIRED')
      if (cursor.outcome !== null || clock.monotonicMs() >= endMs) return
      const { promise, resolve } = Promise.withResolvers<void>()
      clock.after(pauseMs, resolve)
      await promise
      pauseMs = Math.min(pauseMs * 1.25, waitMsMax)
    }
    throw new Fault('HF_CLIENT_GONE')
  }

  async #cancel(cursor: JournalCursor): Promise<void> {
    const { relay } = this.#parts
    const { info } = cursor
    await relay.cancel(info.ray, this.#visit.caller)
    await this.#untilEnded(cursor, cancelMs)
    if (info.route === 'responses') return this.#send(cursor, 200, await this.#responseObject(cursor))
    const status = cursor.outcome ?? 'cancelling'
    this.#sendObject(cursor, { id: this.#visit.path.id, object: 'answer', ray: info.ray, status })
  }

  async #remove(cursor: JournalCursor): Promise<void> {
    const { info } = cursor
    await this.#parts.relay.remove(info.ray, this.#visit.caller)
    const object = { responses: 'response', chat: 'chat.completion.deleted' }[info.route] ?? 'answer.deleted'
    this.#sendObject(cursor, { id: this.#visit.path.id, object, deleted: true })
  }

  #sendObject(cursor: JournalCursor, value: object): void {
    this.#send(cursor, 200, Buffer.from(JSON.stringify(value)))
  }

  /** `body` null: only the head, which names `type` if there is one. */
  #send(cursor: JournalCursor, status: number, body: Buffer | null, type?: string): void {
    const { response, headers } = this.#visit
    const named = body ? 'application/json' : type
    response.writeHead(status, [
      ...withRay(headers, cursor.info.ray),
      ...(named === undefined ? [] : ['content-type', named]),
      ...(body ? ['content-length', String(body.length)] : []),
      'cache-control',
      'no-store',
    ])
    response.end(body ?? undefined)
    this.#account(cursor, body?.length ?? 0, status)
  }

  #account({ info, count }: JournalCursor, sentBytes: number, status: number, failed: Fault | null = null): void {
    const { clock, observer } = this.#parts
    const { ray, requestId, beganMs } = this.#visit
    const isGone = status === 499
    const code = failed?.code ?? (isGone ? 'HF_CLIENT_GONE' : null)
    observer.settled({
      ...refusalFact(new Fault('HF_CLIENT_GONE'), ray, 'answers', clock.nowMs(), clock.monotonicMs() - beganMs),
      requestId,
      model: info.model,
      caller: info.caller,
      isStream: info.isStream,
      outcome: failed ? 'failed' : isGone ? 'cancelled' : 'complete',
      status: failed?.status ?? status,
      code,
      detail: failed?.detail ?? '',
      sentBytes,
      eventCount: count,
    })
  }
}

/** The headers of every answer with the ray of the answer that is read, and not that of the reading. */
export function withRay(headers: readonly string[], ray: Ray): string[] {
  return headers.map((value, i) => (headers[i - 1] === 'holdfast-ray' ? ray : value))
}
