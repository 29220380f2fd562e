/** Requests about subscriptions: everything below `/v1/stream/__ds/`. */
import type { IncomingMessage } from 'node:http'
import { Fault } from '../../fault/fault.ts'
import { type BodyPurse, readBody } from '../body.ts'
import type { StreamAnswer } from '../durable-streams/stream-answer.ts'
import {
  applyAcks,
  endWake,
  extendLease,
  link,
  newSubscription,
  pendingName,
  type Subscription,
  unlink,
} from './subscription.ts'
import { infosOf, subscriptionAnswer } from './subscription-answer.ts'
import type { Named } from './subscription-book.ts'
import { parseConfig, parseFields, parseReport, parseStreams, parseWorker, Refusal } from './subscription-request.ts'
import { linkInfos } from './subscription.ts'
import type { Subscriptions } from './subscriptions.ts'

const bodyBytesMax = 2 ** 20

export interface ControlVisit {
  readonly request: IncomingMessage
  readonly answer: StreamAnswer
  /** What comes after `__ds/`, by parts. */
  readonly parts: readonly string[]
  /** Asked only where a key is needed. @throws {Fault} HF_KEY_UNKNOWN */
  readonly caller: () => string
  /** Where the caller reaches this gateway. */
  readonly baseUrl: string
  readonly purse: BodyPurse
}

export async function serveControl(subscriptions: Subscriptions, visit: ControlVisit): Promise<void> {
  try {
    await route(subscriptions, visit)
  } catch (thrown) {
    if (!(thrown instanceof Refusal)) throw thrown
    visit.answer.fail(thrown.fault, {}, thrown.words)
  }
}

function route(subscriptions: Subscriptions, visit: ControlVisit): Promise<void> {
  const [area, id, action, ...rest] = visit.parts
  const { method = '' } = visit.request
  if (area === 'jwks.json' && id === undefined) {
    need(method, 'GET')
    return sendKeys(subscriptions, visit)
  }
  if (area !== 'subscriptions' || id === undefined || id.length > 256) throw notFound()
  if (action === undefined) return serveOne(subscriptions, visit, id)
  if (action === 'streams') {
    need(method, rest.length === 0 ? 'POST' : 'DELETE')
    return rest.length === 0
      ? addStreams(subscriptions, visit, id)
      : removeStream(subscriptions, visit, id, rest.join('/'))
  }
  if (rest.length > 0) throw notFound()
  if (action === 'claim' || action === 'callback' || action === 'ack' || action === 'release') need(method, 'POST')
  if (action === 'claim') return claim(subscriptions, visit, id)
  if (action === 'callback' || action === 'ack') return report(subscriptions, visit, id, action)
  if (action === 'release') return release(subscriptions, visit, id)
  throw notFound()
}

async function sendKeys(subscriptions: Subscriptions, { answer }: ControlVisit): Promise<void> {
  const { jwk } = await subscriptions.key
  answer.sendJson(
    200,
    { keys: [jwk] },
    { 'content-type': 'application/jwk-set+json', 'cache-control': 'public, max-age=300' },
  )
}

async function serveOne(subscriptions: Subscriptions, visit: ControlVisit, id: string): Promise<void> {
  const named = { caller: visit.caller(), id }
  switch (visit.request.method ?? '') {
    case 'PUT':
      return create(subscriptions, visit, named)
    case 'GET': {
      const found = await subscriptions.book.get(named)
      if (!found) throw notFound()
      return send(subscriptions, visit, 200, found)
    }
    case 'DELETE':
      await subscriptions.book.remove(named)
      return visit.answer.send(204, {})
    default:
      throw new Fault('HF_METHOD_UNKNOWN', { param: 'GET, PUT, DELETE' })
  }
}

