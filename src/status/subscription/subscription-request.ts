/** What somebody asks who wants to be told: read from a form or from JSON, and checked. Pure. */
import { domainToASCII } from 'node:url'
import { webhookProblem } from '../../ground/webhook-url.ts'
import type { Channel } from '../../store/subscription-store.ts'
import type { SubscriptionOptions } from './subscription-options.ts'

const componentsMax = 100
const addressLengthMax = 254
const localLengthMax = 64

export interface SubscriptionRequest {
  readonly channel: Channel
  readonly address: string
  readonly components: readonly string[] | null
  /** Who is reached by it; addresses of mail that differ by `+tag` reach the same person. */
  readonly person: string
}

/** A no, in words for whoever asked. */
export class RequestRefusal extends Error {}

/** Of a form, or of JSON as Statuspage's clients send it. */
export interface RequestFields {
  readonly email?: unknown
  readonly endpoint?: unknown
  readonly webhook?: unknown
  readonly slack?: unknown
  readonly component_ids?: unknown
  readonly component_id?: unknown
}

/** @throws {RequestRefusal} */
export function readRequest(
  fields: RequestFields,
  known: readonly string[],
  options: SubscriptionOptions,
): SubscriptionRequest {
  const components = readComponents(fields, known)
  const url = fields.webhook ?? fields.endpoint
  if (isGiven(fields.slack)) {
    if (!options.slack) throw new RequestRefusal('Slack is not offered here.')
    const address = readSlackUrl(fields.slack, options)
    return { channel: 'slack', address, components, person: address }
  }
  // Before the address of mail: Statuspage wants both of a webhook.
  if (isGiven(url)) {
    if (!options.webhooks) throw new RequestRefusal('Webhooks are not offered here.')
    const address = readWebhookUrl(url, options.localWebhooks)
    return { channel: 'webhook', address, components, person: withoutQuery(address) }
  }
  if (!options.mail) throw new RequestRefusal('Mail is not offered here.')
  const address = readMailAddress(fields.email)
  return { channel: 'email', address, components, person: address.replace(/\+[^@]*@/, '@') }
}

const isGiven = (value: unknown): boolean => value !== undefined && value !== null && value !== ''

/**
 * In lower letters. What SMTP calls a dot-string at a name with a dot: no quotes, comments, lists, literals. Names in
 * other scripts are written in ASCII. @throws {RequestRefusal}
 */
export function readMailAddress(value: unknown): string {
  const no = (): RequestRefusal => new RequestRefusal('This is no address of mail.')
  if (typeof value !== 'string' || value.length > addressLengthMax) throw no()
  const [, local = '', name = ''] = /^([^@]+)@([^@]+)$/.exec(value.trim()) ?? []
  if (local.length > localLengthMax || !/^[\w!#$%&'*+/=?^`{|}~-]+(\.[\w!#$%&'*+/=?^`{|}~-]+)*$/.test(local)) throw no()
  // Signs that turn into others, or into nothing, on their way to ASCII are not waited for.
  if (/[\s\p{C}/\\%?#:[\]<>,;"()]/u.test(name)) throw no()
  const host = domainToASCII(name).toLowerCase()
  const isName = /^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]*[a-z][a-z0-9-]*$/.test(host)
  if (!isName || local.length + host.length + 1 > addressLengthMax) throw no()
  return `${local.toLowerCase()}@${host}`
}

function readWebhookUrl(value: unknown, areLocalAllowed: boolean): string {
  if (typeof value !== 'string') throw new RequestRefusal('The address of a webhook is a URL.')
  const problem = webhookProblem(value.trim(), areLocalAllowed)
  if (problem !== null) throw new RequestRefusal(`The address of the webhook ${problem}.`)
  return normal(value)
}

function readSlackUrl(value: unknown, { slackHosts, localWebhooks }: SubscriptionOptions): string {
  const address = readWebhookUrl(value, localWebhooks)
  const { host, pathname } = new URL(address)
  if (!slackHosts.includes(host) || pathname === '/')
    throw new RequestRefusal(`An incoming webhook of Slack begins with https://${slackHosts[0] ?? 'hooks.slack.com'}/.`)
  return address
}

/** Many addresses of one door are one. */
const withoutQuery = (address: string): string => address.replace(/\?.*$/, '')

function normal(value: string): string {
  const url = new URL(value.trim())
  url.hash = ''
  return url.href
}

/** Ids that are not there are refused: who chose one would wait for news that never come. */
function readComponents(
  { component_ids: ids, component_id: id }: RequestFields,
  known: readonly string[],
): string[] | null {
  const given = [ids ?? id ?? []].flat()
  if (given.length === 0) return null
  if (!given.every((each) => typeof each === 'string')) throw new RequestRefusal('There is no such component.')
  const chosen = new Set(given)
  for (const each of chosen)
    if (chosen.size > componentsMax || !known.includes(each)) throw new RequestRefusal('There is no such component.')
  return known.every((each) => chosen.has(each)) ? null : [...chosen].toSorted()
}
