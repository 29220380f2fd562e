/** From a request and its body to the order for the relay: who asks what, and how the answer is to be kept. */
import type { IncomingHttpHeaders } from 'node:http'
import type { Call, Route } from '../dialect/call.ts'
import { readCall } from '../dialect/read-call.ts'
import { Fault } from '../fault/fault.ts'
import type { Ray } from '../fault/ray.ts'
import type { Trace } from '../observe/trace-context.ts'
import type { CacheRules } from '../relay/cache-wish.ts'
import type { Order } from '../relay/order.ts'
import { type Caller, callerKey } from './caller.ts'
import { readCacheWish, wantsCache } from './read-cache-wish.ts'
import { responseId } from './response-object.ts'
import { readTier, readTimeLimits } from './urgency.ts'

/** Longer baggage stays behind (W3C Baggage: what must be passed on at least). */
const baggageLengthMax = 8192
/** What is longer is told apart by its beginning. */
const sessionLengthMax = 256
const idempotencyKeyShape = /^[\x21-\x7e]{1,255}$/

export interface OrderParts {
  readonly ray: Ray
  readonly route: Route
  readonly caller: Caller
  readonly requestId: string | null
  readonly trace: Trace | null
  readonly beganMs: number
  /** Our name in `via`. */
  readonly node: string
  /** Where neither the caller's key nor the request says otherwise. */
  readonly onDisconnect: 'cancel' | 'detach'
  readonly cache: CacheRules
}

export interface ReadOrder {
  readonly order: Order
  /** The caller wants an id at once, and comes back for the answer. */
  readonly isBackground: boolean
  /** Why it goes past the cache though it wanted it; null where it does not, or never wanted it. */
  readonly bypass: string | null
}

/** @throws {Fault} HF_BAD_JSON, HF_BAD_CALL, HF_MODEL_FORBIDDEN */
export function readOrder(body: Buffer, headers: IncomingHttpHeaders, parts: OrderParts): ReadOrder {
  const { ray, route, caller, requestId, trace, beganMs, node, onDisconnect } = parts
  const asked = readCall(route, body, headers as Record<string, string | undefined>)
  if (caller.models && !caller.models.has(asked.model)) throw new Fault('HF_MODEL_FORBIDDEN', { param: 'model' })
  const isBackground = route === 'responses' && asked.body.boolean('background') === true
  const isKept = isStored(asked)
  if (isBackground && !isKept)
    throw new Fault('HF_BAD_CALL', { param: 'store', detail: 'what runs in the background is stored' })
  const call = isBackground ? inForeground(asked) : asked
  const returnsAtOnce = isBackground && !asked.isStream
  const tier = readTier(headers, caller.tier)
  const timeLimits = readTimeLimits(headers, call.isStream)
  const sent = callerKey(headers)
  const wish = wantsCache(headers, caller)
    ? readCacheWish({
        ...{ call, caller, callerKey: sent, headers, tier, timeLimits },
        ...{ options: parts.cache, isStored: isKept, isBackground },
      })
    : null
  const order: Order = {
    ray,
    call,
    via: headers.via ? `${headers.via}, 1.1 ${node}` : `1.1 ${node}`,
    caller: caller.name,
    callerKey: sent,
    requestId,
    trace,
    passedHeaders: passedHeaders(headers),
    beganMs,
    onDisconnect: caller.onDisconnect ?? onDisconnect,
    tier,
    timeLimits,
    isStored: isKept,
    toldId: returnsAtOnce ? responseId(ray) : null,
    cache: typeof wish === 'string' ? null : wish,
    idempotencyKey: readIdempotencyKey(headers),
    session: readSession(headers),
    isRepeated: isRepeated(headers),
    marksSeams: headers['holdfast-seams'] === 'mark',
    mustSameModel: headers['holdfast-continue'] === 'same-model',
  }
  return { order, isBackground: returnsAtOnce, bypass: typeof wish === 'string' ? wish : null }
}

/** Responses are stored unless the caller says no, chat completions only if it says so: as OpenAI has it. */
function isStored({ route, body }: Call): boolean {
  if (route !== 'responses' && route !== 'chat') return false
  const kind = body.kind('store')
  return kind === 'boolean' ? body.boolean('store') === true : route === 'responses'
}

/** Upstreams are asked for a stream, whose events the journal keeps; that it runs in the background is our affair. */
function inForeground({ route, body, headers }: Call): Call {
  const bytes = Buffer.concat(body.with({ background: 'false', stream: 'true' }))
  return readCall(route, bytes, headers)
}

/** Whether the answer to this call may be there already. */
export function mayBeRepeated(headers: IncomingHttpHeaders): boolean {
  return headers['idempotency-key'] !== undefined || isRepeated(headers)
}

function isRepeated(headers: IncomingHttpHeaders): boolean {
  return Number(headers['x-stainless-retry-count'] ?? 0) > 0
}

function readIdempotencyKey(headers: IncomingHttpHeaders): string | null {
  const key = headers['idempotency-key']
  if (key === undefined) return null
  if (typeof key === 'string' && idempotencyKeyShape.test(key)) return key
  throw new Fault('HF_BAD_CALL', {
    param: 'idempotency-key',
    detail: 'an Idempotency-Key has 1 to 255 visible characters',
  })
}

/** `x-session-id` is not ours: others put there what they like, so none is refused. */
function readSession(headers: IncomingHttpHeaders): string | null {
  const named = headers['holdfast-session'] ?? headers['x-session-id']
  return typeof named === 'string' && named !== '' ? named.slice(0, sessionLengthMax) : null
}

const nothing: Readonly<Record<string, string>> = {}

function passedHeaders({ baggage }: IncomingHttpHeaders): Readonly<Record<string, string>> {
  return typeof baggage === 'string' && baggage.length <= baggageLengthMax ? { baggage } : nothing
}