async function create(subscriptions: Subscriptions, visit: ControlVisit, named: Named): Promise<void> {
  const { book, options, clock } = subscriptions
  const config = parseConfig(await fieldsOf(visit), options)
  const found = await book.get(named)
  if (!found) {
    const others = await book.all(named.caller, options.subscriptionsMax)
    if (others.length >= options.subscriptionsMax)
      throw new Refusal('TOO_MANY', `a key has at most ${options.subscriptionsMax} subscriptions`)
    const fresh = newSubscription({ ...named, config, createdMs: clock.nowMs(), baseUrl: visit.baseUrl })
    const names = await subscriptions.matching(fresh)
    const tails = await book.tails(named.caller, [...config.streams, ...names])
    const linksMax = options.subscriptionStreamsMax
    for (const name of config.streams) link(fresh, name, 'isExplicit', tails.get(name) ?? null, linksMax)
    for (const name of names) if (!link(fresh, name, 'isGlob', tails.get(name) ?? null, linksMax)) fresh.leftOut++
    if (await book.create(fresh)) return send(subscriptions, visit, 201, fresh)
  }
  const kept = found ?? (await book.get(named))
  if (!kept || JSON.stringify(kept.config) !== JSON.stringify(config))
    throw new Refusal('SUBSCRIPTION_ALREADY_EXISTS', 'there is a subscription of this id, and it is another')
  return send(subscriptions, visit, 200, kept)
}

async function send(
  subscriptions: Subscriptions,
  { answer }: ControlVisit,
  status: number,
  subscription: Subscription,
): Promise<void> {
  const tails = await subscriptions.book.tails(subscription.caller, Object.keys(subscription.links))
  const body = subscriptionAnswer(subscription, tails, await subscriptions.key)
  answer.sendJson(status, body, { 'cache-control': 'no-store' })
}

async function addStreams(subscriptions: Subscriptions, visit: ControlVisit, id: string): Promise<void> {
  const named = { caller: visit.caller(), id }
  const names = parseStreams((await fieldsOf(visit))['streams'])
  const linksMax = subscriptions.options.subscriptionStreamsMax
  const isAll = await subscriptions.book.change(named, names, (subscription, tails) => {
    const missing = names.filter((name) => !(name in subscription.links))
    if (Object.keys(subscription.links).length + missing.length > linksMax) return false
    for (const name of names) link(subscription, name, 'isExplicit', tails.get(name) ?? null, linksMax)
    return true
  })
  if (isAll === null) throw notFound()
  if (!isAll) throw new Refusal('TOO_MANY', `a subscription has at most ${linksMax} streams`)
  visit.answer.send(204, {})
}

async function removeStream(
  subscriptions: Subscriptions,
  visit: ControlVisit,
  id: string,
  name: string,
): Promise<void> {
  const named = { caller: visit.caller(), id }
  const isDone = await subscriptions.book.change(named, [], (subscription) => {
    unlink(subscription, name)
    return true
  })
  if (isDone === null) throw notFound()
  visit.answer.send(204, {})
}

async function claim(subscriptions: Subscriptions, visit: ControlVisit, id: string): Promise<void> {
  const named = { caller: visit.caller(), id }
  const worker = parseWorker(await fieldsOf(visit))
  const claimed = await subscriptions.book.change(named, [], (subscription, tails) => {
    needPull(subscription)
    const { holder, generation, config } = subscription
    if (holder !== null)
      throw new Refusal('ALREADY_CLAIMED', 'another worker is at it', { current_holder: holder, generation })
    if (pendingName(subscription, tails) === null) throw new Refusal('NO_PENDING_WORK', 'there is no work')
    // Whoever claims need not be told by an event.
    subscriptions.nextWake(subscription, tails)
    subscription.holder = worker
    extendLease(subscription, subscriptions.clock.nowMs())
    return {
      wake_id: subscription.wake?.id,
      generation: subscription.generation,
      streams: infosOf(linkInfos(subscription, tails)),
      lease_ttl_ms: config.leaseMs,
    }
  })
  if (!claimed) throw notFound()
  const token = await subscriptions.token(named, claimed.generation)
  visit.answer.sendJson(200, { ...claimed, token }, { 'cache-control': 'no-store' })
}

