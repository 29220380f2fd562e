/** What callers send about subscriptions, read and checked; and how they are told no, in the words of the protocol. */
import type { FaultCode } from '../../fault/code.ts'
import { Fault } from '../../fault/fault.ts'
import { webhookProblem } from '../../ground/webhook-url.ts'
import type { Position } from '../../store/stream-store.ts'
import { parseOffset } from '../durable-streams/offset.ts'
import { isName } from '../durable-streams/stream-target.ts'
import type { Ack, SubscriptionConfig } from './subscription.ts'

/** The protocol's words, its status, and our own name for it. */
const refusals = {
  INVALID_REQUEST: [400, 'HF_STREAM_REQUEST'],
  WEBHOOK_URL_REJECTED: [400, 'HF_STREAM_REQUEST'],
  TOKEN_INVALID: [401, 'HF_KEY_UNKNOWN'],
  TOKEN_EXPIRED: [401, 'HF_KEY_UNKNOWN'],
  SUBSCRIPTION_NOT_FOUND: [404, 'HF_STREAM_UNKNOWN'],
  SUBSCRIPTION_ALREADY_EXISTS: [409, 'HF_STREAM_EXISTS'],
  FENCED: [409, 'HF_STREAM_FENCED'],
  ALREADY_CLAIMED: [409, 'HF_STREAM_CONFLICT'],
  NO_PENDING_WORK: [409, 'HF_STREAM_CONFLICT'],
  INVALID_OFFSET: [409, 'HF_STREAM_CONFLICT'],
  TOO_MANY: [429, 'HF_STREAM_FULL'],
} as const satisfies Record<string, readonly [status: number, code: FaultCode]>

/** A no to a caller. */
export class Refusal extends Error {
  readonly fault: Fault
  /** For the body. */
  readonly words: Readonly<Record<string, unknown>>

  constructor(code: keyof typeof refusals, message: string, more: object = {}) {
    super(message)
    const [status, kind] = refusals[code]
    this.fault = new Fault(kind, { status, detail: message })
    this.words = { code, message, ...more }
  }
}

const leaseMsDefault = 30_000
const leaseMsLeast = 1000
const leaseMsMost = 600_000
const textLengthMax = 2048

type Fields = Readonly<Record<string, unknown>>

/** @throws {Refusal} INVALID_REQUEST */
export function parseFields(body: Buffer): Fields {
  let value: unknown
  try {
    value = body.length === 0 ? {} : JSON.parse(body.toString())
  } catch {
    throw invalid('the body is not JSON')
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid('the body is no JSON object')
  return value as Fields
}

/** @throws {Refusal} INVALID_REQUEST, WEBHOOK_URL_REJECTED, TOO_MANY */
export function parseConfig(
  fields: Fields,
  limits: { readonly localWebhooks: boolean; readonly subscriptionStreamsMax: number },
): SubscriptionConfig {
  const { type, webhook } = fields
  if (type !== 'webhook' && type !== 'pull-wake') throw invalid('type is `webhook` or `pull-wake`')
  const pattern = optionalName(fields['pattern'], 'pattern')
  const streams = fields['streams'] === undefined ? [] : parseStreams(fields['streams'])
  if (pattern === null && streams.length === 0) throw invalid('there is neither a pattern nor streams')
  if (streams.length > limits.subscriptionStreamsMax)
    throw new Refusal('TOO_MANY', `a subscription has at most ${limits.subscriptionStreamsMax} streams`)
  const leaseMs = fields['lease_ttl_ms'] ?? leaseMsDefault
  if (!Number.isInteger(leaseMs) || (leaseMs as number) < leaseMsLeast || (leaseMs as number) > leaseMsMost)
    throw invalid(`lease_ttl_ms is a whole number from ${leaseMsLeast} to ${leaseMsMost}`)
  const webhookUrl = type === 'webhook' ? text((webhook as Fields | undefined)?.['url'], 'webhook.url') : null
  const problem = webhookUrl === null ? null : webhookProblem(webhookUrl, limits.localWebhooks)
  if (problem !== null) throw new Refusal('WEBHOOK_URL_REJECTED', `webhook.url ${problem}`)
  const wakeStream = optionalName(fields['wake_stream'], 'wake_stream')
  if (type === 'pull-wake' && wakeStream === null) throw invalid('a pull-wake subscription needs a wake_stream')
  const description = fields['description'] === undefined ? null : text(fields['description'], 'description')
  return { type, pattern, streams, webhookUrl, wakeStream, leaseMs: leaseMs as number, description }
}

/** Names of streams, sorted, each once. @throws {Refusal} INVALID_REQUEST */
export function parseStreams(value: unknown): string[] {
  if (!Array.isArray(value)) throw invalid('streams is an array of names')
  return [...new Set(value.map((each) => nameOf(each, 'streams')))].sort()
}

export interface WorkReport {
  readonly generation: unknown
  readonly wakeId: unknown
  readonly acks: readonly Ack[]
  readonly isDone: boolean
}

/** What a worker says of its wake. @throws {Refusal} INVALID_REQUEST, INVALID_OFFSET */
export function parseReport(fields: Fields): WorkReport {
  const acks = fields['acks'] ?? []
  if (!Array.isArray(acks)) throw invalid('acks is an array')
  return {
    generation: fields['generation'],
    wakeId: fields['wake_id'],
    isDone: fields['done'] === true,
    acks: acks.map((ack: Fields | null) => ({
      name: nameOf(ack?.['stream'] ?? ack?.['path'], 'acks[].stream'),
      at: positionOf(ack?.['offset']),
    })),
  }
}

/** @throws {Refusal} INVALID_REQUEST */
export function parseWorker(fields: Fields): string {
  return text(fields['worker'], 'worker')
}

function positionOf(value: unknown): Position {
  const position = typeof value === 'string' ? parseOffset(value) : null
  if (!position) throw new Refusal('INVALID_OFFSET', 'acks[].offset is no offset of a stream')
  return position
}

function text(value: unknown, field: string): string {
  if (typeof value !== 'string' || value === '' || value.length > textLengthMax)
    throw invalid(`${field} is a text of 1 to ${textLengthMax} characters`)
  return value
}

/** With or without slashes at its ends. */
function nameOf(value: unknown, field: string): string {
  const name = text(value, field).replace(/^\/+|\/+$/g, '')
  if (!isName(name)) throw invalid(`${field} does not name a stream`)
  return name
}

function optionalName(value: unknown, field: string): string | null {
  return value === undefined || value === null || value === '' ? null : nameOf(value, field)
}

function invalid(message: string): Refusal {
  return new Refusal('INVALID_REQUEST', message)
}
