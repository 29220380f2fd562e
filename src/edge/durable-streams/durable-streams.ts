/**
 * Durable streams: the protocol at `/v1/stream/<name>`. A stream belongs to the key that made it; for any other there
 * is none of this name.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Fault, toFault } from '../../fault/fault.ts'
import type { Clock } from '../../ground/clock.ts'
import type { Random } from '../../ground/random.ts'
import type { Log } from '../../observe/log.ts'
import type { StreamStore } from '../../store/stream-store.ts'
import { BodyPurse } from '../body.ts'
import { serveControl } from '../subscriptions/subscription-route.ts'
import { Subscriptions, type WebhookPost } from '../subscriptions/subscriptions.ts'
import { appendStream, removeStream } from './append-stream.ts'
import { createStream } from './create-stream.ts'
import { headStream, readStream } from './read-stream.ts'
import type { ReadOnlySource } from './read-only-source.ts'
import { StreamAnswer, type StreamTelling } from './stream-answer.ts'
import { publicUrl, type StreamDesk, type StreamVisit } from './stream-desk.ts'
import { controlName, parseTarget } from './stream-target.ts'
import type { StreamsOptions } from './streams-options.ts'
import { Waiters } from './waiter.ts'

export interface StreamParts {
  readonly store: StreamStore
  readonly options: StreamsOptions
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  /** Bodies of all requests under way. */
  readonly purse: BodyPurse
  /** How long a reader may take nothing of what waits for it. */
  readonly stalledReaderMs: number
  /** Posts to the webhooks of subscriptions. */
  readonly post: WebhookPost
  /** What is shown as streams but written elsewhere. */
  readonly readOnly?: ReadOnlySource
}

export interface StreamContext extends StreamTelling {
  /** Name of the caller's key. Asked only where one is needed. @throws {Fault} HF_KEY_UNKNOWN */
  readonly caller: () => string
}

export interface DurableStreams extends Disposable {
  handle(request: IncomingMessage, response: ServerResponse, context: StreamContext): void
  /** Readers that wait now. */
  readonly waiterCount: number
  /** Lets all waiting readers go, to come back at their place; who comes later is answered without a wait. */
  drain(): void
}

export function openDurableStreams(parts: StreamParts): DurableStreams {
  const { store, options, clock, random, purse } = parts
  const subscriptions = new Subscriptions(parts)
  const waiters = new Waiters(clock, options.waitersMax)
  const desk: StreamDesk = {
    store,
    clock,
    random,
    options,
    waiters,
    bodyPurse: purse,
    readerPurse: new BodyPurse(options.readersBytesMax),
    stalledMs: parts.stalledReaderMs,
    readOnly: parts.readOnly ?? null,
    onAppend: (caller, name) => subscriptions.onAppend(caller, name),
  }
  const handle: DurableStreams['handle'] = (request, response, context) => {
    const answer = new StreamAnswer(request, response, context, options.allowedOrigin)
    serve(desk, subscriptions, request, answer, context).catch((thrown: unknown) => {
      const fault = toFault(thrown)
      if (fault.code === 'HF_CLIENT_GONE') return void response.destroy()
      if (fault.status >= 500)
        parts.log.warn({ ray: context.context().ray, code: fault.code, detail: fault.detail }, 'stream request failed')
      answer.fail(fault)
    })
  }
  return {
    handle,
    get waiterCount() {
      return waiters.count
    },
    drain: () => waiters.close(),
    [Symbol.dispose]: () => subscriptions[Symbol.dispose](),
  }
}

async function serve(
  desk: StreamDesk,
  subscriptions: Subscriptions,
  request: IncomingMessage,
  answer: StreamAnswer,
  context: StreamContext,
): Promise<void> {
  if (request.method === 'OPTIONS') return answer.preflight()
  const { name, query } = parseTarget(request.url ?? '')
  const [first, ...parts] = name.split('/')
  if (first === controlName) {
    const { caller } = context
    const baseUrl = publicUrl(desk, request)
    return serveControl(subscriptions, { request, answer, parts, caller, baseUrl, purse: desk.bodyPurse })
  }
  const visit: StreamVisit = { request, answer, name, query, caller: context.caller() }
  switch (request.method ?? '') {
    case 'PUT':
      return createStream(desk, visit)
    case 'POST':
      return appendStream(desk, visit)
    case 'GET':
      return readStream(desk, visit)
    case 'HEAD':
      return headStream(desk, visit)
    case 'DELETE':
      return removeStream(desk, visit)
    default:
      throw new Fault('HF_METHOD_UNKNOWN', { param: 'GET, HEAD, POST, PUT, DELETE, OPTIONS' })
  }
}