/** How far a worker has come; it keeps its lease, or is done. */
async function report(
  subscriptions: Subscriptions,
  visit: ControlVisit,
  id: string,
  action: 'callback' | 'ack',
): Promise<void> {
  const { caller, generation } = await tokenOf(subscriptions, visit, id)
  const { acks, isDone, ...told } = parseReport(await fieldsOf(visit))
  const next = await subscriptions.book.change({ caller, id }, [], (subscription, tails) => {
    if (action === 'ack') needPull(subscription)
    needCurrent(subscription, generation, told)
    const problem = applyAcks(subscription, acks, tails)
    if (problem !== null) throw new Refusal('INVALID_OFFSET', problem)
    extendLease(subscription, subscriptions.clock.nowMs())
    if (!isDone) return { telling: null }
    endWake(subscription)
    return { telling: subscriptions.nextWake(subscription, tails) }
  })
  if (!next) throw notFound()
  subscriptions.tell(next.telling)
  visit.answer.sendJson(200, { ok: true, next_wake: next.telling !== null }, { 'cache-control': 'no-store' })
}

async function release(subscriptions: Subscriptions, visit: ControlVisit, id: string): Promise<void> {
  const { caller, generation } = await tokenOf(subscriptions, visit, id)
  const told = parseReport(await fieldsOf(visit))
  const next = await subscriptions.book.change({ caller, id }, [], (subscription, tails) => {
    needPull(subscription)
    needCurrent(subscription, generation, told)
    endWake(subscription)
    return { telling: subscriptions.nextWake(subscription, tails) }
  })
  if (!next) throw notFound()
  subscriptions.tell(next.telling)
  visit.answer.send(204, {})
}

function needPull({ config }: Subscription): void {
  if (config.type !== 'pull-wake') throw new Refusal('INVALID_REQUEST', 'this is no pull-wake subscription')
}

/** Whoever was told of an earlier wake has no say in this one. */
function needCurrent(
  { wake, generation }: Subscription,
  tokenGeneration: number,
  told: { readonly generation: unknown; readonly wakeId: unknown },
): void {
  const isCurrent = wake !== null && wake.id === told.wakeId && generation === told.generation
  if (!isCurrent || tokenGeneration !== generation) throw new Refusal('FENCED', 'this wake is over')
}

/** The token says whose subscription it is: a worker needs no key of its own. */
async function tokenOf(
  subscriptions: Subscriptions,
  { request }: ControlVisit,
  id: string,
): Promise<{ caller: string; generation: number }> {
  const token = /^Bearer (\S+)$/i.exec(request.headers.authorization ?? '')?.[1]
  const claim = token === undefined ? null : (await subscriptions.key).readToken(token)
  if (claim?.id !== id) throw new Refusal('TOKEN_INVALID', 'the token is none of this subscription')
  if (claim.untilMs < subscriptions.clock.nowMs()) throw new Refusal('TOKEN_EXPIRED', 'the token is too old')
  return claim
}

function fieldsOf({ request, answer, purse }: ControlVisit): Promise<Readonly<Record<string, unknown>>> {
  return new Promise((resolve, reject) => {
    readBody(request, bodyBytesMax, purse, (fault, body) => {
      if (fault) return reject(fault)
      answer.response.on('close', () => purse.give(body.length))
      try {
        resolve(parseFields(body))
      } catch (thrown) {
        reject(thrown)
      }
    })
  })
}

function need(method: string, wanted: string): void {
  if (method !== wanted) throw new Fault('HF_METHOD_UNKNOWN', { param: wanted })
}

function notFound(): Refusal {
  return new Refusal('SUBSCRIPTION_NOT_FOUND', 'there is no such subscription')
}
